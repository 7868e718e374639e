// The webhook at PayPal: made on enabling, kept in step, removed on disabling. Its id is what PayPal
// checks signatures against; it is no secret.

import { isFailure, pathId } from 'cofferdam/sdk';

import { createPayPal } from './api.ts';
import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import * as shapes from './shapes.ts';

/** Every event that webhook.ts reads. */
export const EVENT_TYPES = [
  'CHECKOUT.ORDER.APPROVED',
  'CHECKOUT.ORDER.COMPLETED',
  'PAYMENT.AUTHORIZATION.CREATED',
  'PAYMENT.AUTHORIZATION.VOIDED',
  'PAYMENT.CAPTURE.COMPLETED',
  'PAYMENT.CAPTURE.PENDING',
  'PAYMENT.CAPTURE.DECLINED',
  'PAYMENT.CAPTURE.DENIED',
  'PAYMENT.CAPTURE.REFUNDED',
  'PAYMENT.CAPTURE.REVERSED',
  'PAYMENT.REFUND.PENDING',
  'PAYMENT.REFUND.FAILED',
  'PAYMENT.SALE.COMPLETED',
  'PAYMENT.SALE.PENDING',
  'PAYMENT.SALE.DENIED',
  'PAYMENT.SALE.REFUNDED',
  'PAYMENT.SALE.REVERSED',
  'BILLING.SUBSCRIPTION.ACTIVATED',
  'BILLING.SUBSCRIPTION.CANCELLED',
  'BILLING.SUBSCRIPTION.EXPIRED',
  'CUSTOMER.DISPUTE.CREATED',
  'CUSTOMER.DISPUTE.UPDATED',
  'CUSTOMER.DISPUTE.RESOLVED',
  'VAULT.PAYMENT-TOKEN.CREATED',
  'VAULT.PAYMENT-TOKEN.DELETED',
] as const;

/** The id that signatures are checked against; undefined when there is none, then nothing is believed. */
export async function webhookIdOf({ config, storage }: PayPalContext): Promise<string | undefined> {
  if (config.webhookId !== '') return config.webhookId;
  return (await storage.get<string>('webhook')) ?? undefined;
}

/**
 * Makes the webhook or brings it up to date. Does nothing without a public address; a webhook that the
 * admin entered by hand replaces ours, because with both every event would come twice.
 */
export async function ensureWebhook(ctx: PayPalContext): Promise<void> {
  const { webhookUrl: url } = ctx.call;
  if (ctx.config.webhookId !== '') return await dropWebhook(ctx);
  if (url === undefined) return;
  const paypal = createPayPal(ctx);
  const at = ['GET', '/v1/notifications/webhooks'] as const;
  const { webhooks } = await paypal.ask(shapes.webhooks, at);
  const stored = await ctx.storage.get<string>('webhook');
  // The address has the name of this instance in it: a webhook at it can only be an old one of ours.
  const current =
    webhooks.find((each) => each.id === stored) ?? webhooks.find((w) => w.url === url);
  const event_types = EVENT_TYPES.map((name) => ({ name }));
  if (current === undefined) {
    const made = await paypal.ask(shapes.made, ['POST', '/v1/notifications/webhooks'], {
      json: { url, event_types },
    });
    await ctx.storage.set('webhook', made.id);
    return;
  }
  await paypal.send('PATCH', `/v1/notifications/webhooks/${pathId(current.id, 'PayPal')}`, {
    json: [
      ...(current.url === url ? [] : [{ op: 'replace', path: '/url', value: url }]),
      { op: 'replace', path: '/event_types', value: event_types },
    ],
  });
  await ctx.storage.set('webhook', current.id);
}

/** Removes the webhook that this instance made, if it made one. */
export async function dropWebhook(ctx: PayPalContext): Promise<void> {
  const stored = await ctx.storage.get<string>('webhook');
  if (stored === null) return;
  await removeWebhook(createPayPal(ctx), stored);
  await ctx.storage.delete('webhook');
}

async function removeWebhook(paypal: PayPal, id: string): Promise<void> {
  try {
    await paypal.send('DELETE', `/v1/notifications/webhooks/${pathId(id, 'PayPal')}`);
  } catch (error) {
    // Removed by hand in the dashboard: that is what was wanted.
    if (!isFailure(error, 'not_found')) throw error;
  }
}
