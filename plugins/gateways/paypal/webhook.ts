// What PayPal sends to the webhook: verified by PayPal itself over the bytes that came, which the
// host asks, then told as facts.
// Fails closed: without a webhook id nothing is believed, and no address in a request is ever fetched.

import { fail, forgetStarted, readMark, readShape } from 'cofferdam/sdk';
import type { Fact, WebhookRequest } from 'cofferdam/sdk';

import { onPaymentToken } from './agreements.ts';
import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { webhookIdOf } from './endpoint.ts';
import * as facts from './facts.ts';
import { onApproved } from './orders.ts';
import { disputeFacts, readPayment } from './reconcile.ts';
import * as shapes from './shapes.ts';
import type { Event } from './shapes.ts';
import { invoiceOfPayment, readSubscription, subscriptionFacts } from './subscriptions.ts';

/** Has the host verify a delivery and reads the event in it; undefined when it was read before. */
export async function readEvent(
  paypal: PayPal,
  request: WebhookRequest,
  ctx: PayPalContext,
): Promise<Event | undefined> {
  const webhookId = await webhookIdOf(ctx);
  if (webhookId === undefined) {
    throw fail('unauthorized', 'Cannot verify a webhook: there is no webhook id', {
      remedy: 'Enter the id of the webhook, or enable the extension again with a public address',
    });
  }
  const { environment } = ctx.config;
  const { replayed } = await paypal.authorised(
    (accessToken) =>
      ctx.webhooks.verify(request, { kind: 'paypal', environment, webhookId, accessToken }),
    // What is "unauthorized" here is the delivery.
    isTokenRefused,
  );
  return replayed ? undefined : readShape(shapes.event, parse(request), "PayPal's event");
}

/** What an event means for the ledger; an event that is not about this instance means nothing. */
export async function readFacts(
  paypal: PayPal,
  event: Event,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const { event_type: type, resource } = event;
  const read = <T>(shape: Parameters<typeof readShape<T>>[0]): T =>
    readShape(shape, resource, `The resource of PayPal's event ${type}`);
  switch (type) {
    case 'CHECKOUT.ORDER.APPROVED':
    case 'CHECKOUT.ORDER.COMPLETED':
      return await onApproved(paypal, read(shapes.made), ctx);
    case 'PAYMENT.CAPTURE.COMPLETED':
    case 'PAYMENT.CAPTURE.PENDING':
    case 'PAYMENT.CAPTURE.DECLINED':
    case 'PAYMENT.CAPTURE.DENIED':
      return await onCapture(read(shapes.capture), ctx);
    case 'PAYMENT.CAPTURE.REFUNDED':
    case 'PAYMENT.REFUND.PENDING':
    case 'PAYMENT.REFUND.FAILED':
      return await onRefund(paypal, read(shapes.refund), ctx);
    case 'PAYMENT.CAPTURE.REVERSED':
      return await onReversal(paypal, read(shapes.refund), ctx);
    case 'PAYMENT.AUTHORIZATION.CREATED':
    case 'PAYMENT.AUTHORIZATION.VOIDED': {
      const authorization = read(shapes.authorization);
      const invoiceId = await readMark(ctx.storage, authorization.custom_id);
      return invoiceId === undefined ? [] : [facts.authorizationFact(authorization, invoiceId)];
    }
    case 'PAYMENT.SALE.COMPLETED':
      return await onSale(paypal, read(shapes.sale), 'succeeded', ctx);
    case 'PAYMENT.SALE.PENDING':
      return await onSale(paypal, read(shapes.sale), 'processing', ctx);
    case 'PAYMENT.SALE.DENIED':
      return await onSale(paypal, read(shapes.sale), 'failed', ctx);
    // Of a payment by its id: the host knows whether it has that one.
    case 'PAYMENT.SALE.REFUNDED':
    case 'PAYMENT.SALE.REVERSED':
      return [facts.saleRefundFact(read(shapes.sale))];
    case 'BILLING.SUBSCRIPTION.ACTIVATED':
    case 'BILLING.SUBSCRIPTION.CANCELLED':
    case 'BILLING.SUBSCRIPTION.EXPIRED':
      return await onSubscription(paypal, read(shapes.made).id, ctx);
    case 'CUSTOMER.DISPUTE.CREATED':
    case 'CUSTOMER.DISPUTE.UPDATED':
    case 'CUSTOMER.DISPUTE.RESOLVED':
      return await disputeFacts(read(shapes.dispute), ctx);
    case 'VAULT.PAYMENT-TOKEN.CREATED':
      return await onPaymentToken(read(shapes.made).id, 'succeeded', ctx);
    case 'VAULT.PAYMENT-TOKEN.DELETED':
      return await onPaymentToken(read(shapes.made).id, 'failed', ctx);
    default:
      return [];
  }
}

async function onCapture(capture: shapes.Capture, ctx: PayPalContext): Promise<readonly Fact[]> {
  const invoiceId = await readMark(ctx.storage, capture.custom_id);
  if (invoiceId === undefined) return [];
  const fact = facts.captureFact(capture, invoiceId);
  const order = capture.supplementary_data?.related_ids?.order_id;
  // The panel is told now: a part that is still to be paid may be started anew.
  if (fact.state === 'succeeded' && order !== undefined) {
    await forgetStarted(ctx.storage, invoiceId, { id: order });
  }
  return [fact];
}

/** A part given back is told by the refund alone; the payment moves when nothing is left of it. */
async function onRefund(
  paypal: PayPal,
  refund: shapes.Refund,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const invoiceId = await readMark(ctx.storage, refund.custom_id);
  const fact = facts.refundFact(refund, invoiceId);
  // Refunds made in PayPal's own pages may carry no mark: the payment tells whose they are.
  const payment = await readPayment(paypal, fact.relatedExternalId, ctx);
  if (payment === undefined) return invoiceId === undefined ? [] : [fact];
  const { invoiceId: paid } = payment;
  const whole = { ...fact, ...(paid === undefined ? {} : { invoiceId: paid }) };
  return payment.state === 'refunded' ? [whole, payment] : [whole];
}

/** PayPal or a bank took the money back: the payment is disputed, and no refund of ours. */
async function onReversal(
  paypal: PayPal,
  reversal: shapes.Refund,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const { relatedExternalId } = facts.refundFact(reversal, undefined);
  const payment = await readPayment(paypal, relatedExternalId, ctx);
  return payment === undefined ? [] : [{ ...payment, state: 'disputed' }];
}

async function onSale(
  paypal: PayPal,
  sale: shapes.Sale,
  state: Fact['state'],
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  if (sale.billing_agreement_id === undefined) return [];
  const subscription = await readSubscription(paypal, sale.billing_agreement_id);
  if (subscription === undefined) return [];
  if ((await readMark(ctx.storage, subscription.custom_id)) === undefined) return [];
  const about = { subscription, paymentId: sale.id };
  const invoiceId = await invoiceOfPayment(paypal, about, ctx);
  return [facts.saleFact(sale, { state, ...(invoiceId === undefined ? {} : { invoiceId }) })];
}

async function onSubscription(
  paypal: PayPal,
  id: string,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const subscription = await readSubscription(paypal, id);
  const invoiceId = await readMark(ctx.storage, subscription?.custom_id);
  if (subscription === undefined || invoiceId === undefined) return [];
  return await subscriptionFacts(paypal, subscription, invoiceId);
}

/** The host has seen that it is a JSON object, in text. */
function parse({ body }: WebhookRequest): unknown {
  return JSON.parse(body);
}

function isTokenRefused(error: unknown): boolean {
  const { details } = Object(error) as { details?: { status?: unknown } };
  return details?.status === 401;
}
