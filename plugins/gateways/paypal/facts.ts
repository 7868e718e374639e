// PayPal's objects as facts for the ledger. Pure: what an object says, nothing fetched.
// A payment's id is its capture's (for subscriptions: its sale's), whatever it was started with.

import type { Fact } from 'cofferdam/sdk';

import { linkOf } from './api.ts';
import { fromPayPal } from './currency.ts';
import type {
  Amount,
  Authorization,
  Capture,
  Dispute,
  Refund,
  Sale,
  Subscription,
  SubscriptionPayment,
} from './shapes.ts';

const CAPTURE_STATES: ReadonlyMap<string, Fact['state']> = new Map([
  ['COMPLETED', 'succeeded'],
  ['PARTIALLY_REFUNDED', 'succeeded'],
  ['PENDING', 'processing'],
  ['REFUNDED', 'refunded'],
  ['DECLINED', 'failed'],
  ['DENIED', 'failed'],
  ['FAILED', 'failed'],
]);

const AUTHORIZATION_STATES: ReadonlyMap<string, Fact['state']> = new Map([
  ['PENDING', 'processing'],
  ['DENIED', 'failed'],
  ['VOIDED', 'failed'],
]);

const REFUND_STATES: ReadonlyMap<string, Fact['state']> = new Map([
  ['COMPLETED', 'refunded'],
  ['PENDING', 'processing'],
]);

/** Outcomes after which the customer has the money back from us. */
const LOST: readonly (string | undefined)[] = ['RESOLVED_BUYER_FAVOUR', 'ACCEPTED'];

/** What a capture says. A status that PayPal adds one day counts as not finished. */
export function captureFact(capture: Capture, invoiceId: string | undefined): Fact {
  const fee = capture.seller_receivable_breakdown?.paypal_fee;
  return {
    externalId: capture.id,
    kind: 'payment',
    state: CAPTURE_STATES.get(capture.status) ?? 'processing',
    ...fromPayPal(capture.amount),
    ...(invoiceId === undefined ? {} : { invoiceId }),
    ...feeOf(fee, capture.amount.currency_code),
  };
}

/**
 * What an authorisation says while it can be captured: a permission to take money, no payment yet.
 * The payment comes with the capture, under the capture's own id, so that nothing is counted twice.
 */
export function authorizationFact(
  authorization: Authorization,
  invoiceId: string | undefined,
): Fact {
  const order = authorization.supplementary_data?.related_ids?.order_id;
  return {
    externalId: authorization.id,
    kind: 'token',
    state: AUTHORIZATION_STATES.get(authorization.status) ?? 'succeeded',
    ...fromPayPal(authorization.amount),
    ...(invoiceId === undefined ? {} : { invoiceId }),
    ...(order === undefined ? {} : { relatedExternalId: order }),
  };
}

/** What a refund says: its own id, the payment it belongs to, `refunded` once the money is back. */
export function refundFact(refund: Refund, invoiceId: string | undefined): Fact {
  const payment = linkOf(refund, 'up')?.split('/').at(-1);
  return {
    externalId: refund.id,
    kind: 'refund',
    state: REFUND_STATES.get(refund.status) ?? 'failed',
    ...fromPayPal(refund.amount),
    ...(payment === undefined ? {} : { relatedExternalId: payment }),
    ...(invoiceId === undefined ? {} : { invoiceId }),
  };
}

/**
 * What a dispute says: `processing` while the customer only asks, `disputed` once PayPal decides and
 * when it is lost, `failed` when it came to nothing.
 */
export function disputeFact(dispute: Dispute): Fact {
  const outcome = dispute.dispute_outcome?.outcome_code;
  const open = dispute.dispute_life_cycle_stage === 'INQUIRY' ? 'processing' : 'disputed';
  const closed = LOST.includes(outcome) ? 'disputed' : 'failed';
  const payment = dispute.disputed_transactions[0]?.seller_transaction_id;
  return {
    externalId: dispute.dispute_id,
    kind: 'dispute',
    state: dispute.status === 'RESOLVED' ? closed : open,
    ...fromPayPal(dispute.dispute_amount),
    ...(payment === undefined ? {} : { relatedExternalId: payment }),
  };
}

/** A stored payment method; PayPal's methods have no currency, the field must have one. */
export function tokenFact(id: string, state: 'succeeded' | 'failed', setup?: string): Fact {
  return {
    externalId: id,
    kind: 'token',
    state,
    amountMinor: 0,
    currency: 'USD',
    ...(setup === undefined ? {} : { relatedExternalId: setup }),
  };
}

const SUBSCRIPTION_STATES: ReadonlyMap<string, Fact['state']> = new Map([
  ['ACTIVE', 'succeeded'],
  ['SUSPENDED', 'succeeded'],
  ['CANCELLED', 'failed'],
  ['EXPIRED', 'failed'],
]);

/** A subscription: its id is what `cancelSubscription` takes. `failed`: it takes no more money. */
export function subscriptionFact(subscription: Subscription, invoiceId: string): Fact {
  const currency = subscription.billing_info?.outstanding_balance?.currency_code ?? 'USD';
  return {
    externalId: subscription.id,
    kind: 'token',
    state: SUBSCRIPTION_STATES.get(subscription.status) ?? 'processing',
    amountMinor: 0,
    currency,
    invoiceId,
  };
}

/** A payment of a subscription. The panel's invoice is named for the first payment only. */
export function subscriptionPaymentFact(
  payment: SubscriptionPayment,
  about: { readonly subscriptionId: string; readonly invoiceId?: string },
): Fact {
  const { gross_amount: gross, fee_amount: fee } = payment.amount_with_breakdown;
  return {
    externalId: payment.id,
    kind: 'payment',
    state: CAPTURE_STATES.get(payment.status) ?? 'processing',
    ...fromPayPal(gross),
    ...feeOf(fee, gross.currency_code),
    relatedExternalId: about.subscriptionId,
    ...(about.invoiceId === undefined ? {} : { invoiceId: about.invoiceId }),
  };
}

/** The same payment as its event tells it, in the state that the event says. */
export function saleFact(
  sale: Sale,
  about: { readonly state: Fact['state']; readonly invoiceId?: string },
): Fact {
  const fee = sale.transaction_fee;
  const feeAmount = fee && { currency_code: fee.currency, value: fee.value };
  return {
    externalId: sale.id,
    kind: 'payment',
    ...about,
    ...fromPayPal({ currency_code: sale.amount.currency, value: sale.amount.total }),
    ...feeOf(feeAmount, sale.amount.currency),
    ...(sale.billing_agreement_id === undefined
      ? {}
      : { relatedExternalId: sale.billing_agreement_id }),
  };
}

/** Money of a subscription's payment that was given back: the older API names the payment itself. */
export function saleRefundFact(refund: Sale): Fact {
  const { currency, total } = refund.amount;
  const { amountMinor } = fromPayPal({ currency_code: currency, value: total });
  return {
    externalId: refund.id,
    kind: 'refund',
    state: refund.state === 'pending' ? 'processing' : 'refunded',
    amountMinor: Math.abs(amountMinor),
    currency,
    ...(refund.sale_id === undefined ? {} : { relatedExternalId: refund.sale_id }),
  };
}

/** PayPal's fee, when it is in the currency of the payment; a converted one would mislead. */
function feeOf(fee: Amount | undefined, currency: string): { feeMinor?: number } {
  if (fee?.currency_code !== currency) return {};
  return { feeMinor: Math.abs(fromPayPal(fee).amountMinor) };
}
