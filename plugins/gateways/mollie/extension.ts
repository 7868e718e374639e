// Mollie: payments on its hosted checkout, mandates charged later, refunds and chargebacks.

import { defineGateway } from 'cofferdam/sdk';

import { createMollie, findObstacle, toMollie } from './api.ts';
import { cancel, capture, charge, refund } from './charges.ts';
import { config } from './config.ts';
import type { MollieContext } from './config.ts';
import { readPayment } from './facts.ts';
import { dropAgreement, readAgreement, startAgreement } from './mandates.ts';
import { startPayment } from './payments.ts';
import { reconcileOne, reconcileSince } from './reconcile.ts';
import * as shapes from './shapes.ts';
import { readFacts } from './webhook.ts';

export default defineGateway({
  config,

  async testConnection(ctx) {
    const methods = await listMethods(ctx, {});
    if (methods.length > 0) {
      return { ok: true, message: `Connected to Mollie with ${methods.length} payment methods` };
    }
    const message = 'The Mollie profile has no payment method';
    return { ok: false, message, remedy: 'Turn on a method for the profile in the dashboard' };
  },

  async pay(payment, ctx) {
    return await startPayment(createMollie(ctx), payment, ctx);
  },

  async webhook(request, ctx) {
    const facts = await readFacts(request, ctx);
    ctx.log.debug('Mollie named a payment', { facts: facts.length });
    return { facts };
  },

  async refund(input, ctx) {
    return await refund(createMollie(ctx), input, ctx);
  },

  async capture(input, ctx) {
    return await capture(createMollie(ctx), input, ctx);
  },

  async void(input, ctx) {
    return await cancel(createMollie(ctx), input, ctx);
  },

  async charge(input, ctx) {
    return await charge(createMollie(ctx), input, ctx);
  },

  async createBillingAgreement(input, ctx) {
    return await startAgreement(createMollie(ctx), input, ctx);
  },

  async cancelBillingAgreement({ agreement }, ctx) {
    return await dropAgreement(createMollie(ctx), agreement, ctx);
  },

  async canUse({ amount, recurring = false }, ctx) {
    const obstacle = findObstacle(amount);
    if (obstacle !== undefined) return { ok: false, reason: obstacle };
    const { currency, value } = toMollie(amount);
    const sequence = recurring ? { sequenceType: 'first' } : {};
    const query = { 'amount[currency]': currency, 'amount[value]': value, ...sequence };
    const methods = await listMethods(ctx, query);
    if (methods.length > 0) return { ok: true };
    return { ok: false, reason: `No method of this Mollie profile takes ${value} ${currency}` };
  },

  async reconcile({ externalId, since }, ctx) {
    const mollie = createMollie(ctx);
    if (externalId !== undefined) return { facts: await reconcileOne(mollie, externalId, ctx) };
    return { facts: await reconcileSince(mollie, since, ctx) };
  },

  actions: {
    methods: {
      label: 'Show payment methods',
      audience: 'admin',
      async run(_input, ctx) {
        return { data: await listMethods(ctx, {}) };
      },
    },
    agreement: {
      label: 'Show the payment method that a payment stored',
      audience: 'admin',
      fields: [{ name: 'payment', label: 'Payment (tr_…)', type: 'text', required: true }],
      async run({ values }, ctx) {
        const mollie = createMollie(ctx);
        const payment = await readPayment(mollie, String(values['payment'] ?? ''));
        const { customerId, mandateId } = payment;
        if (!customerId || !mandateId) return { message: 'This payment stored no method' };
        return { data: await readAgreement(mollie, { customerId, mandateId }) };
      },
    },
  },
});

async function listMethods(
  ctx: MollieContext,
  query: { readonly [name: string]: string },
): Promise<{ id: string; name: string }[]> {
  const at = ['GET', '/v2/methods'] as const;
  const { _embedded } = await createMollie(ctx).ask(shapes.methods, at, { query });
  return _embedded.methods.map(({ id, description }) => ({ id, name: description }));
}
