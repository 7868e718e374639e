// What is kept of the panel's events, and how two versions of it become one. Pure.
// Every merge is commutative, associative and idempotent: events may come twice and in any order, and
// the kept facts are the same.

import type { JsonObject, Money } from 'cofferdam/sdk';

/** Somebody came by an affiliate's code. */
export type Referral = {
  readonly affiliateId: string;
  /** ISO 8601 UTC, when the customer signed up or ordered */
  readonly at: string;
  readonly source: 'signup' | 'order';
};

/** A customer of the panel, as far as rewards depend on it. */
export type Customer = {
  readonly signupAt: string | null;
  /** The earliest of each affiliate, earliest first. */
  readonly referrals: Referral[];
  /** Salted hashes by which two accounts of one person look alike. */
  readonly signals: string[];
  /** An admin has looked at it: rewards are not held for looking alike. */
  readonly cleared: boolean;
  /** The panel deleted the user: no signal is kept any more. */
  readonly erased: boolean;
};

/** An invoice that was paid. */
export type Paid = {
  readonly userId: string;
  readonly at: string;
  readonly currency: string;
  readonly totalMinor: number;
  /** Without taxes: what a reward is a share of. */
  readonly baseMinor: number;
  readonly number: string | null;
};

/** An invoice; refunds may be known before the payment is. */
export type Invoice = {
  readonly paid: Paid | null;
  /** By the gateway's id; amounts include taxes. */
  readonly refunds: { readonly [id: string]: Refund };
};

/** Money that went back. */
export type Refund = Money & {
  readonly at: string;
  /** It came to nothing: a dispute that was won, a refund that came back. */
  readonly ended?: true;
};

/** An order, for counting. */
export type Order = { readonly userId: string; readonly at: string; readonly total: Money | null };

export const NO_CUSTOMER: Customer = {
  signupAt: null,
  referrals: [],
  signals: [],
  cleared: false,
  erased: false,
};
export const NO_INVOICE: Invoice = { paid: null, refunds: {} };

/** Referrals and signals kept of one customer: people have a few, an attack has many. */
const KEPT = 20;

/** One customer out of two versions. */
export function mergeCustomers(a: Customer, b: Customer): Customer {
  const erased = a.erased || b.erased;
  const byAffiliate = new Map<string, Referral>();
  for (const each of [...a.referrals, ...b.referrals].toSorted(byTime).toReversed()) {
    byAffiliate.set(each.affiliateId, each);
  }
  const signals = new Set([...a.signals, ...b.signals]);
  return {
    signupAt: earlier(a.signupAt, b.signupAt),
    referrals: [...byAffiliate.values()].toSorted(byTime).slice(0, KEPT),
    signals: erased ? [] : [...signals].toSorted(byText).slice(0, KEPT),
    cleared: a.cleared || b.cleared,
    erased,
  };
}

/** One invoice out of two versions. */
export function mergeInvoices(a: Invoice, b: Invoice): Invoice {
  const refunds: { [id: string]: Refund } = { ...a.refunds };
  for (const [id, refund] of Object.entries(b.refunds)) {
    const known = refunds[id] ?? refund;
    const hasEnded = known.ended === true || refund.ended === true;
    refunds[id] = { ...first(known, refund), ...(hasEnded ? { ended: true } : {}) };
  }
  const sorted = Object.entries(refunds).toSorted(([x], [y]) => byText(x, y));
  return {
    paid: a.paid === null || b.paid === null ? (a.paid ?? b.paid) : first(a.paid, b.paid),
    refunds: Object.fromEntries(sorted),
  };
}

/** One order out of two versions. */
export function mergeOrders(a: Order, b: Order): Order {
  return first(a, b);
}

/** Whose customer it is: the first who sent them. */
export function referrerOf(customer: Customer): Referral | undefined {
  return customer.referrals[0];
}

/** What is left of an invoice's base after its refunds; a refund is of base and taxes in proportion. */
export function netOf(invoice: Invoice, paid: Paid): number {
  const back = Object.values(invoice.refunds)
    .filter(({ currency, ended }) => currency === paid.currency && ended !== true)
    .reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n);
  const total = BigInt(paid.totalMinor);
  if (total <= 0n || back >= total) return 0;
  return Number((BigInt(paid.baseMinor) * (total - back)) / total);
}

/** The version with the earlier time; of two with the same time the one whose text is first. */
function first<T extends JsonObject & { readonly at: string }>(a: T, b: T): T {
  const order = byText(a.at, b.at) || byText(canonical(a), canonical(b));
  return order <= 0 ? a : b;
}

function canonical(value: JsonObject): string {
  return JSON.stringify(Object.entries(value).toSorted(([a], [b]) => byText(a, b)));
}

function earlier(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}

function byTime(a: Referral, b: Referral): number {
  return byText(a.at, b.at) || byText(a.affiliateId, b.affiliateId) || byText(a.source, b.source);
}

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
