// An extension that lies in its results, and a stranger who floods, harm nobody else's deliveries.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { TEST_ROOT } from '../../helpers/folder.ts';
import type { Catalog } from '../../../host/catalog/catalog.ts';
import { receiveHook } from '../../../host/delivery/hooks.ts';
import { DeliveryQueue } from '../../../host/delivery/queue.ts';
import type { Attempt } from '../../../host/delivery/queue.ts';
import { decideNext } from '../../../host/delivery/retry.ts';
import { HostError } from '../../../host/errors.ts';
import { createFactRecorder } from '../../../host/ledger/facts.ts';
import { LEDGER_RULES } from '../../../host/ledger/merge.ts';
import type { Calls } from '../../../host/lifecycle/calls.ts';
import type { CallOutcome } from '../../../host/lifecycle/host.ts';
import {
  pendingDelivery,
  pendingShape,
  remember,
  waitOf,
} from '../../../host/lifecycle/pending.ts';
import { subjectOf } from '../../../host/lifecycle/subjects.ts';
import { LIMITS } from '../../../host/limits.ts';
import type { DeliveryKind, DeliveryRow, NewDelivery } from '../../../host/store/deliveries.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';
import type { Fact } from '../../../sdk/domain.ts';
import { instanceRow } from '../../contract/store-subject.ts';
import { clockOf } from '../../helpers/clock.ts';

const nowMs = (): number => 1_000;

describe('a hostile result', () => {
  let dir: string;
  let store: Store;

  before(async () => {
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-hostile-'));
    store = openSqliteStore(join(dir, 'store.sqlite'));
  });
  after(async () => {
    await store[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  it('asks for a fraction of a millisecond and gets a whole one', () => {
    const failure = { code: 'unavailable', retriable: true, retryAfterMs: 1_000.5 };
    const error = new HostError('EXTENSION_FAILED', 'Later', { details: { failure } });
    const next = decideNext(error, { kind: 'event', attempt: 1 }, nowMs());
    assert.deepEqual(next, { act: 'retry', dueMs: 2_001 });
    assert.equal(waitOf({ status: 'pending', retryAfterMs: 1_000.5 }), 1_001);
  });

  it('is remembered of a pending operation without a service, and no longer than a bound', () => {
    const pending = { status: 'pending', properties: { task: 'T1', old: null } } as const;
    const call = { callId: 'c', instance: 'servers/x/default', handler: 'create', key: undefined };
    const more = { inputText: 'null', subject: undefined, isUnseen: false };
    const { payload } = pendingDelivery(pending, { ...call, ...more }, nowMs());
    const known = pendingShape.parse(JSON.parse(payload));
    assert.deepEqual(known.input, { properties: { task: 'T1' } });
    const next = remember(known, { status: 'pending', properties: { task: null, step: 2 } });
    assert.deepEqual(next.input, { properties: { step: 2 } });
    const room = LIMITS.pendingChars - JSON.stringify(remember(known, grown(''))).length;
    assert.ok(remember(known, grown('x'.repeat(room))));
    assert.throws(() => remember(known, grown('x'.repeat(room + 1))), {
      code: 'EXTENSION_QUOTA_EXCEEDED',
    });
    function grown(text: string): { status: 'pending'; properties: { text: string } } {
      return { status: 'pending', properties: { text } };
    }
  });

  it('cannot make the ledger unreadable by refunds that no number holds', async () => {
    const most = Number.MAX_SAFE_INTEGER;
    const money = { amountMinor: most, currency: 'EUR', state: 'succeeded' } as const;
    const facts: Fact[] = [
      { ...money, externalId: 'p', kind: 'payment' },
      { ...money, externalId: 'r1', kind: 'refund', relatedExternalId: 'p' },
      { ...money, externalId: 'r2', kind: 'refund', relatedExternalId: 'p' },
    ];
    const instance = 'gateways/liar/default';
    const rules = LEDGER_RULES;
    await store.putFacts({ instance, nowMs: 1, facts, rules, message: () => undefined });
    const rows = await store.facts({ after: 0, limit: 10 });
    assert.equal(rows.find(({ externalId }) => externalId === 'p')?.refundedMinor, most);
  });

  it('takes no place of other deliveries, however many webhooks wait for it', async () => {
    const told = Promise.withResolvers<string>();
    const slow = Promise.withResolvers<{ readonly attempt: Attempt }>();
    const queue = new DeliveryQueue({
      store,
      clock: clockOf(nowMs),
      execute: ({ target }) => {
        told.resolve(target);
        return Promise.resolve({ state: 'done' });
      },
      onDead: () => undefined,
      onError: told.reject,
    });
    const flooded = Array.from({ length: LIMITS.deliveriesRunning }, (_each, at) => {
      const started = Promise.withResolvers<undefined>();
      void queue.runNow(delivery('webhook', 'gateways/slow/default', at), () => {
        started.resolve(undefined);
        return slow.promise;
      });
      return started.promise;
    });
    await Promise.all(flooded);
    await queue.add([delivery('event', 'others/quiet/default', 1)]);
    assert.equal(await told.promise, 'others/quiet/default');
    slow.resolve({ attempt: { state: 'done' } });
    await queue.stop();
  });

  it('keeps webhooks over its share for later, and refuses those over the bound', async () => {
    const started: string[] = [];
    const never = new Promise<CallOutcome>(() => undefined);
    const queue = new DeliveryQueue({
      store,
      clock: clockOf(nowMs),
      execute: () => assert.fail('nothing is claimed before the queue starts'),
      onDead: () => undefined,
      onError: () => undefined,
    });
    const target = { category: 'gateways', name: 'flooded', instance: 'default' } as const;
    const grants = { webhook: true };
    let waiting = { number: 0, bytes: 0 };
    const powers = {
      queue: {
        runNow: queue.runNow.bind(queue),
        runningOf: queue.runningOf.bind(queue),
        add: (rows: readonly NewDelivery[]) => store.addDeliveries(rows),
      },
      nowMs,
      calls: {
        deliver({ id }: DeliveryRow) {
          started.push(id);
          return never;
        },
      } as unknown as Calls,
      catalog: { find: async () => target } as unknown as Catalog,
      store: {
        ...store,
        instance: async () => instanceRow('default', { ...target, enabled: true, grants }),
        sizeOpenDeliveries: async () => waiting,
      },
    };
    const request = { method: 'POST', url: 'https://h.example.com', headers: {} };
    const send = (): Promise<unknown> =>
      receiveHook(powers, { ...request, ref: target, body: Buffer.from('{}') });
    for (let sent = 1; sent <= LIMITS.hooksRunning; sent += 1) {
      void send();
      while (started.length < sent) await new Promise(setImmediate);
    }
    assert.deepEqual(await send(), { status: 202 });
    assert.equal(started.length, LIMITS.hooksRunning);
    const [kept] = await store.deliveries({ target: 'gateways/flooded/default', limit: 1 });
    assert.equal(kept?.state, 'waiting');
    waiting = { number: LIMITS.hooksWaiting, bytes: 0 };
    await assert.rejects(send(), { code: 'HOST_OVERLOADED' });
    waiting = { number: 1, bytes: LIMITS.hooksWaitingBytes };
    await assert.rejects(send(), { code: 'HOST_OVERLOADED' });
    waiting = { number: LIMITS.hooksWaiting - 1, bytes: LIMITS.hooksWaitingBytes - 1 };
    assert.deepEqual(await send(), { status: 202 });
  });

  it('fills the store with no more dead webhooks than a person looks at', async () => {
    const target = 'gateways/refusing/default';
    const failure = { code: 'rejected', message: 'No', retriable: false };
    const refuse = async (): Promise<never> => {
      throw new HostError('EXTENSION_FAILED', 'No', { details: { failure } });
    };
    const queue = new DeliveryQueue({
      store,
      clock: clockOf(nowMs),
      execute: refuse,
      onDead: () => undefined,
      onError: assert.ifError,
    });
    for (let at = 0; at < LIMITS.deadHooks + 3; at += 1) {
      await assert.rejects(queue.runNow(delivery('webhook', target, at), refuse));
    }
    await queue.stop();
    const dead = await store.deliveries({ target, state: 'dead', limit: 1_000 });
    assert.equal(dead.length, LIMITS.deadHooks);
    assert.equal(dead[0]?.id, `${target} ${LIMITS.deadHooks + 2}`);
  });

  it('cannot put into the ledger what PostgreSQL cannot hold', async () => {
    const powers = { store, nowMs, message: () => undefined, onRecorded: () => undefined };
    const { record } = createFactRecorder(powers);
    const fact = { externalId: 'a\0b', kind: 'payment', state: 'succeeded' };
    const text = JSON.stringify({ facts: [{ ...fact, amountMinor: 1, currency: 'EUR' }] });
    await assert.rejects(record('gateways/liar/default', text), {
      code: 'EXTENSION_OUTPUT_INVALID',
      message: /facts\.0\.externalId.*null character/,
    });
    assert.equal(subjectOf('servers/x/default', 'create', { id: 'a\0b' }), 'service:a\uFFFDb');
  });
});

function delivery(kind: DeliveryKind, target: string, at: number): NewDelivery {
  const id = `${target} ${at}`;
  const times = { dueMs: 0, createdMs: 0 };
  return { id, kind, target, subject: '', type: 't', dedupe: id, payload: '{}', ...times };
}
