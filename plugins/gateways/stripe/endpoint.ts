// The webhook endpoint at Stripe: made on enabling, kept in step, removed on disabling.
// Its signing secret is shown by Stripe once, when it is made: the host seals it, and its stand-in is kept
// in this instance's storage.

import { instanceName, isFailure, isForgottenSecret } from 'cofferdam/sdk';
import type { Storage, WebhookRequest } from 'cofferdam/sdk';
import Stripe from 'stripe';

import { ask, createStripe, isMissing } from './api.ts';
import type { StripeContext } from './config.ts';

/** Every event that webhook.ts reads. */
export const EVENT_TYPES = [
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
  'payment_intent.succeeded',
  'payment_intent.processing',
  'payment_intent.payment_failed',
  'payment_intent.canceled',
  'payment_intent.amount_capturable_updated',
  'charge.updated',
  'charge.refunded',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.funds_reinstated',
  'refund.created',
  'refund.updated',
  'refund.failed',
  'invoice.paid',
  'invoice.payment_failed',
  'setup_intent.succeeded',
] as const;

type Endpoint = { readonly id: string; readonly url: string; readonly secret: string };

/** Endpoints of one account; Stripe allows 16 per mode, so this is far above what can be. */
const ENDPOINTS_MAX = 200;

/** The endpoint that this instance made; null when there is none. */
export async function readEndpoint(storage: Storage): Promise<Endpoint | null> {
  return await storage.get<Endpoint>('endpoint');
}

/**
 * Makes the endpoint or brings it up to date.
 *
 * Does nothing without a public address, or when the admin entered the secret of an endpoint made by
 * hand. An endpoint of ours at Stripe whose secret is not stored here is useless and is replaced.
 */
export async function ensureEndpoint(ctx: StripeContext): Promise<void> {
  const { webhookUrl: url } = ctx.call;
  // An endpoint made by hand replaces ours: with both, every event would come twice.
  if (ctx.config.webhookSecret) return await dropEndpoint(ctx);
  if (url === undefined) return;
  const stripe = createStripe(ctx);
  const instance = await instanceName(ctx.storage);
  const stored = await readUsable(ctx);
  const all = await ask(
    'Cannot list the webhook endpoints',
    stripe.webhookEndpoints.list({ limit: 100 }).autoPagingToArray({ limit: ENDPOINTS_MAX }),
  );
  const enabled_events = [...EVENT_TYPES];
  const current = all.find(({ id }) => id === stored?.id);
  if (current !== undefined) {
    await ask(
      `Cannot update webhook endpoint "${current.id}"`,
      stripe.webhookEndpoints.update(current.id, { url, enabled_events, disabled: false }),
    );
    if (stored !== null) await ctx.storage.set('endpoint', { ...stored, url });
  } else {
    const made = await ask(
      'Cannot make the webhook endpoint',
      stripe.webhookEndpoints.create(
        {
          url,
          enabled_events,
          api_version: Stripe.API_VERSION,
          description: 'Made by the Stripe extension of Cofferdam',
          metadata: { cofferdam_instance: instance },
        },
        { idempotencyKey: `${ctx.call.operationId}:endpoint` },
      ),
    );
    await ctx.storage.set('endpoint', { id: made.id, url, secret: made.secret ?? '' });
  }
  for (const { id, metadata } of all) {
    const left = metadata['cofferdam_instance'] === instance && id !== current?.id;
    if (left) await removeEndpoint(stripe, id);
  }
}

/** The endpoint, when the host still knows what its deliveries are signed with. */
async function readUsable(ctx: StripeContext): Promise<Endpoint | null> {
  const stored = await readEndpoint(ctx.storage);
  if (stored === null) return null;
  try {
    await ctx.webhooks.verify(NO_DELIVERY, { kind: 'stripe', secret: stored.secret });
  } catch (error) {
    if (isForgottenSecret(error)) return null;
    if (!isFailure(error, 'unauthorized')) throw error;
  }
  return stored;
}

/** Signed by nobody: refused by every secret that is known. */
const NO_DELIVERY: WebhookRequest = {
  id: 'none',
  method: 'POST',
  url: 'https://localhost/',
  headers: { 'stripe-signature': `t=1,v1=${'0'.repeat(64)}` },
  body: '',
  bodyEncoding: 'utf8',
  receivedAt: new Date(1_000).toISOString(),
};

/** Removes the endpoint that this instance made, if it made one. */
export async function dropEndpoint(ctx: StripeContext): Promise<void> {
  const stored = await readEndpoint(ctx.storage);
  if (stored === null) return;
  await removeEndpoint(createStripe(ctx), stored.id);
  await ctx.storage.delete('endpoint');
}

async function removeEndpoint(stripe: Stripe, id: string): Promise<void> {
  try {
    await ask(`Cannot remove webhook endpoint "${id}"`, stripe.webhookEndpoints.del(id));
  } catch (error) {
    // Removed by hand in the dashboard: that is what was wanted.
    if (!isMissing(error)) throw error;
  }
}
