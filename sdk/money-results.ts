// How a charge, a capture or a refund ended, by the facts that say so; and what may be asked for at all.

import type { Fact, Transaction } from './domain.ts';
import { fail } from './errors.ts';
import type { MoneyResult } from './gateway.ts';
import type { Money } from './money.ts';

/** What money was taken or is being taken; undefined when the facts hold no such payment. */
export function paidResult(facts: readonly Fact[]): MoneyResult | undefined {
  const paid = facts.find(({ kind, state }) => kind === 'payment' && state !== 'failed');
  if (paid === undefined) return undefined;
  const status = paid.state === 'processing' ? 'pending' : 'done';
  return { status, externalId: paid.externalId, facts };
}

/** What money was given back, is on its way, or could not be given back: then `vendor` says `why`. */
export function refundResult(
  fact: Fact,
  {
    vendor,
    payment,
    why,
  }: { readonly vendor: string; readonly payment: string; readonly why: string },
): MoneyResult {
  if (fact.state !== 'failed') {
    const status = fact.state === 'processing' ? 'pending' : 'done';
    return { status, externalId: fact.externalId, facts: [fact] };
  }
  const failure = fail('rejected', `${vendor} could not refund payment "${payment}": ${why}`, {
    remedy: `Give the money back outside of ${vendor}, or try again from its own pages`,
  });
  return { status: 'failed', error: failure.failure, facts: [fact] };
}

/** An amount to take. @throws `invalid_input` for nothing and less */
export function checkPayable(amount: Money): Money {
  if (amount.amountMinor > 0) return amount;
  throw fail('invalid_input', 'Cannot start a payment: the amount must be above zero');
}

/** A part of a payment, to capture or to give back. @throws `invalid_input` when it is no part */
export function checkPart(amount: Money, { amount: whole }: Pick<Transaction, 'amount'>): Money {
  if (amount.currency !== whole.currency) {
    throw fail(
      'invalid_input',
      `The payment is in ${whole.currency}, the amount asked for in ${amount.currency}`,
    );
  }
  if (amount.amountMinor <= 0 || amount.amountMinor > whole.amountMinor) {
    throw fail('invalid_input', 'The amount must be above zero and at most that of the payment');
  }
  return amount;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** From when on `reconcile` reads, epoch milliseconds: a day ago when nothing is said. */
export function readSince(since: string | undefined): number {
  if (since === undefined) return Date.now() - DAY_MS;
  const atMs = Date.parse(since);
  if (!Number.isNaN(atMs)) return atMs;
  throw fail('invalid_input', `Cannot reconcile since "${since}": it must be an ISO 8601 date`);
}
