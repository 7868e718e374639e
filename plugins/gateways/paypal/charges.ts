// Charging a stored payment method, without the customer at the screen.

import {
  claimInvoice,
  forgetStarted,
  isFailure,
  mayHaveActed,
  rememberStarted,
  startedNow,
} from 'cofferdam/sdk';
import type { Charge, MoneyResult } from 'cofferdam/sdk';

import { linkOf } from './api.ts';
import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { toPayPal } from './currency.ts';
import { lookAtEarlier, markOf, takeOrder } from './orders.ts';
import { report } from './results.ts';
import * as shapes from './shapes.ts';
import type { Order } from './shapes.ts';

/** Charges a stored payment method for an invoice, without the customer. */
export async function charge(
  paypal: PayPal,
  input: Charge,
  ctx: PayPalContext,
): Promise<MoneyResult> {
  const { invoice, amount } = input;
  toPayPal(amount);
  // The customer may have the payment page open, or may have just paid on it.
  const earlier = await lookAtEarlier(paypal, invoice.id, { amount }, ctx);
  if (earlier.kind === 'paid') return report(earlier.facts, invoice.id);
  // From here on an order that the customer still approves is not captured.
  const replaces = earlier.kind === 'none' ? earlier.replaces : null;
  const claim = await claimInvoice(ctx, invoice.id, { amount, replaces });
  try {
    const order = await createChargeOrder(paypal, input, ctx);
    return await followOrder(paypal, order, input, ctx);
  } catch (error) {
    if (!mayHaveActed(error)) await forgetStarted(ctx.storage, invoice.id, claim);
    if (!isFailure(error, 'declined')) throw error;
    return { status: 'failed', error: error.failure };
  }
}

async function createChargeOrder(
  paypal: PayPal,
  { invoice, amount, agreement }: Charge,
  ctx: PayPalContext,
): Promise<Order> {
  const vaulted = { vault_id: agreement.externalId };
  // Card networks want to know that the customer is not at the screen.
  const stored = {
    payment_initiator: 'MERCHANT',
    payment_type: 'UNSCHEDULED',
    usage: 'SUBSEQUENT',
  };
  return await paypal.ask(shapes.order, ['POST', '/v2/checkout/orders'], {
    step: 'charge',
    json: {
      intent: 'CAPTURE',
      purchase_units: [
        {
          custom_id: await markOf(ctx, invoice.id),
          description: `Invoice ${invoice.number ?? invoice.id}`.slice(0, 127),
          amount: toPayPal(amount),
        },
      ],
      payment_source:
        agreement.type === 'card'
          ? { card: { ...vaulted, stored_credential: stored } }
          : { paypal: vaulted },
    },
  });
}

/** Where the charge stands: taken, to be taken, or waiting for the customer. */
async function followOrder(
  paypal: PayPal,
  order: Order,
  { invoice, amount }: Charge,
  ctx: PayPalContext,
): Promise<MoneyResult> {
  const url = linkOf(order, 'payer-action', 'approve');
  const waits = order.status === 'PAYER_ACTION_REQUIRED' && url !== undefined;
  // What waits for the customer is captured when PayPal says that it was approved, as on a page.
  const started = startedNow(ctx.call, { id: order.id, mode: waits ? 'order' : 'charge', amount });
  await rememberStarted(ctx.storage, invoice.id, { started, replaces: null });
  if (waits) return { status: 'requires_action', externalId: order.id, url };
  const facts = await takeOrder(paypal, { ...order, intent: 'CAPTURE' }, invoice.id, ctx);
  if (facts.every(({ state }) => state === 'failed')) {
    await forgetStarted(ctx.storage, invoice.id, started);
  }
  return report(facts, invoice.id);
}
