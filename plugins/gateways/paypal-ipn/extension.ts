// PayPal IPN: payment buttons and the notifications about them, for accounts without a REST app.

import { defineGateway } from 'cofferdam/sdk';

import { amounts, startPayment } from './button.ts';
import { config } from './config.ts';
import { readFacts } from './facts.ts';
import { askPayPal, readNotification } from './notification.ts';

export default defineGateway({
  config,

  async testConnection(ctx) {
    await askPayPal('cmd=_notify-validate', ctx);
    const { email, environment } = ctx.config;
    const message = `PayPal (${environment}) answers; only a payment shows that "${email}" is yours`;
    return { ok: true, message };
  },

  async pay(payment, ctx) {
    return await startPayment(payment, ctx);
  },

  async webhook(request, ctx) {
    const fields = await readNotification(request, ctx);
    const facts = await readFacts(fields, ctx);
    ctx.log.debug('PayPal sent a notification', {
      status: fields.get('payment_status') ?? '',
      facts: facts.length,
    });
    return { facts };
  },

  async canUse({ amount, recurring = false }) {
    if (recurring) return { ok: false, reason: 'Payment buttons do not renew' };
    const reason = amounts.findObstacle(amount);
    return reason === undefined ? { ok: true } : { ok: false, reason };
  },
});
