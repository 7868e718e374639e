// Deliveries about one thing come in their order, whichever host runs them and however often one fails.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';

import { TEST_ROOT } from '../../helpers/folder.ts';
import { DeliveryQueue } from '../../../host/delivery/queue.ts';
import { HostError } from '../../../host/errors.ts';
import type { NewDelivery } from '../../../host/store/deliveries.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import { clockOf } from '../../helpers/clock.ts';

it('two hosts run what is about one thing in order, though each fails at first', async () => {
  const dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-order-'));
  const store = openSqliteStore(join(dir, 'store.sqlite'));
  const ran: string[] = [];
  const all = Promise.withResolvers<undefined>();
  const make = (): DeliveryQueue =>
    new DeliveryQueue({
      store,
      clock: clockOf(Date.now),
      async execute({ id, attempt }) {
        ran.push(`${id} ${attempt}`);
        const failure = { code: 'unavailable', retriable: true, retryAfterMs: 1 };
        if (attempt === 1)
          throw new HostError('EXTENSION_FAILED', 'Not yet', { details: { failure } });
        if (ran.length === 2 * ids.length) all.resolve(undefined);
        return { state: 'done' };
      },
      onDead: () => undefined,
      onError: all.reject,
    });
  const ids = Array.from({ length: 12 }, (_, at) => `${at % 3}-${Math.floor(at / 3)}`);
  const hosts = [make(), make()];
  for (const host of hosts) host.start();
  for (const [at, id] of ids.entries()) await hosts[at % 2]?.add([event(id)]);
  const waker = setInterval(() => hosts.forEach((host) => host.wake()), 2);
  await all.promise;
  clearInterval(waker);
  for (const host of hosts) await host.stop();
  for (const subject of ['0', '1', '2']) {
    const places = [0, 1, 2, 3].flatMap((place) => [`${place} 1`, `${place} 2`]);
    assert.deepEqual(
      ran.filter((each) => each.startsWith(`${subject}-`)),
      places.map((each) => `${subject}-${each}`),
    );
  }
  await store[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

function event(id: string): NewDelivery {
  const about = { kind: 'event', target: 'others/notes/default', type: 'invoice.paid' } as const;
  const subject = `invoice:${id.slice(0, 1)}`;
  return { id, ...about, subject, dedupe: id, payload: '{}', dueMs: 0, createdMs: 0 };
}
