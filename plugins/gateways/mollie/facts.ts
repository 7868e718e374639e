// Mollie's objects as facts for the ledger, and the payment with all that belongs to it read back.
// A payment keeps one id from the page to the refund.

import type { Fact } from 'cofferdam/sdk';

import { fromMollie, idOf, readMarks } from './api.ts';
import type { Mollie } from './api.ts';
import type { MollieContext } from './config.ts';
import * as shapes from './shapes.ts';
import type { Chargeback, MolliePayment, MollieRefund } from './shapes.ts';

// `open`: nothing has happened yet, so it is not here.
const PAYMENT_STATES: ReadonlyMap<string, Fact['state']> = new Map([
  ['pending', 'processing'],
  ['authorized', 'processing'],
  ['paid', 'succeeded'],
  ['failed', 'failed'],
  ['canceled', 'failed'],
  ['expired', 'failed'],
]);

const REFUND_STATES: ReadonlyMap<string, Fact['state']> = new Map([
  ['refunded', 'refunded'],
  ['failed', 'failed'],
  ['canceled', 'failed'],
]);

/** A payment with its refunds and chargebacks. */
export async function readPayment(mollie: Mollie, id: string): Promise<MolliePayment> {
  return await mollie.ask(shapes.payment, ['GET', `/v2/payments/${idOf('tr', id)}`], {
    query: { embed: 'refunds,chargebacks' },
  });
}

/** Everything that a payment of this instance says; nothing for a payment of somebody else. */
export async function paymentFacts(
  payment: MolliePayment,
  { storage }: MollieContext,
): Promise<readonly Fact[]> {
  const marks = await readMarks(storage, payment.metadata);
  if (marks === undefined) return [];
  const token = tokenFact(payment);
  if (token !== undefined && payment.customerId) {
    // Mollie names mandates below their customer only.
    await storage.set(`mandate:${token.externalId}`, payment.customerId);
  }
  if (marks.invoiceId === undefined) return token === undefined ? [] : [token];
  const { invoiceId } = marks;
  const { refunds = [], chargebacks = [] } = payment._embedded ?? {};
  return [
    ...paymentFact(payment, invoiceId),
    ...(token === undefined ? [] : [token]),
    ...refunds.map((refund) => refundFact(refund, invoiceId)),
    ...chargebacks.map((chargeback) => chargebackFact(chargeback, invoiceId)),
  ];
}

/** What a payment says; nothing while nobody has paid. A status that Mollie adds counts as not finished. */
export function paymentFact(payment: MolliePayment, invoiceId: string): Fact[] {
  const { amountCaptured, amountRefunded, status } = payment;
  if (status === 'open') return [];
  const taken = fromMollie(status === 'paid' ? (amountCaptured ?? payment.amount) : payment.amount);
  const back = amountRefunded ? fromMollie(amountRefunded).amountMinor : 0;
  const isBack = status === 'paid' && back > 0 && back >= taken.amountMinor;
  const state = isBack ? 'refunded' : (PAYMENT_STATES.get(status) ?? 'processing');
  return [{ externalId: payment.id, kind: 'payment', state, ...taken, invoiceId }];
}

/** What a refund says: `processing` until Mollie has sent the money, then `refunded`. */
export function refundFact(refund: MollieRefund, invoiceId: string | undefined): Fact {
  return {
    externalId: refund.id,
    kind: 'refund',
    state: REFUND_STATES.get(refund.status) ?? 'processing',
    ...fromMollie(refund.amount),
    relatedExternalId: refund.paymentId,
    ...(invoiceId === undefined ? {} : { invoiceId }),
  };
}

/** What a chargeback says: `disputed` while the bank has the money, `failed` when it gave it back. */
export function chargebackFact(chargeback: Chargeback, invoiceId: string | undefined): Fact {
  return {
    externalId: chargeback.id,
    kind: 'dispute',
    state: chargeback.reversedAt ? 'failed' : 'disputed',
    ...fromMollie(chargeback.amount),
    relatedExternalId: chargeback.paymentId,
    ...(invoiceId === undefined ? {} : { invoiceId }),
  };
}

/** The mandate that a first payment made. */
function tokenFact(payment: MolliePayment): Fact | undefined {
  const { mandateId, sequenceType, status } = payment;
  if (sequenceType !== 'first' || status !== 'paid' || !mandateId) return undefined;
  return {
    externalId: mandateId,
    kind: 'token',
    state: 'succeeded',
    amountMinor: 0,
    currency: payment.amount.currency,
    relatedExternalId: payment.id,
  };
}
