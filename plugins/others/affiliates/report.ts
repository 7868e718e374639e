// What an affiliate brought, counted and summed by month.

import type { Context } from 'cofferdam/sdk';

import { addUp } from './balances.ts';
import type { Config } from './config.ts';
import type { Order } from './documents.ts';
import { KEYS, listAll } from './keep.ts';
import { ENTRIES_MAX, readStatement } from './programme.ts';
import type { Line } from './statement.ts';
import { readVisits } from './visits.ts';

/** Counts and sums by month. */
export async function readReport(ctx: Context<Config>, id: string, nowMs: number) {
  const { storage } = ctx;
  const statement = await readStatement(ctx, id, nowMs);
  const visits = await readVisits(storage, id);
  const signups = await listAll<{ at: string }>(storage, KEYS.signup(id, ''), ENTRIES_MAX);
  const orders = await listAll<Order>(storage, KEYS.placed(id, ''), ENTRIES_MAX);
  const months = new Map<string, { visits: number; signups: number; orders: number }>();
  const count = (month: string, what: 'visits' | 'signups' | 'orders', by: number): void => {
    const known = months.get(month) ?? { visits: 0, signups: 0, orders: 0 };
    months.set(month, { ...known, [what]: known[what] + by });
  };
  for (const [month, number] of visits) count(month, 'visits', number);
  for (const { value } of signups) count(value.at.slice(0, 7), 'signups', 1);
  for (const { value } of orders) count(value.at.slice(0, 7), 'orders', 1);
  for (const { at } of statement.lines) count(at.slice(0, 7), 'orders', 0);
  const totals = {
    visits: [...visits.values()].reduce((sum, number) => sum + number, 0),
    signups: signups.length,
    orders: orders.length,
    payingCustomers: new Set(
      statement.lines.filter((line) => line.rewardMinor > 0).map(({ userId }) => userId),
    ).size,
  };
  const byMonth = [...months]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([month, counts]) => ({ month, ...counts, rewards: rewardsOf(statement.lines, month) }));
  return { statement, totals, byMonth };
}

function rewardsOf(lines: readonly Line[], month: string) {
  const mine = lines.filter(({ at }) => at.startsWith(month));
  return addUp(mine, []).map(({ currency }) => {
    const sum = (field: 'rewardMinor' | 'clawedBackMinor'): number =>
      mine.reduce((total, line) => total + (line.currency === currency ? line[field] : 0), 0);
    return {
      currency,
      rewardMinor: sum('rewardMinor'),
      clawedBackMinor: sum('clawedBackMinor'),
    };
  });
}
