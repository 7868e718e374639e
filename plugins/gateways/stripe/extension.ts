// Stripe: payments on hosted pages, stored methods, subscriptions, refunds and disputes.

import { defineGateway, instanceName, isFailure } from 'cofferdam/sdk';

import { ask, createStripe, isMissing } from './api.ts';
import { cancel, capture } from './authorizations.ts';
import { charge } from './charges.ts';
import { startAgreement, startPayment } from './checkout.ts';
import { config } from './config.ts';
import { findObstacle } from './currency.ts';
import { dropEndpoint, ensureEndpoint } from './endpoint.ts';
import { readMarks } from './ownership.ts';
import { reconcileOne, reconcileSince } from './reconcile.ts';
import { refund } from './refunds.ts';
import { readEvent, readFacts } from './webhook.ts';

export default defineGateway({
  config,

  async testConnection(ctx) {
    const { livemode } = await ask('Cannot reach Stripe', createStripe(ctx).balance.retrieve());
    const { publishableKey } = ctx.config;
    if (publishableKey !== '' && publishableKey.startsWith('pk_live_') !== livemode) {
      const message = 'The secret key and the publishable key are of different modes';
      return { ok: false, message, remedy: 'Enter both keys of test mode or both of live mode' };
    }
    return { ok: true, message: `Connected to Stripe in ${livemode ? 'live' : 'test'} mode` };
  },

  async pay(payment, ctx) {
    return await startPayment(createStripe(ctx), payment, ctx);
  },

  async webhook(request, ctx) {
    const event = await readEvent(request, ctx);
    if (event === undefined) return { facts: [] };
    const facts = await readFacts(event, ctx);
    ctx.log.debug('Stripe sent an event', { id: event.id, type: event.type, facts: facts.length });
    return { facts };
  },

  async refund(input, ctx) {
    return await refund(createStripe(ctx), input, ctx);
  },

  async capture(input, ctx) {
    return await capture(createStripe(ctx), input, ctx);
  },

  async void(input, ctx) {
    return await cancel(createStripe(ctx), input, ctx);
  },

  async charge(input, ctx) {
    return await charge(createStripe(ctx), input, ctx);
  },

  async createBillingAgreement(input, ctx) {
    return await startAgreement(createStripe(ctx), input, ctx);
  },

  async cancelBillingAgreement({ agreement }, ctx) {
    const stripe = createStripe(ctx);
    const id = agreement.externalId;
    try {
      const method = await ask(
        `Cannot read payment method "${id}"`,
        stripe.paymentMethods.retrieve(id),
      );
      if (method.customer === null) return { cancelled: true };
      await ask(`Cannot forget payment method "${id}"`, stripe.paymentMethods.detach(id));
      return { cancelled: true };
    } catch (error) {
      // A method that is gone can no longer be charged: that is what was wanted.
      if (isMissing(error)) return { cancelled: true };
      throw error;
    }
  },

  async cancelSubscription({ externalId: id, atPeriodEnd = false }, ctx) {
    // Panels ask every gateway: only a subscription that this instance made is touched.
    if (!id.startsWith('sub_')) return { cancelled: false };
    const stripe = createStripe(ctx);
    try {
      const found = await ask(
        `Cannot read subscription "${id}"`,
        stripe.subscriptions.retrieve(id),
      );
      const instance = await instanceName(ctx.storage);
      if (readMarks(found.metadata, instance) === undefined) return { cancelled: false };
      if (found.status === 'canceled') return { cancelled: true };
      const change = atPeriodEnd
        ? stripe.subscriptions.update(id, { cancel_at_period_end: true })
        : stripe.subscriptions.cancel(id);
      const { items } = await ask(`Cannot cancel subscription "${id}"`, change);
      // Each item has its own period; the subscription itself has none since API 2025-03-31.
      const ends = Math.max(0, ...items.data.map(({ current_period_end: end }) => end));
      ctx.log.info('A subscription was cancelled', {
        subscription: id,
        paidUntil: new Date(ends * 1_000).toISOString(),
        atPeriodEnd,
      });
      return { cancelled: true };
    } catch (error) {
      if (isMissing(error)) return { cancelled: false };
      throw error;
    }
  },

  async canUse({ amount }) {
    try {
      const reason = findObstacle(amount);
      return reason === undefined ? { ok: true } : { ok: false, reason };
    } catch (error) {
      if (isFailure(error, 'unsupported')) return { ok: false, reason: error.message };
      throw error;
    }
  },

  async reconcile({ externalId, since }, ctx) {
    const stripe = createStripe(ctx);
    if (externalId !== undefined) return { facts: await reconcileOne(stripe, externalId) };
    return { facts: await reconcileSince(stripe, since, ctx) };
  },

  async onEnable(ctx) {
    await ensureEndpoint(ctx);
  },

  async onConfigChange(_previous, ctx) {
    await ensureEndpoint(ctx);
  },

  async onDisable(ctx) {
    await dropEndpoint(ctx);
  },
});
