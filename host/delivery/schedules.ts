// Ticks: what an instance's granted schedules say is due becomes a durable delivery, once for each tick
// however many hosts look. A tick that nobody saw, because no host ran, is made up for once.

import { Cron } from 'croner';

import { LIMITS } from '../limits.ts';
import type { DeliveryStore, NewDelivery } from '../store/deliveries.ts';
import type { InstanceRow } from '../store/store.ts';
import { createDeliveryId } from './ids.ts';
import type { DeliveryQueue } from './queue.ts';
import { targetOf } from './subscriptions.ts';
import type { Subscriptions } from './subscriptions.ts';

/** What scheduling needs. */
export type SchedulePowers = {
  readonly store: DeliveryStore;
  readonly queue: Pick<DeliveryQueue, 'add'>;
  readonly subscriptions: Subscriptions;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
};

/** Looks every second; `stop` ends it. */
export function startSchedules(powers: SchedulePowers): { stop(): void } {
  // Ticks up to here are added; the first look goes back to what was missed.
  const seenMs = new Map<string, number>();
  let looking = false;
  const look = async (): Promise<void> => {
    const now = powers.nowMs();
    const rows: NewDelivery[] = [];
    const names = new Set<string>();
    for (const row of await powers.subscriptions.enabled()) {
      for (const { name, cron } of row.grants?.schedule ?? []) {
        const key = `${targetOf(row)} ${name} ${cron}`;
        names.add(key);
        const fromMs = seenMs.get(key) ?? (await lastTickMs(powers.store, row, name)) ?? now;
        const tick = lastDue(cron, { fromMs, now });
        if (tick !== undefined) rows.push(tickDelivery(row, name, tick));
      }
    }
    if (rows.length > 0) await powers.queue.add(rows);
    // Seen only once they are in the store: what failed is looked at again.
    for (const key of names) seenMs.set(key, now);
    for (const key of seenMs.keys()) if (!names.has(key)) seenMs.delete(key);
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look()
      .catch(powers.onError)
      .finally(() => {
        looking = false;
      });
  }, LIMITS.deliveryPollMs).unref();
  return { stop: () => clearInterval(timer) };
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

async function lastTickMs(
  store: DeliveryStore,
  row: InstanceRow,
  name: string,
): Promise<number | undefined> {
  const about = { target: targetOf(row), kind: 'schedule', type: name } as const;
  const [last] = await store.deliveries({ ...about, limit: 1 });
  return last === undefined ? undefined : Date.parse(last.dedupe.slice(name.length + 1));
}

function tickDelivery(row: InstanceRow, name: string, tick: Date): NewDelivery {
  const at = tick.toISOString();
  return {
    id: createDeliveryId('dlv'),
    kind: 'schedule',
    target: targetOf(row),
    subject: `schedule:${name}`,
    type: name,
    dedupe: `${name} ${at}`,
    payload: JSON.stringify({ name, at }),
    dueMs: tick.getTime(),
    createdMs: tick.getTime(),
  };
}
