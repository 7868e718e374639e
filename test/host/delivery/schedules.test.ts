// Ticks come once, on time in UTC, and a missed one is made up for once.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { addDueTicks, lastDue } from '../../../host/delivery/schedules.ts';
import type { DeliveryRow, NewDelivery } from '../../../host/store/deliveries.ts';
import { instanceRow } from '../../contract/store-subject.ts';

const at = (text: string): number => Date.parse(`2026-03-29T${text}Z`);

describe('a schedule', () => {
  it('ticks at the minute itself, and once', () => {
    const due = (fromMs: number, now: number): string | undefined =>
      lastDue('*/5 * * * *', { fromMs, now })?.toISOString();
    assert.equal(due(at('10:04:59.999'), at('10:05:00.000')), '2026-03-29T10:05:00.000Z');
    assert.equal(due(at('10:05:00.000'), at('10:05:00.500')), undefined);
    assert.equal(due(at('10:05:00.500'), at('10:09:59.999')), undefined);
  });

  it('makes one tick of several that were missed: the newest', () => {
    const missed = lastDue('0 * * * *', { fromMs: at('02:00:00'), now: at('09:30:00') });
    assert.equal(missed?.toISOString(), '2026-03-29T09:00:00.000Z');
  });

  it('goes by UTC through the night in which clocks change', () => {
    const tick = lastDue('30 1 * * *', { fromMs: at('01:00:00'), now: at('01:30:00') });
    assert.equal(tick?.toISOString(), '2026-03-29T01:30:00.000Z');
  });

  it('adds no tick while an earlier one of it has not ended, and none twice', async () => {
    const { rows, add } = await scheduled({ addFails: 0 });
    await add('10:00:30');
    assert.deepEqual(
      rows.map(({ dedupe }) => dedupe),
      [],
    );
    await add('10:01:00');
    await add('10:01:01');
    await add('10:02:00');
    assert.deepEqual(
      rows.map(({ dedupe }) => dedupe),
      ['sync 2026-03-29T10:01:00.000Z'],
    );
    rows[0] = { ...rows[0], state: 'done' } as DeliveryRow;
    await add('10:03:00');
    assert.equal(rows[1]?.dedupe, 'sync 2026-03-29T10:03:00.000Z');
  });

  it('adds a tick at the next look when the store refused it', async () => {
    const { rows, add } = await scheduled({ addFails: 1 });
    await add('10:00:30');
    await assert.rejects(add('10:01:00'), /the store is down/);
    await add('10:01:02');
    assert.equal(rows[0]?.dedupe, 'sync 2026-03-29T10:01:00.000Z');
  });
});

/** One instance with a tick each minute, over a store of one list. */
async function scheduled({ addFails }: { addFails: number }): Promise<{
  readonly rows: DeliveryRow[];
  readonly add: (time: string) => Promise<void>;
}> {
  const rows: DeliveryRow[] = [];
  const seenMs = new Map<string, number>();
  const grants = { schedule: [{ name: 'sync', cron: '* * * * *' }] };
  const instance = instanceRow('main', { enabled: true, grants });
  let fails = addFails;
  const powers = {
    subscriptions: { enabled: async () => [instance] },
    store: { deliveries: async () => rows.slice(-1) },
    queue: {
      async add(more: readonly NewDelivery[]) {
        if (fails-- > 0) throw new Error('the store is down');
        const kept = { seq: 1, state: 'waiting', attempt: 0 } as const;
        const added = more.map((row) => ({ ...row, ...kept, endedMs: null, error: null }));
        rows.push(...added);
        return added;
      },
    },
  };
  return {
    rows,
    add: (time) => addDueTicks({ ...powers, nowMs: () => at(time) }, seenMs),
  };
}
