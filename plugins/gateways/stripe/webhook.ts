// What Stripe sends to the webhook: verified by the host over the bytes that came, then told as facts.
// Fails closed: without a signing secret nothing is believed.

import {
  fail,
  forgetStarted,
  instanceName,
  isFailure,
  isForgottenSecret,
  parseJson,
} from 'cofferdam/sdk';
import type { Fact, WebhookRequest } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { createStripe, idOf } from './api.ts';
import type { StripeContext } from './config.ts';
import { readEndpoint } from './endpoint.ts';
import { chargeFact, disputeFact, paymentFact, refundFact, sessionFact } from './facts.ts';
import { readFee, readInvoiceFacts, readSessionFacts, tokenFact } from './lookup.ts';
import { readMarks } from './ownership.ts';
import type { Marks } from './ownership.ts';

/** Verifies a delivery and reads the event in it; undefined when it was read before, or holds none. */
export async function readEvent(
  request: WebhookRequest,
  ctx: StripeContext,
): Promise<Stripe.Event | undefined> {
  const stored = await readEndpoint(ctx.storage);
  const secrets = [ctx.config.webhookSecret, stored?.secret].filter((secret) => !!secret?.trim());
  if (secrets.length === 0) {
    throw fail('unauthorized', 'Cannot verify a webhook: there is no signing secret', {
      remedy: 'Enter the signing secret of the endpoint (whsec_…), or enable the extension again',
    });
  }
  let refusal: unknown;
  for (const secret of secrets) {
    try {
      const { replayed } = await ctx.webhooks.verify(request, {
        kind: 'stripe',
        secret: secret ?? '',
      });
      return replayed ? undefined : parseEvent(request, ctx);
    } catch (error) {
      if (!isFailure(error, 'unauthorized') && !isForgottenSecret(error)) throw error;
      refusal = error;
    }
  }
  if (isFailure(refusal)) throw refusal;
  // Not the sender's fault: it is kept, and verified once there is a secret again.
  throw fail('invalid_config', 'Cannot verify a webhook: the signing secret is no longer known', {
    remedy: 'Enable the extension again: it makes the endpoint at Stripe anew',
  });
}

/** What an event means for the ledger; an event that is not about this instance means nothing. */
export async function readFacts(event: Stripe.Event, ctx: StripeContext): Promise<Fact[]> {
  const instance = await instanceName(ctx.storage);
  const ours = (metadata: Parameters<typeof readMarks>[0]): Marks | undefined =>
    readMarks(metadata, instance);
  switch (event.type) {
    case 'checkout.session.completed':
    case 'checkout.session.async_payment_succeeded':
    case 'checkout.session.async_payment_failed': {
      const marks = ours(event.data.object.metadata);
      return marks ? await onSession(event.data.object, event.type, marks, ctx) : [];
    }
    case 'payment_intent.succeeded':
    case 'payment_intent.processing':
    case 'payment_intent.payment_failed':
    case 'payment_intent.canceled':
    case 'payment_intent.amount_capturable_updated': {
      const marks = ours(event.data.object.metadata);
      return marks ? await onPayment(event.data.object, marks, ctx) : [];
    }
    case 'charge.updated':
      return ours(event.data.object.metadata) ? await onFee(event.data.object, ctx) : [];
    case 'charge.refunded':
      return ours(event.data.object.metadata) ? onRefunded(event.data.object) : [];
    // Refunds made in Stripe's dashboard carry no mark: the payment they name tells whose they are.
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
    case 'charge.refund.updated':
      return [refundFact(event.data.object)];
    case 'charge.dispute.created':
    case 'charge.dispute.updated':
    case 'charge.dispute.closed':
    case 'charge.dispute.funds_withdrawn':
    case 'charge.dispute.funds_reinstated':
      return [disputeFact(event.data.object)];
    case 'invoice.paid':
      return await onInvoice(event.data.object, 'succeeded', ours, ctx);
    case 'invoice.payment_failed':
      return await onInvoice(event.data.object, 'failed', ours, ctx);
    case 'setup_intent.succeeded':
      return ours(event.data.object.metadata)
        ? present(tokenFact(event.data.object, undefined))
        : [];
    default:
      return [];
  }
}

/** The host has checked who wrote it: what it is, is Stripe's word. What is no event at all means nothing. */
function parseEvent(
  { body, bodyEncoding }: WebhookRequest,
  { log }: StripeContext,
): Stripe.Event | undefined {
  const event = bodyEncoding === 'utf8' ? parseJson(body) : undefined;
  const { object } = Object(event) as { object?: unknown };
  if (object === 'event') return event as unknown as Stripe.Event;
  // A thin one may be about a payment: it stays where an admin sees it.
  if (object === 'v2.core.event') {
    throw fail('invalid_input', 'A webhook with a valid signature holds a thin event', {
      remedy: 'Choose snapshot events, not thin events, for the endpoint in the Stripe dashboard',
    });
  }
  log.warn('A webhook with a valid signature holds no event: it is acknowledged');
  return undefined;
}

async function onSession(
  session: Stripe.Checkout.Session,
  type: string,
  marks: Marks,
  ctx: StripeContext,
): Promise<Fact[]> {
  if (session.mode === 'payment') {
    const fact = sessionFact(session, type);
    if (fact !== undefined && fact.state !== 'processing') await settle(marks, ctx);
    return present(fact);
  }
  return await readSessionFacts(createStripe(ctx), session);
}

/** Forgets what the marks name, now that the panel is told how it ended. */
async function settle(
  { invoice_id: invoiceId, cofferdam_operation: operation }: Marks,
  { storage }: StripeContext,
): Promise<void> {
  if (invoiceId === undefined || operation === undefined) return;
  await forgetStarted(storage, invoiceId, { operation });
}

async function onPayment(
  intent: Stripe.PaymentIntent,
  marks: Marks,
  ctx: StripeContext,
): Promise<Fact[]> {
  if (intent.status !== 'succeeded') return present(paymentFact(intent));
  await settle(marks, ctx);
  return present(paymentFact(intent, await readFee(createStripe(ctx), intent.id, ctx)));
}

/** The fee of a payment that was captured asynchronously comes with an event of its own. */
async function onFee(charge: Stripe.Charge, ctx: StripeContext): Promise<Fact[]> {
  const payment = idOf(charge.payment_intent);
  if (payment === undefined || charge.status !== 'succeeded' || !charge.captured) return [];
  if (charge.balance_transaction === null || charge.refunded) return [];
  const feeMinor = await readFee(createStripe(ctx), payment, ctx);
  const fact = chargeFact(charge, 'succeeded');
  return fact === undefined || feeMinor === undefined ? [] : [{ ...fact, feeMinor }];
}

/** A part given back is told by the refund's own event; the payment moves when nothing is left of it. */
function onRefunded(charge: Stripe.Charge): Fact[] {
  return charge.refunded ? present(chargeFact(charge, 'refunded')) : [];
}

async function onInvoice(
  invoice: Stripe.Invoice,
  outcome: 'succeeded' | 'failed',
  ours: (metadata: Stripe.Metadata | null | undefined) => Marks | undefined,
  ctx: StripeContext,
): Promise<Fact[]> {
  const marks = ours(invoice.parent?.subscription_details?.metadata);
  if (marks === undefined) return [];
  return await readInvoiceFacts(createStripe(ctx), invoice, outcome);
}

function present(fact: Fact | undefined): Fact[] {
  return fact === undefined ? [] : [fact];
}
