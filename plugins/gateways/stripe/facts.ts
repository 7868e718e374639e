// Stripe's objects as facts for the ledger. Pure: what an object says, nothing fetched.
// A payment's id is its payment intent's, whatever it was started with.

import type { Fact } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { idOf } from './api.ts';
import { fromStripeAmount, fromStripeFee } from './currency.ts';

const OPEN_REFUNDS: readonly (string | null)[] = ['pending', 'requires_action'];
const DISPUTE_STATES: ReadonlyMap<string, Fact['state']> = new Map([
  // The bank only asks: no money has moved yet.
  ['warning_needs_response', 'processing'],
  ['warning_under_review', 'processing'],
  // Ended without the customer getting the money.
  ['warning_closed', 'failed'],
  ['prevented', 'failed'],
  ['won', 'failed'],
]);

/** What a payment intent says; undefined while nothing has happened yet. */
export function paymentFact(intent: Stripe.PaymentIntent, feeMinor?: number): Fact | undefined {
  const state = paymentState(intent);
  if (state === undefined) return undefined;
  const received = state === 'succeeded' || state === 'refunded';
  const invoiceId = intent.metadata['invoice_id'];
  const fee = feeMinor ?? feeOf(intent.latest_charge, intent.currency);
  return {
    externalId: intent.id,
    kind: 'payment',
    state,
    ...fromStripeAmount(received ? intent.amount_received : intent.amount, intent.currency),
    ...(invoiceId === undefined ? {} : { invoiceId }),
    ...(fee === undefined ? {} : { feeMinor: fee }),
  };
}

/** What a checkout session in payment mode says at the event named; undefined when nothing was paid. */
export function sessionFact(session: Stripe.Checkout.Session, event: string): Fact | undefined {
  const { amount_total: amount, currency } = session;
  if (session.mode !== 'payment' || amount === null || currency === null) return undefined;
  const invoiceId = session.metadata?.['invoice_id'] ?? session.client_reference_id;
  const state = sessionState(session, event);
  if (state === undefined) return undefined;
  return {
    externalId: idOf(session.payment_intent) ?? session.id,
    kind: 'payment',
    state,
    ...fromStripeAmount(amount, currency),
    ...(invoiceId ? { invoiceId } : {}),
  };
}

/** What a refund says: its own id, the payment it belongs to, `refunded` once the money is back. */
export function refundFact(refund: Stripe.Refund): Fact {
  const payment = idOf(refund.payment_intent) ?? idOf(refund.charge);
  const invoiceId = refund.metadata?.['invoice_id'];
  return {
    externalId: refund.id,
    kind: 'refund',
    state:
      refund.status === 'succeeded'
        ? 'refunded'
        : OPEN_REFUNDS.includes(refund.status)
          ? 'processing'
          : 'failed',
    ...fromStripeAmount(refund.amount, refund.currency),
    ...(payment === undefined ? {} : { relatedExternalId: payment }),
    ...(invoiceId === undefined ? {} : { invoiceId }),
  };
}

/** What a dispute says: `processing` while the bank asks, `disputed` once it took the money, `failed` when it came to nothing. */
export function disputeFact(dispute: Stripe.Dispute): Fact {
  const payment = idOf(dispute.payment_intent) ?? idOf(dispute.charge);
  return {
    externalId: dispute.id,
    kind: 'dispute',
    state: DISPUTE_STATES.get(dispute.status) ?? 'disputed',
    ...fromStripeAmount(dispute.amount, dispute.currency),
    ...(payment === undefined ? {} : { relatedExternalId: payment }),
  };
}

/** A captured payment as its charge tells it, in the state that the event says. */
export function chargeFact(
  charge: Stripe.Charge,
  state: 'succeeded' | 'refunded',
): Fact | undefined {
  const payment = idOf(charge.payment_intent);
  if (payment === undefined) return undefined;
  const invoiceId = charge.metadata['invoice_id'];
  return {
    externalId: payment,
    kind: 'payment',
    state,
    ...fromStripeAmount(charge.amount_captured, charge.currency),
    ...(invoiceId === undefined ? {} : { invoiceId }),
  };
}

/** Stripe's fee, when it is known and in the currency of the payment; a converted one would mislead. */
export function feeOf(charge: string | Stripe.Charge | null, currency: string): number | undefined {
  if (typeof charge === 'string') return undefined;
  const transaction = charge?.balance_transaction;
  if (typeof transaction === 'string' || transaction?.currency !== currency) return undefined;
  return fromStripeFee(transaction.fee, currency);
}

function paymentState(intent: Stripe.PaymentIntent): Fact['state'] | undefined {
  switch (intent.status) {
    case 'succeeded': {
      const charge = intent.latest_charge;
      return typeof charge === 'object' && charge?.refunded === true ? 'refunded' : 'succeeded';
    }
    case 'processing':
    case 'requires_capture':
      return 'processing';
    case 'canceled':
      return 'failed';
    // Open again after a failed try; a new one has no error and says nothing.
    case 'requires_payment_method':
      return intent.last_payment_error === null ? undefined : 'failed';
    case 'requires_action':
    case 'requires_confirmation':
    default:
      return undefined;
  }
}

function sessionState(session: Stripe.Checkout.Session, event: string): Fact['state'] | undefined {
  if (event === 'checkout.session.async_payment_failed') return 'failed';
  if (session.payment_status === 'paid') return 'succeeded';
  // Completed but unpaid: a bank payment on its way, or an authorisation to be captured.
  return session.status === 'complete' && session.payment_status === 'unpaid'
    ? 'processing'
    : undefined;
}
