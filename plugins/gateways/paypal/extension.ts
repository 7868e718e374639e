// PayPal: payments that customers approve at PayPal, subscriptions, stored methods, refunds and disputes.

import { defineGateway } from 'cofferdam/sdk';

import { dropAgreement, startAgreement } from './agreements.ts';
import { createPayPal, forgetToken } from './api.ts';
import { cancel, capture } from './authorizations.ts';
import { charge } from './charges.ts';
import { config } from './config.ts';
import { findObstacle } from './currency.ts';
import { dropWebhook, ensureWebhook } from './endpoint.ts';
import { startPayment } from './orders.ts';
import { reconcileOne, reconcileSince } from './reconcile.ts';
import { refund } from './refunds.ts';
import * as shapes from './shapes.ts';
import { cancelSubscription } from './subscriptions.ts';
import { readEvent, readFacts } from './webhook.ts';

export default defineGateway({
  config,

  async testConnection(ctx) {
    // A token that is still good would hide that the secret no longer is.
    await forgetToken(ctx);
    const { environment, webhookId } = ctx.config;
    const at = ['GET', '/v1/notifications/webhooks'] as const;
    const { webhooks } = await createPayPal(ctx).ask(shapes.webhooks, at);
    if (webhookId !== '' && !webhooks.some(({ id }) => id === webhookId)) {
      const message = `The app has no webhook with the id "${webhookId}"`;
      return { ok: false, message, remedy: 'Enter the id that the app shows, or leave it empty' };
    }
    return { ok: true, message: `Connected to PayPal (${environment})` };
  },

  async pay(payment, ctx) {
    return await startPayment(createPayPal(ctx), payment, ctx);
  },

  async webhook(request, ctx) {
    const paypal = createPayPal(ctx);
    const event = await readEvent(paypal, request, ctx);
    if (event === undefined) return { facts: [] };
    const facts = await readFacts(paypal, event, ctx);
    const { id, event_type: type } = event;
    ctx.log.debug('PayPal sent an event', { id, type, facts: facts.length });
    return { facts };
  },

  async refund(input, ctx) {
    return await refund(createPayPal(ctx), input, ctx);
  },

  async capture(input, ctx) {
    return await capture(createPayPal(ctx), input, ctx);
  },

  async void(input, ctx) {
    return await cancel(createPayPal(ctx), input);
  },

  async charge(input, ctx) {
    return await charge(createPayPal(ctx), input, ctx);
  },

  async createBillingAgreement(input, ctx) {
    return await startAgreement(createPayPal(ctx), input, ctx);
  },

  async cancelBillingAgreement({ agreement }, ctx) {
    return await dropAgreement(createPayPal(ctx), agreement);
  },

  // At PayPal the period that is paid for always runs on: there is no cancelling at once.
  async cancelSubscription({ externalId }, ctx) {
    return await cancelSubscription(createPayPal(ctx), externalId, ctx);
  },

  async canUse({ amount }) {
    const reason = findObstacle(amount);
    return reason === undefined ? { ok: true } : { ok: false, reason };
  },

  async reconcile({ externalId, since }, ctx) {
    const paypal = createPayPal(ctx);
    if (externalId !== undefined) return { facts: await reconcileOne(paypal, externalId, ctx) };
    return { facts: await reconcileSince(paypal, since, ctx) };
  },

  async onEnable(ctx) {
    await ensureWebhook(ctx);
  },

  async onConfigChange(_previous, ctx) {
    await ensureWebhook(ctx);
  },

  async onDisable(ctx) {
    await dropWebhook(ctx);
  },
});
