// PayPal subscriptions: PayPal renews recurring items by itself, at the price of a plan.

import { fail, pathId, readMark } from 'cofferdam/sdk';
import type { Fact, Payment } from 'cofferdam/sdk';

import { linkOf } from './api.ts';
import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { subscriptionFact, subscriptionPaymentFact } from './facts.ts';
import { readPlan } from './plans.ts';
import type { Rhythm } from './plans.ts';
import * as shapes from './shapes.ts';
import type { Subscription, SubscriptionPayment } from './shapes.ts';

/** Makes a subscription that waits for the customer's approval. */
export async function subscribe(
  paypal: PayPal,
  about: { readonly payment: Payment; readonly rhythm: Rhythm; readonly mark: string },
  ctx: PayPalContext,
): Promise<{ readonly id: string; readonly url: string }> {
  const { payment, rhythm, mark } = about;
  const { brandName } = ctx.config;
  const made = await paypal.ask(shapes.subscription, ['POST', '/v1/billing/subscriptions'], {
    step: 'subscription',
    json: {
      plan_id: await readPlan(paypal, { amount: payment.amount, rhythm }, ctx),
      custom_id: mark,
      application_context: {
        shipping_preference: 'NO_SHIPPING',
        user_action: 'SUBSCRIBE_NOW',
        return_url: payment.returnUrl,
        cancel_url: payment.cancelUrl ?? payment.returnUrl,
        ...(brandName === '' ? {} : { brand_name: brandName }),
      },
    },
  });
  const url = linkOf(made, 'approve');
  if (url === undefined) {
    throw fail(
      'invalid_response',
      `PayPal gave subscription "${made.id}" no page to approve it on`,
    );
  }
  return { id: made.id, url };
}

/** What has become of a subscription that was started for an invoice. */
export async function lookAtSubscription(
  paypal: PayPal,
  id: string,
  invoiceId: string,
): Promise<
  | { readonly kind: 'paid'; readonly facts: readonly Fact[] }
  | { readonly kind: 'open'; readonly url: string; readonly id: string }
  | { readonly kind: 'none' }
> {
  const subscription = await readSubscription(paypal, id);
  const url = subscription && linkOf(subscription, 'approve');
  if (subscription === undefined) return { kind: 'none' };
  if (subscription.status === 'APPROVAL_PENDING') {
    return url === undefined ? { kind: 'none' } : { kind: 'open', url, id };
  }
  if (['CANCELLED', 'EXPIRED'].includes(subscription.status)) return { kind: 'none' };
  return { kind: 'paid', facts: await subscriptionFacts(paypal, subscription, invoiceId) };
}

/** A subscription by its id; undefined when PayPal has none. */
export async function readSubscription(
  paypal: PayPal,
  id: string,
): Promise<Subscription | undefined> {
  const path = `/v1/billing/subscriptions/${pathId(id, 'PayPal')}`;
  return await paypal.find(shapes.subscription, path);
}

/** The subscription and all payments of it; the first of them pays the invoice it was made for. */
export async function subscriptionFacts(
  paypal: PayPal,
  subscription: Subscription,
  invoiceId: string,
): Promise<readonly Fact[]> {
  const payments = await readPayments(paypal, subscription);
  const first = firstOf(payments);
  return [
    subscriptionFact(subscription, invoiceId),
    ...payments.map((payment) =>
      subscriptionPaymentFact(payment, {
        subscriptionId: subscription.id,
        ...(payment.id === first?.id ? { invoiceId } : {}),
      }),
    ),
  ];
}

/** The invoice that a payment of a subscription pays: the one it was made for, by the first payment. */
export async function invoiceOfPayment(
  paypal: PayPal,
  about: { readonly subscription: Subscription; readonly paymentId: string },
  ctx: PayPalContext,
): Promise<string | undefined> {
  const first = firstOf(await readPayments(paypal, about.subscription));
  // The list lags behind the event: what is not in it yet is first when nothing else is.
  if (first !== undefined && first.id !== about.paymentId) return undefined;
  return await readMark(ctx.storage, about.subscription.custom_id);
}

/** Ends a subscription of this instance; the period that is paid for runs on. */
export async function cancelSubscription(
  paypal: PayPal,
  id: string,
  ctx: PayPalContext,
): Promise<{ readonly cancelled: boolean }> {
  // Panels ask every gateway: only a subscription that this instance made is touched.
  if (!/^I-[A-Z0-9]{4,48}$/.test(id)) return { cancelled: false };
  const subscription = await readSubscription(paypal, id);
  const invoiceId = await readMark(ctx.storage, subscription?.custom_id);
  if (subscription === undefined || invoiceId === undefined) return { cancelled: false };
  if (!['CANCELLED', 'EXPIRED'].includes(subscription.status)) {
    await paypal.send('POST', `/v1/billing/subscriptions/${id}/cancel`, {
      json: { reason: 'Cancelled in the customer panel' },
    });
  }
  const paidUntil = subscription.billing_info?.next_billing_time ?? '';
  ctx.log.info('A subscription was cancelled', { subscription: id, paidUntil });
  return { cancelled: true };
}

async function readPayments(
  paypal: PayPal,
  { id, create_time: created }: Subscription,
): Promise<readonly SubscriptionPayment[]> {
  const path = `/v1/billing/subscriptions/${pathId(id, 'PayPal')}/transactions`;
  const { transactions } = await paypal.ask(shapes.subscriptionPayments, ['GET', path], {
    query: { start_time: created ?? '2010-01-01T00:00:00Z', end_time: new Date().toISOString() },
  });
  return transactions;
}

function firstOf(payments: readonly SubscriptionPayment[]): SubscriptionPayment | undefined {
  const taken = payments.filter(({ status }) => status !== 'DECLINED');
  return taken.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time))[0];
}
