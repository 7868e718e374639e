// Visits by a code: counted by month, one visitor once a day.

import { textOf } from 'cofferdam/sdk';
import type { JsonObject, Storage } from 'cofferdam/sdk';

import { KEYS, listAll } from './keep.ts';
import { findByCode, standingOf } from './members.ts';
import { hashText } from './signals.ts';

const DAY_MS = 86_400_000;
/** Visitors told apart on one day for one affiliate; more are not counted: it is a flood, or a very good day. */
export const VISITORS_MAX = 10_000;
const MONTHS_MAX = 600;

/** What the panel is told of a visit. */
export type Visit = {
  readonly valid: boolean;
  readonly code?: string;
  readonly affiliateId?: string;
  readonly counted?: boolean;
};

/** Counts a visit by a code. `visitorId` (or `ip`) tells visitors apart; only a hash is kept, for a day. */
export async function addVisit(
  storage: Storage,
  values: JsonObject,
  nowMs: number,
): Promise<Visit> {
  const code = textOf(values['code']) ?? '';
  const affiliate = await findByCode(storage, code);
  if (affiliate === undefined || standingOf(affiliate)?.enabled !== true) return { valid: false };
  const { id } = affiliate;
  const day = new Date(nowMs).toISOString().slice(0, 10);
  const visitor = textOf(values['visitorId']) ?? textOf(values['ip']);
  const known = { valid: true, code: affiliate.codes.at(-1) ?? code, affiliateId: id };
  const hash = visitor === undefined ? undefined : await hashText(storage, `${day}:${visitor}`);
  if (hash !== undefined && (await storage.get(KEYS.seen(id, hash))) !== null) {
    return { ...known, counted: false };
  }
  const today = await storage.increment(KEYS.visitDay(id, day), 1, { ttlMs: 2 * DAY_MS });
  if (today > VISITORS_MAX) return { ...known, counted: false };
  const isFirst =
    hash === undefined ||
    (await storage.compareAndSet(KEYS.seen(id, hash), null, true, { ttlMs: DAY_MS }));
  if (isFirst) await storage.increment(KEYS.visits(id, day.slice(0, 7)));
  return { ...known, counted: isFirst };
}

/** Visits by month, `2026-11` → number. */
export async function readVisits(
  storage: Storage,
  affiliateId: string,
): Promise<Map<string, number>> {
  const all = await listAll<number>(storage, KEYS.visits(affiliateId, ''), MONTHS_MAX);
  return new Map(all.map(({ key, value }) => [key.slice(key.lastIndexOf(':') + 1), value]));
}
