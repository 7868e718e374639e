// Payouts: asked for, approved, paid or rejected. All of one affiliate lie under one key, so that two
// requests at once can never take the same money.

import { fail } from 'cofferdam/sdk';
import type { Json, Storage } from 'cofferdam/sdk';

import { amend, KEYS, listAll } from './keep.ts';

/** One payout. */
export type Payout = {
  readonly id: string;
  readonly currency: string;
  readonly amountMinor: number;
  readonly state: 'requested' | 'approved' | 'paid' | 'rejected';
  readonly requestedAt: string;
  readonly decidedAt: string | null;
  readonly payoutTo: string | null;
  /** What the admin wrote: a transfer's number, a reason */
  readonly reference: string | null;
};

/** All payouts of one affiliate: the newest ones, and the sum of those that were put away. */
export type Payouts = {
  readonly recent: Payout[];
  readonly archivedMinor: { readonly [currency: string]: number };
};

/** Decided payouts that stay at hand; older ones are put away each under a key of its own. */
const RECENT_MAX = 60;
const OPEN_MAX = 50;
const ARCHIVED_MAX = 10_000;
const NONE: Payouts = { recent: [], archivedMinor: {} };

/** The payouts of an affiliate. */
export async function readPayouts(storage: Storage, affiliateId: string): Promise<Payouts> {
  return (await storage.get<Payouts>(KEYS.payouts(affiliateId))) ?? NONE;
}

/** Every payout of an affiliate, newest first. */
export async function listPayouts(storage: Storage, affiliateId: string): Promise<Payout[]> {
  const { recent } = await readPayouts(storage, affiliateId);
  const prefix = KEYS.payout(affiliateId, '');
  const archived = await listAll<Payout>(storage, prefix, ARCHIVED_MAX);
  const byId = new Map([...archived.map(({ value }) => value), ...recent].map((p) => [p.id, p]));
  return [...byId.values()].toSorted((a, b) => (a.requestedAt < b.requestedAt ? 1 : -1));
}

/** What payouts take out of each currency. */
export function sumsOf({ recent, archivedMinor }: Payouts): {
  currency: string;
  paidMinor: number;
  requestedMinor: number;
}[] {
  const currencies = new Set([...recent.map((p) => p.currency), ...Object.keys(archivedMinor)]);
  return [...currencies].map((currency) => {
    const sum = (...states: Payout['state'][]): number =>
      recent
        .filter((each) => each.currency === currency && states.includes(each.state))
        .reduce((total, each) => total + each.amountMinor, 0);
    const paidMinor = sum('paid') + (archivedMinor[currency] ?? 0);
    return { currency, paidMinor, requestedMinor: sum('requested', 'approved') };
  });
}

/**
 * Adds a payout; one with the same id that is there already is left as it is.
 *
 * @param decide Gets the payouts as they are and returns the new one, or throws
 */
export async function addPayout(
  storage: Storage,
  affiliateId: string,
  id: string,
  decide: (current: Payouts) => Payout,
): Promise<Payout> {
  await archive(storage, affiliateId);
  const kept = await amend<Payouts>(storage, KEYS.payouts(affiliateId), (current) => {
    const { recent, archivedMinor } = current ?? NONE;
    if (recent.some((each) => each.id === id)) return undefined;
    if (recent.filter(isOpen).length >= OPEN_MAX) {
      throw fail('capacity', `${OPEN_MAX} payouts of affiliate "${affiliateId}" are open`, {
        remedy: 'Decide on the open payouts first',
      });
    }
    return { recent: [...recent, decide({ recent, archivedMinor })], archivedMinor };
  });
  return find(kept ?? NONE, affiliateId, id);
}

/** Moves a payout on. @param decide Throws when it may not be */
export async function decidePayout(
  storage: Storage,
  affiliateId: string,
  id: string,
  decide: (payout: Payout, all: Payouts) => Payout,
): Promise<Payout> {
  const kept = await amend<Payouts>(storage, KEYS.payouts(affiliateId), (current) => {
    const all = current ?? NONE;
    const decided = decide(find(all, affiliateId, id), all);
    return { ...all, recent: all.recent.map((each) => (each.id === id ? decided : each)) };
  });
  return find(kept ?? NONE, affiliateId, id);
}

/** Puts decided payouts away when there are many: first each under its own key, then out of the list. */
async function archive(storage: Storage, affiliateId: string): Promise<void> {
  const { recent } = await readPayouts(storage, affiliateId);
  const old = recent.filter((each) => !isOpen(each)).slice(0, -RECENT_MAX);
  if (old.length === 0) return;
  for (const payout of old) await storage.set(KEYS.payout(affiliateId, payout.id), payout);
  await amend<Payouts>(storage, KEYS.payouts(affiliateId), (current) => {
    const { recent, archivedMinor } = current ?? NONE;
    const sums: { [currency: string]: number } = { ...archivedMinor };
    const isGoing = (each: Payout): boolean => old.some(({ id }) => id === each.id);
    for (const { currency, amountMinor } of recent.filter(
      (each) => isGoing(each) && each.state === 'paid',
    )) {
      sums[currency] = (sums[currency] ?? 0) + amountMinor;
    }
    return { recent: recent.filter((each) => !isGoing(each)), archivedMinor: sums };
  });
}

function find({ recent }: Payouts, affiliateId: string, id: string): Payout {
  const found = recent.find((each) => each.id === id);
  if (found !== undefined) return found;
  throw fail('not_found', `Affiliate "${affiliateId}" has no open payout "${id}"`, {
    remedy: 'Read the page "payouts": decided ones are put away in time',
  });
}

function isOpen({ state }: Payout): boolean {
  return state === 'requested' || state === 'approved';
}

/** A payout as plain data. */
export function showPayout(payout: Payout): Json {
  return { ...payout };
}
