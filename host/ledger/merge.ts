// The rules of the ledger: what a row becomes when a fact arrives. Pure, and blind to the order of
// arrival: any permutation of the same facts, repeats included, ends in the same rows.

import type { Fact } from '../../sdk/domain.ts';
import type { FactRow, LedgerRules, PaymentAsk, RelatedSum } from '../store/facts.ts';

/** From weak to strong; what was said of a row never goes back. */
const RANK: Readonly<Record<Fact['state'], number>> = {
  failed: 0,
  processing: 1,
  succeeded: 2,
  refunded: 3,
  disputed: 4,
};

/**
 * A payment may fail and then succeed. For all others failing is the end: a dispute that was won, a refund
 * that came back, a stored method that was taken away.
 */
const ENDED = 5;

/** The rules that the store's drivers apply inside their transactions. */
export const LEDGER_RULES: LedgerRules = { merge, settle };

function merge(
  known: FactRow | undefined,
  fact: Fact,
  { instance, nowMs, asks }: Parameters<LedgerRules['merge']>[2],
): FactRow {
  const said = {
    kind: fact.kind,
    saidState: fact.state,
    amountMinor: fact.amountMinor,
    currency: fact.currency,
    invoiceId: fact.invoiceId ?? null,
    feeMinor: fact.feeMinor ?? null,
    relatedExternalId: fact.relatedExternalId ?? null,
  };
  const next = known === undefined ? { ...said, problem: null } : combine(known, said);
  const match = decideMatch({ ...next, instance }, asks);
  const row: FactRow = {
    seq: known?.seq ?? 0,
    instance,
    externalId: fact.externalId,
    ...next,
    // `settle` looks at refunds and disputes right after.
    state: next.kind === 'payment' ? furthest(next.saidState, known?.state) : next.saidState,
    refundedMinor: known?.refundedMinor ?? 0,
    matched: match.matched,
    problem: next.problem ?? match.problem ?? keptProblem(known),
    firstMs: known?.firstMs ?? nowMs,
    changedMs: nowMs,
  };
  return known !== undefined && isSame(known, row) ? known : row;
}

const CONFLICT = 'conflict: one external id was reported with different amounts or invoices';
const KINDS = 'conflict: one external id was reported as different kinds of thing';

type Said = Pick<
  FactRow,
  | 'kind'
  | 'saidState'
  | 'amountMinor'
  | 'currency'
  | 'invoiceId'
  | 'feeMinor'
  | 'relatedExternalId'
  | 'problem'
>;

/** Two accounts of one thing. Where they contradict, the choice does not depend on which came first. */
function combine(known: FactRow, said: Omit<Said, 'problem'>): Said {
  const rest = {
    kind: lesser(known.kind, said.kind),
    currency: lesser(known.currency, said.currency),
    invoiceId: lesserOrKnown(known.invoiceId, said.invoiceId),
    feeMinor: greaterOrKnown(known.feeMinor, said.feeMinor),
    relatedExternalId: lesserOrKnown(known.relatedExternalId, said.relatedExternalId),
  };
  // Kinds order their states differently: nothing that could be kept would be the same in every order.
  if (known.kind !== said.kind || known.problem === KINDS) {
    return { ...rest, saidState: 'processing', amountMinor: 0, problem: KINDS };
  }
  const rank = (state: Fact['state']): number => rankOf(known.kind, state);
  const isNewer = rank(said.saidState) > rank(known.saidState);
  // A payment may be captured for less than it was authorised for: the stronger state has the amount.
  const differs = known.amountMinor !== said.amountMinor;
  const isSettled =
    rank(known.saidState) >= RANK.succeeded && rank(said.saidState) >= RANK.succeeded;
  const contradicts =
    known.currency !== said.currency ||
    (differs && isSettled) ||
    clash(known.invoiceId, said.invoiceId) ||
    clash(known.relatedExternalId, said.relatedExternalId);
  const amountMinor =
    said.saidState === known.saidState || isSettled
      ? Math.min(known.amountMinor, said.amountMinor)
      : (isNewer ? said : known).amountMinor;
  return {
    ...rest,
    saidState: (isNewer ? said : known).saidState,
    amountMinor,
    problem: contradicts || known.problem === CONFLICT ? CONFLICT : null,
  };
}

/** Whether a payment is one that was asked for; refunds and disputes follow their payment. */
function decideMatch(
  {
    kind,
    invoiceId,
    amountMinor,
    currency,
    instance,
  }: Pick<FactRow, 'kind' | 'invoiceId' | 'amountMinor' | 'currency' | 'instance'>,
  asks: readonly PaymentAsk[],
): Pick<FactRow, 'matched' | 'problem'> {
  const about = asks.filter((ask) => ask.invoiceId === invoiceId);
  if (kind !== 'payment' || about.length === 0) return { matched: null, problem: null };
  const own = about.filter((ask) => ask.instance === instance);
  if (own.length === 0) {
    return {
      matched: false,
      problem: 'owner: the invoice was given to another instance to be paid',
    };
  }
  const sameCurrency = own.filter((ask) => ask.currency === currency);
  if (sameCurrency.length === 0) {
    return {
      matched: false,
      problem: `currency: ${currency} was paid, ${own[0]?.currency ?? ''} was asked`,
    };
  }
  if (sameCurrency.some((ask) => ask.amountMinor === amountMinor)) {
    return { matched: true, problem: null };
  }
  const asked = [...new Set(sameCurrency.map((ask) => ask.amountMinor))].toSorted((a, b) => a - b);
  return {
    matched: false,
    problem: `amount: ${amountMinor} was paid, ${asked.join(' or ')} was asked (minor units of ${currency})`,
  };
}

/** A payment whose money went back in full is refunded; one that a bank took back is disputed. */
function settle(row: FactRow, related: readonly RelatedSum[], nowMs: number): FactRow {
  const { refundedMinor, derived } =
    row.kind === 'payment' ? follow(row, related) : NOTHING_FOLLOWS;
  const isOver = refundedMinor > row.amountMinor;
  const problem = isOver ? (row.problem ?? OVER_REFUNDED) : withoutOver(row.problem);
  const state = furthest(row.saidState, derived);
  const next = { ...row, state, refundedMinor, problem, changedMs: nowMs };
  return isSame(row, next) ? row : next;
}

const NOTHING_FOLLOWS = { refundedMinor: 0, derived: 'failed' } as const;

/** What a payment's refunds and disputes say about it. */
function follow(
  payment: FactRow,
  related: readonly RelatedSum[],
): { readonly refundedMinor: number; readonly derived: Fact['state'] } {
  const refundedMinor = related
    .filter(
      ({ kind, saidState, currency }) =>
        kind === 'refund' && RANK[saidState] >= RANK.succeeded && currency === payment.currency,
    )
    // Over it a number is not exact, and a driver cannot read it back.
    .reduce((sum, { amountMinor }) => Math.min(sum + amountMinor, Number.MAX_SAFE_INTEGER), 0);
  // What has not come in yet cannot have gone back: the payment's own success is still to arrive.
  if (RANK[payment.saidState] < RANK.succeeded) return { refundedMinor, derived: 'failed' };
  const isDisputed = related.some(
    ({ kind, saidState }) => kind === 'dispute' && saidState === 'disputed',
  );
  if (isDisputed) return { refundedMinor, derived: 'disputed' };
  const isRefunded = refundedMinor >= payment.amountMinor && refundedMinor > 0;
  return { refundedMinor, derived: isRefunded ? 'refunded' : 'failed' };
}

function rankOf(kind: Fact['kind'], state: Fact['state']): number {
  return kind !== 'payment' && state === 'failed' ? ENDED : RANK[state];
}

function furthest(a: Fact['state'], b: Fact['state'] = a): Fact['state'] {
  return RANK[a] > RANK[b] ? a : b;
}

const OVER_REFUNDED = 'refund: more was given back than was paid';

/** What only `settle` can decide stays until it has looked again. */
function keptProblem(known: FactRow | undefined): string | null {
  return known?.problem === OVER_REFUNDED ? OVER_REFUNDED : null;
}

function withoutOver(problem: string | null): string | null {
  return problem === OVER_REFUNDED ? null : problem;
}

/** All but place and times. */
function isSame(a: FactRow, b: FactRow): boolean {
  return (
    a.state === b.state &&
    a.saidState === b.saidState &&
    a.kind === b.kind &&
    a.amountMinor === b.amountMinor &&
    a.currency === b.currency &&
    a.invoiceId === b.invoiceId &&
    a.feeMinor === b.feeMinor &&
    a.relatedExternalId === b.relatedExternalId &&
    a.refundedMinor === b.refundedMinor &&
    a.matched === b.matched &&
    a.problem === b.problem
  );
}

function clash(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a !== b;
}

function lesser<T extends string>(a: T, b: T): T {
  return a < b ? a : b;
}

function lesserOrKnown(a: string | null, b: string | null): string | null {
  return a === null ? b : b === null ? a : lesser(a, b);
}

function greaterOrKnown(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
