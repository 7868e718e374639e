// Wall clocks are set: by an hour, ahead and back, while deliveries wait and run.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { TEST_ROOT } from '../../helpers/folder.ts';
import { DeliveryQueue } from '../../../host/delivery/queue.ts';
import type { Attempt } from '../../../host/delivery/queue.ts';
import { HostError } from '../../../host/errors.ts';
import { guardCall } from '../../../host/lifecycle/cut-off.ts';
import { LIMITS } from '../../../host/limits.ts';
import type { DeliveryRow, NewDelivery } from '../../../host/store/deliveries.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';
import { clockOf } from '../../helpers/clock.ts';

const backoffMs = (attempt: number): number => LIMITS.deliveryBackoffMs[attempt - 1] ?? 0;
const HOUR_MS = 3_600_000;
const TARGET = 'servers/vms/default';

describe('a wall clock that is set', { timeout: 20_000 }, () => {
  let dir: string;
  let store: Store;
  let clockMs: number;
  let execute: (row: DeliveryRow) => Promise<Attempt>;
  let queue: DeliveryQueue;
  const nowMs = (): number => clockMs;

  beforeEach(async () => {
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-clock-'));
    store = openSqliteStore(join(dir, 'store.sqlite'));
    clockMs = Date.parse('2026-03-29T10:00:00Z');
    queue = startQueue();
  });
  afterEach(async () => {
    await queue.stop();
    await store[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  it('runs no call a second time that runs, when it is set ahead', async () => {
    const ran: string[] = [];
    const { promise: hasRun, resolve: told } = Promise.withResolvers<undefined>();
    execute = async ({ kind }) => {
      ran.push(kind);
      told(undefined);
      return { state: 'done' };
    };
    const { promise: ends, resolve: end } = Promise.withResolvers<undefined>();
    const call = { callId: 'call_1', handler: 'create', inputText: '{}', key: null, subject: null };
    const powers = { store, nowMs, onError: assert.ifError };
    const { promise: begins, resolve: begun } = Promise.withResolvers<undefined>();
    const guarded = guardCall(powers, TARGET, call, () => {
      begun(undefined);
      return ends;
    });
    await begins;
    clockMs += HOUR_MS;
    await queue.add([event('after')]);
    await hasRun;
    assert.deepEqual(ran, ['event']);
    end(undefined);
    await guarded;
  });

  it('tries a failed delivery again as late as it was to be, when it is set back', async () => {
    const { promise: hasRun, resolve: ran } = Promise.withResolvers<number>();
    execute = async ({ attempt }) => {
      if (attempt === 1) throw new HostError('REMOTE_UNREACHABLE', 'Down');
      ran(attempt);
      return { state: 'done' };
    };
    await queue.add([event('again')]);
    await waitsUntil('again', clockMs + backoffMs(1));
    await queue.stop();
    clockMs -= HOUR_MS;
    queue = startQueue();
    await waitsUntil('again', clockMs + backoffMs(1));
    clockMs += backoffMs(1);
    queue.wake();
    assert.equal(await hasRun, 2);
  });

  it('goes on with what waits while it runs, at the next look', async () => {
    const { promise: hasRun, resolve: ran } = Promise.withResolvers<string>();
    execute = async ({ id }) => {
      ran(id);
      return { state: 'done' };
    };
    await store.addDeliveries([{ ...event('waits'), dueMs: clockMs + 5_000 }]);
    queue.wake();
    clockMs -= HOUR_MS;
    // As far as five looks go.
    const timer = setInterval(() => void (clockMs += 5_000), LIMITS.deliveryPollMs);
    assert.equal(await hasRun, 'waits');
    clearInterval(timer);
  });

  it('goes on with what had read the clock before it was set, and is written after that', async () => {
    const { promise: hasRun, resolve: ran } = Promise.withResolvers<string>();
    execute = async ({ id }) => {
      ran(id);
      return { state: 'done' };
    };
    const late = event('late');
    await store.addDeliveries([{ ...event('waits'), dueMs: clockMs + HOUR_MS }]);
    clockMs -= HOUR_MS;
    await waitsUntil('waits', clockMs + HOUR_MS);
    await store.addDeliveries([late]);
    assert.equal(await hasRun, 'late');
  });

  async function waitsUntil(id: string, dueMs: number): Promise<void> {
    while ((await store.delivery(id))?.dueMs !== dueMs) await new Promise(setImmediate);
  }

  function startQueue(): DeliveryQueue {
    const started = new DeliveryQueue({
      ...{ store, clock: clockOf(nowMs), onDead: () => undefined, onError: assert.ifError },
      execute: (row) => execute(row),
    });
    started.start();
    return started;
  }

  function event(id: string): NewDelivery {
    const about = { kind: 'event', target: TARGET, subject: '', type: 'invoice.paid' } as const;
    return { id, ...about, dedupe: id, payload: '{}', dueMs: clockMs, createdMs: clockMs };
  }
});
