// Ticks: what an instance's granted schedules say is due becomes a durable delivery, once for each tick
// however many hosts look. A tick that nobody saw, because no host ran, is made up for once. When the clock
// is set back, ticks go on by the new time; only the very one that ran last is not run again.

import { Cron } from 'croner';

import { LIMITS } from '../limits.ts';
import type { DeliveryRow, DeliveryStore, NewDelivery } from '../store/deliveries.ts';
import type { InstanceRow } from '../store/store.ts';
import { createDeliveryId } from './ids.ts';
import type { DeliveryQueue } from './queue.ts';
import { targetOf } from './subscriptions.ts';
import type { Subscriptions } from './subscriptions.ts';

type TickStore = Pick<DeliveryStore, 'deliveries'>;

/** What scheduling needs. */
export type SchedulePowers = {
  readonly store: TickStore;
  readonly queue: Pick<DeliveryQueue, 'add'>;
  readonly subscriptions: Pick<Subscriptions, 'enabled'>;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
};

/** Looks every second; `stop` ends it. */
export function startSchedules(powers: SchedulePowers): { stop(): void } {
  const seenMs = new Map<string, number>();
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void addDueTicks(powers, seenMs)
      .catch(powers.onError)
      .finally(() => {
        looking = false;
      });
  }, LIMITS.deliveryPollMs).unref();
  return { stop: () => clearInterval(timer) };
}

/**
 * Adds the ticks that came due since the last look.
 *
 * @param seenMs By schedule, up to when its ticks are added; empty at the first look, which goes back to
 *   what was missed
 */
export async function addDueTicks(
  { subscriptions, store, queue, nowMs }: Omit<SchedulePowers, 'onError'>,
  seenMs: Map<string, number>,
): Promise<void> {
  const now = nowMs();
  const rows: NewDelivery[] = [];
  const names = new Set<string>();
  for (const row of await subscriptions.enabled()) {
    for (const { name, cron } of row.grants?.schedule ?? []) {
      const key = `${targetOf(row)} ${name} ${cron}`;
      names.add(key);
      const fromMs = seenMs.get(key) ?? (await lastTick(store, row, name))?.createdMs ?? now;
      // Later than now: the clock was set back since.
      const tick = lastDue(cron, { fromMs: Math.min(fromMs, now), now });
      const last = tick && (await lastTick(store, row, name));
      if (tick !== undefined && !standsFor(last, tick)) {
        rows.push(tickDelivery(row, { name, tick, after: last?.seq ?? 0 }));
      }
    }
  }
  if (rows.length > 0) await queue.add(rows);
  // Seen only once they are in the store: what failed is looked at again.
  for (const key of names) seenMs.set(key, now);
  for (const key of seenMs.keys()) if (!names.has(key)) seenMs.delete(key);
}

/** The newest tick in (fromMs, now], in UTC; several missed ones become one. */
export function lastDue(
  cron: string,
  { fromMs, now }: { readonly fromMs: number; readonly now: number },
): Date | undefined {
  const pattern = new Cron(cron, { mode: '5-part', timezone: 'UTC', paused: true });
  // croner looks back from the whole second before its reference.
  const nextSecond = (Math.floor(now / 1_000) + 1) * 1_000;
  const [tick] = pattern.previousRuns(1, new Date(nextSecond));
  return tick !== undefined && tick.getTime() > fromMs ? tick : undefined;
}

/**
 * Whether the last tick is that one, added by another host or before the clock was set back; or has not
 * ended: it stands for those after it, so that a slow handler does not pile up ticks.
 */
function standsFor(last: DeliveryRow | undefined, tick: Date): boolean {
  return (
    last?.createdMs === tick.getTime() || last?.state === 'waiting' || last?.state === 'running'
  );
}

async function lastTick(
  store: TickStore,
  row: InstanceRow,
  name: string,
): Promise<DeliveryRow | undefined> {
  const about = { target: targetOf(row), kind: 'schedule', type: name } as const;
  const [last] = await store.deliveries({ ...about, limit: 1 });
  return last;
}

/** @param after The tick before it: hosts that add one at the same time add the same, and a time may come twice */
function tickDelivery(
  row: InstanceRow,
  { name, tick, after }: { readonly name: string; readonly tick: Date; readonly after: number },
): NewDelivery {
  const at = tick.toISOString();
  return {
    id: createDeliveryId('dlv'),
    kind: 'schedule',
    target: targetOf(row),
    subject: `schedule:${name}`,
    type: name,
    dedupe: `${name} ${at} ${after}`,
    payload: JSON.stringify({ name, at }),
    dueMs: tick.getTime(),
    createdMs: tick.getTime(),
  };
}
