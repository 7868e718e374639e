// PayPal orders: the page on which a customer approves a payment, and the taking of what was approved.
// PayPal takes nothing by itself: an order is captured only while it is the one remembered for its invoice.

import {
  checkPayable,
  fail,
  forgetStarted,
  isClaim,
  isFailure,
  isSameStart,
  makeMark,
  openPage,
  pathId,
  readMark,
  readStarted,
} from 'cofferdam/sdk';
import type { Earlier, Fact, Money, Payment, PayResult } from 'cofferdam/sdk';

import { linkOf } from './api.ts';
import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { fromPayPal, toPayPal } from './currency.ts';
import { authorizationFact, captureFact } from './facts.ts';
import { planSubscription } from './plans.ts';
import * as shapes from './shapes.ts';
import type { Order } from './shapes.ts';
import { lookAtSubscription, subscribe } from './subscriptions.ts';

/** Characters of PayPal's `custom_id`. */
const MARK_CHARS = 127;

/** Starts the payment of an invoice, or goes on with the one that was started before. */
export async function startPayment(
  paypal: PayPal,
  payment: Payment,
  ctx: PayPalContext,
): Promise<PayResult> {
  const amount = checkPayable(payment.amount);
  toPayPal(amount);
  const invoiceId = payment.invoice.id;
  const rhythm = planSubscription(payment, ctx);
  const want = { amount, mode: rhythm === undefined ? 'order' : 'subscription' };
  return await openPage(
    ctx,
    { invoiceId, ...want },
    {
      look: () => lookAtEarlier(paypal, invoiceId, want, ctx),
      // A page that comes second is never shown, so that nobody can approve it.
      open: async () =>
        rhythm === undefined
          ? await createOrder(paypal, payment, ctx)
          : await subscribe(paypal, { payment, rhythm, mark: await markOf(ctx, invoiceId) }, ctx),
    },
  );
}

/**
 * Looks after what an earlier call has started for this invoice; an approved order is captured.
 *
 * @param want.mode What may be handed back open; absent: nothing
 */
export async function lookAtEarlier(
  paypal: PayPal,
  invoiceId: string,
  want: { readonly amount: Money; readonly mode?: string },
  ctx: PayPalContext,
): Promise<Earlier> {
  const started = await readStarted(ctx.storage, invoiceId);
  const none: Earlier = { kind: 'none', replaces: started };
  if (started === null || isClaim(started, ctx.call)) return none;
  const isSame = isSameStart(started, want);
  if (started.mode === 'subscription') {
    const found = await lookAtSubscription(paypal, started.id, invoiceId);
    return found.kind === 'none' || (found.kind === 'open' && !isSame) ? none : found;
  }
  const order = await readOrder(paypal, started.id);
  if (order === undefined) return none;
  const isOpen = ['CREATED', 'SAVED', 'PAYER_ACTION_REQUIRED'].includes(order.status);
  const url = linkOf(order, 'payer-action', 'approve');
  if (isOpen) return isSame && url !== undefined ? { kind: 'open', url, id: order.id } : none;
  if (order.status === 'APPROVED' && !isSame) return none;
  const facts = await takeOrder(paypal, order, invoiceId, ctx);
  if (facts.every(({ state }) => state === 'failed')) return none;
  await forgetStarted(ctx.storage, invoiceId, started);
  return { kind: 'paid', facts };
}

/** An order by its id; undefined when PayPal has none, as some hours after nobody approved it. */
export async function readOrder(paypal: PayPal, id: string): Promise<Order | undefined> {
  return await paypal.find(shapes.order, `/v2/checkout/orders/${pathId(id, 'PayPal')}`);
}

/** Captures or authorises an approved order; tells what it holds when that has been done already. */
export async function takeOrder(
  paypal: PayPal,
  order: Order,
  invoiceId: string,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  if (order.status !== 'APPROVED') return orderFacts(order, invoiceId);
  const act = order.intent === 'AUTHORIZE' ? 'authorize' : 'capture';
  const path = `/v2/checkout/orders/${pathId(order.id, 'PayPal')}/${act}`;
  try {
    const taken = await paypal.ask(shapes.order, ['POST', path], { json: {}, step: act });
    return orderFacts(taken, invoiceId);
  } catch (error) {
    // The webhook and the returning customer come at the same time: one of them was faster.
    if (isFailure(error, 'conflict')) {
      const now = await readOrder(paypal, order.id);
      if (now !== undefined && now.status !== 'APPROVED') return orderFacts(now, invoiceId);
    }
    if (!isFailure(error, 'declined')) throw error;
    ctx.log.warn('PayPal declined what the customer had approved', {
      order: order.id,
      invoiceId,
      why: error.message,
    });
    return [];
  }
}

/** What an order's own event means: an approved one is taken, when it is the one we wait for. */
export async function onApproved(
  paypal: PayPal,
  { id }: Pick<Order, 'id'>,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  // Read back: what is captured is what PayPal has now, whatever the event says.
  const order = await readOrder(paypal, id);
  const [unit] = order?.purchase_units ?? [];
  const invoiceId = await readMark(ctx.storage, unit?.custom_id);
  if (order === undefined || unit === undefined || invoiceId === undefined) return [];
  const started = await readStarted(ctx.storage, invoiceId);
  const { amountMinor, currency } = fromPayPal(unit.amount);
  const isWanted =
    started?.id === order.id &&
    started.amountMinor === amountMinor &&
    started.currency === currency;
  if (isWanted || order.status === 'COMPLETED') {
    return await takeOrder(paypal, order, invoiceId, ctx);
  }
  ctx.log.warn('An approved order is left alone: another payment of its invoice replaced it', {
    order: order.id,
    invoiceId,
  });
  return [];
}

/** The mark of an invoice, as long as `custom_id` takes. */
export async function markOf(ctx: PayPalContext, invoiceId: string): Promise<string> {
  return await makeMark(ctx.storage, invoiceId, MARK_CHARS);
}

function orderFacts({ purchase_units: units }: Order, invoiceId: string): readonly Fact[] {
  return units.flatMap(({ payments }) => [
    ...(payments?.captures ?? []).map((capture) => captureFact(capture, invoiceId)),
    ...(payments?.authorizations ?? [])
      // Once it is captured the capture speaks for it.
      .filter(({ status }) => status !== 'CAPTURED')
      .map((authorization) => authorizationFact(authorization, invoiceId)),
  ]);
}

async function createOrder(
  paypal: PayPal,
  { invoice, amount, returnUrl, cancelUrl }: Payment,
  ctx: PayPalContext,
): Promise<{ readonly id: string; readonly url: string }> {
  const { brandName, capture } = ctx.config;
  const order = await paypal.ask(shapes.order, ['POST', '/v2/checkout/orders'], {
    step: 'order',
    json: {
      intent: capture === 'manual' ? 'AUTHORIZE' : 'CAPTURE',
      purchase_units: [
        {
          custom_id: await markOf(ctx, invoice.id),
          description: `Invoice ${invoice.number ?? invoice.id}`.slice(0, 127),
          amount: toPayPal(amount),
        },
      ],
      payment_source: {
        paypal: {
          experience_context: {
            shipping_preference: 'NO_SHIPPING',
            user_action: 'PAY_NOW',
            return_url: returnUrl,
            cancel_url: cancelUrl ?? returnUrl,
            ...(brandName === '' ? {} : { brand_name: brandName }),
          },
        },
      },
    },
  });
  const url = linkOf(order, 'payer-action', 'approve');
  if (url === undefined) {
    throw fail('invalid_response', `PayPal gave order "${order.id}" no page to approve it on`);
  }
  return { id: order.id, url };
}
