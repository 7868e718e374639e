// Stripe's objects as the fake keeps them: the fields that a client may look at, with Stripe's names.
// Field names are checked against Stripe's own fixtures where those are present (spec.ts).
// Docs read: docs.stripe.com/api (checkout sessions, payment intents, charges, refunds, disputes,
// invoices, invoice payments, subscriptions, webhook endpoints), API version 2026-10-28.

import type { FormValue } from './form.ts';

/** One object at the fake. */
export type StripeObject = { id: string; object: string; [name: string]: unknown };

/** Decoded request parameters. */
export type Params = { readonly [name: string]: FormValue };

let made = 0;

/** A new id, unique in this process: `pi_fake0007`. */
export function newId(prefix: string): string {
  made += 1;
  return `${prefix}_fake${String(made).padStart(6, '0')}`;
}

/** Seconds since the epoch, as Stripe writes every time. */
export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);

const base = (object: string, prefix: string): StripeObject => ({
  id: newId(prefix),
  object,
  created: nowSeconds(),
  livemode: false,
});

/** Metadata as it was sent; an empty object when none was. */
export const metadataOf = (params: Params): unknown => params['metadata'] ?? {};

export function makeCustomer(params: Params): StripeObject {
  const { email = null, name = null, phone = null } = params;
  return { ...base('customer', 'cus'), email, name, phone, metadata: metadataOf(params) };
}

export function makePaymentMethod(
  id: string,
  customer: string | null,
  type = 'card',
): StripeObject {
  const details =
    type === 'card' ? { brand: 'visa', last4: '4242', exp_month: 8, exp_year: 2030 } : {};
  return { ...base('payment_method', 'pm'), id, customer, type, [type]: details, metadata: {} };
}

export function makeIntent(values: {
  readonly amount: number;
  readonly currency: string;
  readonly metadata?: unknown;
  readonly customer?: unknown;
  readonly payment_method?: unknown;
  readonly capture_method?: unknown;
  readonly description?: unknown;
}): StripeObject {
  const intent = base('payment_intent', 'pi');
  return {
    ...intent,
    amount: values.amount,
    amount_capturable: 0,
    amount_received: 0,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: values.capture_method ?? 'automatic_async',
    client_secret: `${intent.id}_secret_fake`,
    currency: values.currency,
    customer: values.customer ?? null,
    description: values.description ?? null,
    last_payment_error: null,
    latest_charge: null,
    metadata: values.metadata ?? {},
    next_action: null,
    payment_method: values.payment_method ?? null,
    status: 'requires_payment_method',
  };
}

export function makeCharge(intent: StripeObject, captured: boolean): StripeObject {
  return {
    ...base('charge', 'ch'),
    amount: intent['amount'],
    amount_captured: captured ? intent['amount'] : 0,
    amount_refunded: 0,
    balance_transaction: null,
    captured,
    currency: intent['currency'],
    customer: intent['customer'],
    disputed: false,
    metadata: intent['metadata'],
    paid: true,
    payment_intent: intent.id,
    refunded: false,
    status: 'succeeded',
  };
}

export function makeBalanceTransaction(
  charge: StripeObject,
  fee: { readonly amount: number; readonly currency: string },
): StripeObject {
  const { livemode: _none, ...rest } = base('balance_transaction', 'txn');
  const amount = Number(charge['amount_captured']);
  return {
    ...rest,
    amount,
    currency: fee.currency,
    fee: fee.amount,
    net: amount - fee.amount,
    source: charge.id,
    status: 'pending',
    type: 'charge',
  };
}

export function makeRefund(charge: StripeObject, params: Params, status: string): StripeObject {
  const { livemode: _none, ...rest } = base('refund', 're');
  return {
    ...rest,
    amount: Number(params['amount'] ?? charge['amount_captured']),
    balance_transaction: null,
    charge: charge.id,
    currency: charge['currency'],
    metadata: metadataOf(params),
    payment_intent: charge['payment_intent'],
    reason: params['reason'] ?? null,
    status,
  };
}

export function makeDispute(charge: StripeObject, status: string): StripeObject {
  return {
    ...base('dispute', 'du'),
    amount: charge['amount'],
    charge: charge.id,
    currency: charge['currency'],
    metadata: {},
    payment_intent: charge['payment_intent'],
    reason: 'fraudulent',
    status,
  };
}

export function makeSession(params: Params, amount: number | null): StripeObject {
  const session = base('checkout.session', 'cs_test');
  return {
    ...session,
    amount_total: amount,
    client_reference_id: params['client_reference_id'] ?? null,
    currency: params['currency'] ?? null,
    customer: params['customer'] ?? null,
    customer_email: params['customer_email'] ?? null,
    expires_at: nowSeconds() + 24 * 60 * 60,
    invoice: null,
    metadata: metadataOf(params),
    mode: params['mode'],
    payment_intent: null,
    payment_status: params['mode'] === 'setup' ? 'no_payment_required' : 'unpaid',
    setup_intent: null,
    status: 'open',
    subscription: null,
    success_url: params['success_url'] ?? null,
    url: `https://checkout.stripe.com/c/pay/${session.id}`,
  };
}

export function makeSetupIntent(session: StripeObject, metadata: unknown): StripeObject {
  return {
    ...base('setup_intent', 'seti'),
    customer: session['customer'],
    latest_attempt: null,
    metadata,
    payment_method: null,
    status: 'requires_payment_method',
    usage: 'off_session',
  };
}

export function makeSubscription(session: StripeObject, metadata: unknown): StripeObject {
  const item = {
    id: newId('si'),
    object: 'subscription_item',
    current_period_start: nowSeconds(),
    // Only items have a period since 2025-03-31.basil.
    current_period_end: 1_798_761_600,
  };
  return {
    ...base('subscription', 'sub'),
    cancel_at_period_end: false,
    customer: session['customer'],
    items: { object: 'list', data: [item], has_more: false, url: '/v1/subscription_items' },
    metadata,
    status: 'active',
  };
}

export function makeInvoice(
  subscription: StripeObject,
  values: { readonly amount: number; readonly currency: string; readonly reason: string },
): StripeObject {
  return {
    ...base('invoice', 'in'),
    amount_due: values.amount,
    amount_paid: values.amount,
    attempted: true,
    billing_reason: values.reason,
    currency: values.currency,
    metadata: {},
    parent: {
      type: 'subscription_details',
      quote_details: null,
      subscription_details: {
        metadata: subscription['metadata'],
        subscription: subscription.id,
      },
    },
    status: 'paid',
  };
}

export function makeInvoicePayment(invoice: StripeObject, intent: StripeObject): StripeObject {
  return {
    ...base('invoice_payment', 'inpay'),
    amount_paid: intent['amount'],
    amount_requested: intent['amount'],
    currency: intent['currency'],
    invoice: invoice.id,
    is_default: true,
    payment: { type: 'payment_intent', payment_intent: intent.id },
    status: 'paid',
  };
}

export function makeEndpoint(params: Params): StripeObject {
  return {
    ...base('webhook_endpoint', 'we'),
    api_version: params['api_version'] ?? null,
    description: params['description'] ?? null,
    enabled_events: params['enabled_events'],
    metadata: metadataOf(params),
    status: 'enabled',
    url: params['url'],
  };
}
