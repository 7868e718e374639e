// From kept facts to money: which invoices an affiliate is rewarded for, with how much, and what is due.
// Pure: the same facts give the same statement, in whatever order they came.

import type { Terms } from './config.ts';

const DAY_MS = 86_400_000;

/** One paid invoice of a referred customer, under its affiliate. */
export type Entry = {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly userId: string;
  /** When it was paid */
  readonly at: string;
  readonly currency: string;
  readonly baseMinor: number;
  /** The base less refunds */
  readonly netMinor: number;
  readonly signals: string[];
  readonly cleared: boolean;
};

/** What holds for one affiliate from a time on. */
export type Standing = {
  readonly from: string;
  readonly enabled: boolean;
  /** null: as the programme's terms say */
  readonly rewardBasisPoints: number | null;
};

/** The affiliate's side of a statement. */
export type Party = {
  readonly userId: string;
  /** By time, earliest first; before the first one there is no affiliate. */
  readonly standings: Standing[];
  readonly signals: string[];
};

/** Terms by the time from which they hold; the first hold for everything before as well. */
export type TermsHistory = readonly { readonly from: string; readonly terms: Terms }[];

/** One line of the ledger; there is one for each (affiliate, invoice). */
export type Line = {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly userId: string;
  readonly at: string;
  readonly currency: string;
  readonly baseMinor: number;
  readonly basisPoints: number;
  /** What was earned before refunds */
  readonly grossMinor: number;
  /** What refunds took back of it */
  readonly clawedBackMinor: number;
  readonly rewardMinor: number;
  /** When it may be paid out */
  readonly availableAt: string;
  readonly state: 'pending' | 'available' | 'held' | 'void';
  /** Why it is held or void */
  readonly reason: string | null;
};

/** Writes the ledger of one affiliate, oldest line first. */
export function writeLedger(
  entries: readonly Entry[],
  party: Party,
  history: TermsHistory,
  nowMs: number,
): Line[] {
  const customers = new Set<string>();
  const invoices = new Map<string, number>();
  return entries.toSorted(byTime).map((entry) => {
    const terms = termsAt(history, entry.at);
    const standing = party.standings.findLast(({ from }) => from <= entry.at);
    const alike = judge(entry, party);
    const isWorth = entry.netMinor > 0 && standing?.enabled === true && alike === undefined;
    // An invoice that was wholly refunded neither makes a customer nor uses up a place.
    const nth = (invoices.get(entry.userId) ?? 0) + 1;
    const isBeyond = terms.rewardedInvoices > 0 && nth > terms.rewardedInvoices;
    if (isWorth) {
      customers.add(entry.userId);
      invoices.set(entry.userId, nth);
    }
    const reason = reasonOf({ entry, standing, alike, isBeyond });
    // Of a refunded invoice the ledger shows what was earned and taken back; of other void ones nothing.
    const isEarning = reason === null || reason.state === 'held' || reason === REFUNDED;
    const count = customers.has(entry.userId) ? customers.size : customers.size + 1;
    const basisPoints = isEarning ? rateOf(terms, standing, count) : 0;
    const grossMinor = share(entry.baseMinor, basisPoints);
    const rewardMinor = share(entry.netMinor, basisPoints);
    const availableMs = Date.parse(entry.at) + terms.pendingDays * DAY_MS;
    return {
      invoiceId: entry.invoiceId,
      number: entry.number,
      userId: entry.userId,
      at: entry.at,
      currency: entry.currency,
      baseMinor: entry.baseMinor,
      basisPoints,
      grossMinor,
      clawedBackMinor: grossMinor - rewardMinor,
      rewardMinor,
      availableAt: new Date(availableMs).toISOString(),
      state: reason?.state ?? (nowMs < availableMs ? 'pending' : 'available'),
      reason: reason?.text ?? null,
    };
  });
}

type Reason = { readonly state: 'held' | 'void'; readonly text: string };

const REFUNDED: Reason = { state: 'void', text: 'refunded' };

function reasonOf(known: {
  readonly entry: Entry;
  readonly standing: Standing | undefined;
  readonly alike: Reason | undefined;
  readonly isBeyond: boolean;
}): Reason | null {
  const { entry, standing, alike, isBeyond } = known;
  if (standing === undefined) return { state: 'void', text: 'paid before the affiliate joined' };
  if (!standing.enabled) return { state: 'void', text: 'the affiliate was disabled' };
  if (alike?.state === 'void') return alike;
  if (isBeyond) return { state: 'void', text: 'the customer has used up the rewarded invoices' };
  if (entry.netMinor === 0) return REFUNDED;
  return alike ?? null;
}

/** Whether affiliate and customer are, or look like, one person. */
function judge(entry: Entry, party: Party): Reason | undefined {
  if (entry.userId === party.userId) return { state: 'void', text: 'own invoice' };
  if (entry.cleared) return undefined;
  const shared = entry.signals.filter((signal) => party.signals.includes(signal));
  const kinds = shared.map((signal) => signal.slice(0, signal.indexOf(':')));
  if (kinds.includes('email')) return { state: 'void', text: 'same e-mail as the affiliate' };
  if (kinds.length === 0) return undefined;
  return { state: 'held', text: `same ${[...new Set(kinds)].join(', ')} as the affiliate` };
}

function rateOf(terms: Terms, standing: Standing | undefined, customers: number): number {
  if (standing === undefined || !standing.enabled) return 0;
  if (standing.rewardBasisPoints !== null) return standing.rewardBasisPoints;
  const tier = terms.tiers.findLast((each) => each.customers <= customers);
  return tier?.basisPoints ?? terms.rewardBasisPoints;
}

function termsAt(history: TermsHistory, at: string): Terms {
  const found = history.findLast(({ from }) => from <= at) ?? history[0];
  if (found === undefined) throw new TypeError('A ledger needs at least one set of terms');
  return found.terms;
}

/** Rounded down to a whole minor unit; exact for every amount. */
function share(amountMinor: number, basisPoints: number): number {
  return Number((BigInt(amountMinor) * BigInt(basisPoints)) / 10_000n);
}

function byTime(a: Entry, b: Entry): number {
  const [x, y] = a.at === b.at ? [a.invoiceId, b.invoiceId] : [a.at, b.at];
  if (x === y) return 0;
  return x < y ? -1 : 1;
}
