// How facts are written: by name, merged with what is there, nobody in between. Knows the keys.

import { fail } from 'cofferdam/sdk';
import type { Json, Storage } from 'cofferdam/sdk';

/** Writers that meet at one key take turns; each round at least one gets through. */
const TRIES_MAX = 60;
/** Values of one listing. */
const PAGE = 1_000;

/**
 * Facts of customers whom nobody referred wait this long for events that come late. A referral
 * that comes later than that finds only what is paid after it.
 */
export const WAIT_MS = 35 * 86_400_000;

/** Keys by what is under them. Parts are encoded: a ":" in an id cannot reach another's key. */
export const KEYS = {
  affiliate: (id: string) => `affiliate:${part(id)}`,
  code: (code: string) => `code:${part(code.toLowerCase())}`,
  customer: (userId: string) => `customer:${part(userId)}`,
  invoice: (id: string) => `invoice:${part(id)}`,
  order: (id: string) => `order:${part(id)}`,
  /** What a customer bought: `i` invoices, `o` orders. */
  bought: (userId: string, kind: 'i' | 'o', id: string) =>
    `bought:${part(userId)}:${kind}:${part(id)}`,
  entry: (affiliateId: string, invoiceId: string) =>
    `entry:${part(affiliateId)}:${part(invoiceId)}`,
  placed: (affiliateId: string, orderId: string) => `placed:${part(affiliateId)}:${part(orderId)}`,
  signup: (affiliateId: string, userId: string) => `signup:${part(affiliateId)}:${part(userId)}`,
  payouts: (affiliateId: string) => `payouts:${part(affiliateId)}`,
  payout: (affiliateId: string, id: string) => `payout:${part(affiliateId)}:${part(id)}`,
  visits: (affiliateId: string, month: string) => `visits:${part(affiliateId)}:${part(month)}`,
  visitDay: (affiliateId: string, day: string) => `visit-day:${part(affiliateId)}:${part(day)}`,
  seen: (affiliateId: string, hash: string) => `seen:${part(affiliateId)}:${hash}`,
  terms: (from: string) => `terms:${from}`,
  salt: 'salt',
} as const;

function part(text: string): string {
  return encodeURIComponent(text);
}

/**
 * Changes one value with nobody in between.
 *
 * @param change Gets what is there (null: nothing); undefined leaves it. May run several times.
 * @param ttlMs How long the changed value lives; undefined: for ever
 * @returns What is there afterwards
 * @throws {ExtensionFailure} `locked`, to be tried again, when others are always faster
 */
export async function amend<T extends Json>(
  storage: Storage,
  key: string,
  change: (current: T | null) => T | undefined,
  ttlMs?: (value: T) => number | undefined,
): Promise<T | null> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const current = await storage.get<T>(key);
    const next = change(current);
    if (next === undefined || isSame(current, next)) return current;
    const life = ttlMs?.(next);
    const options = life === undefined ? {} : { ttlMs: life };
    if (await storage.compareAndSet(key, current, next, options)) return next;
  }
  throw fail('locked', `Cannot write "${key}": others change it all the time`, {
    remedy: 'Nothing to do: it is tried again',
  });
}

/** Every value below a prefix, in order of keys; fails over `max` instead of reading on. */
export async function listAll<T extends Json>(
  storage: Storage,
  prefix: string,
  max: number,
): Promise<{ key: string; value: T }[]> {
  const all: { key: string; value: T }[] = [];
  for (;;) {
    const after = all.at(-1)?.key;
    const page = await storage.list<T>(prefix, {
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    all.push(...page);
    if (all.length > max) {
      throw fail('capacity', `There are more than ${max} values below "${prefix}"`, {
        remedy: 'Split the programme over several instances of this extension',
      });
    }
    if (page.length < PAGE) return all;
  }
}

/** Whether two values have the same JSON, whatever the order of their names. */
export function isSame(a: Json, b: Json): boolean {
  return sorted(a) === sorted(b);
}

function sorted(value: Json): string {
  return JSON.stringify(value, (_name, each: Json) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
