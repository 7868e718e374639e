// What PayPal sends to the webhook: verified by PayPal itself over the bytes that came, then told as facts.
// Fails closed: without a webhook id nothing is believed, and no address in a request is ever fetched.

import { fail, forgetStarted, isFailure, readMark, readShape } from 'cofferdam/sdk';
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

// What each header may hold: PayPal's own description of verify-webhook-signature, read 2026-11.
const HEADERS = {
  auth_algo: ['paypal-auth-algo', /^[a-zA-Z0-9]{1,100}$/],
  cert_url: ['paypal-cert-url', /^https:\/\/(?:[a-z0-9-]+\.)*paypal\.com\/[\w./-]{1,400}$/],
  transmission_id: ['paypal-transmission-id', /^[\w-]{1,50}$/],
  transmission_sig: ['paypal-transmission-sig', /^[A-Za-z0-9+/=]{1,500}$/],
  transmission_time: [
    'paypal-transmission-time',
    /^\d{4}-\d\d-\d\dT[\d:.]{5,20}(?:Z|[+-]\d\d:\d\d)$/,
  ],
} as const;

/** Verifies a delivery and reads the event in it. */
export async function readEvent(
  paypal: PayPal,
  request: WebhookRequest,
  ctx: PayPalContext,
): Promise<Event> {
  const webhookId = await webhookIdOf(ctx);
  if (webhookId === undefined) {
    throw fail('unauthorized', 'Cannot verify a webhook: there is no webhook id', {
      remedy: 'Enter the id of the webhook, or enable the extension again with a public address',
    });
  }
  const fields: Record<string, string> = { webhook_id: webhookId };
  for (const [field, [header, pattern]] of Object.entries(HEADERS)) {
    const value = request.headers[header] ?? '';
    if (!pattern.test(value)) throw refuse(`the header ${header} is missing or malformed`);
    fields[field] = value;
  }
  const event = parseObject(request);
  // Spliced in as it came: printing a parsed event again changes bytes, and with them the signature.
  const body = `${JSON.stringify(fields).slice(0, -1)},"webhook_event":${request.body}}`;
  const path = '/v1/notifications/verify-webhook-signature';
  try {
    const outcome = await paypal.ask(shapes.verification, ['POST', path], { body });
    if (outcome.verification_status !== 'SUCCESS') throw refuse('PayPal did not send it');
  } catch (error) {
    // PayPal refuses to look at a signature that makes no sense: that is a no, not a fault.
    if (!isFailure(error, 'rejected')) throw error;
    throw refuse('PayPal does not know its signature');
  }
  return readShape(shapes.event, event, "PayPal's event");
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

function parseObject({ body, bodyEncoding }: WebhookRequest): unknown {
  if (bodyEncoding !== 'utf8') throw refuse('its body is no text');
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw refuse('its body is no JSON object');
}

function refuse(why: string): unknown {
  return fail('unauthorized', `Cannot verify a webhook: ${why}`, {
    remedy:
      'Check that the webhook id belongs to the webhook that sent this, in the same environment',
  });
}
