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
    const { ticks, add, end } = await scheduled({ addFails: 0 });
    for (const time of ['10:00:30', '10:01:00', '10:01:01', '10:02:00']) await add(time);
    assert.deepEqual(ticks(), ['10:01']);
    end();
    await add('10:03:00');
    assert.deepEqual(ticks(), ['10:01', '10:03']);
  });

  it('adds a tick at the next look when the store refused it', async () => {
    const { ticks, add } = await scheduled({ addFails: 1 });
    await add('10:00:30');
    await assert.rejects(add('10:01:00'), /the store is down/);
    await add('10:01:02');
    assert.deepEqual(ticks(), ['10:01']);
  });

  it('goes on when the clock is set back, by the new time', async () => {
    const { ticks, add, end } = await scheduled({ addFails: 0 });
    for (const time of ['10:00:30', '10:01:00', '09:00:30', '09:01:00', '09:02:00']) {
      await add(time);
      end();
    }
    assert.deepEqual(ticks(), ['10:01', '09:01', '09:02']);
  });

  it('goes on when the clock was set back while no host ran', async () => {
    const { ticks, add, end, restart } = await scheduled({ addFails: 0 });
    for (const time of ['10:00:30', '10:01:00']) await add(time);
    end();
    restart();
    for (const time of ['09:00:30', '09:01:00']) await add(time);
    assert.deepEqual(ticks(), ['10:01', '09:01']);
  });

  it('does not run the last tick again whose time comes a second time', async () => {
    const { ticks, add, end } = await scheduled({ addFails: 0, cron: '0 3 * * *' });
    for (const time of ['02:59:00', '03:00:00', '02:10:00', '03:00:00']) {
      await add(time);
      end();
    }
    assert.deepEqual(ticks(), ['03:00']);
  });
});

/** One instance with a schedule, over a store of one list. */
async function scheduled({
  addFails,
  cron = '* * * * *',
}: {
  readonly addFails: number;
  readonly cron?: string;
}): Promise<{
  readonly add: (time: string) => Promise<void>;
  /** Their times, as they were added */
  readonly ticks: () => string[];
  /** Ends the last one */
  readonly end: () => void;
  readonly restart: () => void;
}> {
  const rows: DeliveryRow[] = [];
  const seenMs = new Map<string, number>();
  const grants = { schedule: [{ name: 'sync', cron }] };
  const instance = instanceRow('main', { enabled: true, grants });
  let fails = addFails;
  const powers = {
    subscriptions: { enabled: async () => [instance] },
    store: { deliveries: async () => rows.slice(-1) },
    queue: {
      async add(more: readonly NewDelivery[]) {
        if (fails-- > 0) throw new Error('the store is down');
        const fresh = more.filter(({ dedupe }) => rows.every((row) => row.dedupe !== dedupe));
        const kept = { state: 'waiting', attempt: 0, endedMs: null, error: null } as const;
        const added = fresh.map((row, at) => ({ ...row, ...kept, seq: rows.length + at + 1 }));
        rows.push(...added);
        return added;
      },
    },
  };
  return {
    add: (time) => addDueTicks({ ...powers, nowMs: () => at(time) }, seenMs),
    ticks: () => rows.map(({ payload }) => JSON.parse(payload).at.slice(11, 16)),
    restart: () => seenMs.clear(),
    end() {
      const last = rows.pop();
      if (last !== undefined) rows.push({ ...last, state: 'done' });
    },
  };
}
