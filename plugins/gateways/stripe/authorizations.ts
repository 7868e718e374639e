// Payments that Stripe holds for us: taken, or given up.

import { checkPart } from 'cofferdam/sdk';
import type { Capture, MoneyResult, Transaction } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask, stripeErrorOf } from './api.ts';
import type { StripeContext } from './config.ts';
import { toStripeAmount } from './currency.ts';
import { findIntent, resultOf } from './intents.ts';

/** Takes an authorised payment, whole or in part. One that is taken already counts as done. */
export async function capture(
  stripe: Stripe,
  input: Capture,
  ctx: StripeContext,
): Promise<MoneyResult> {
  const id = await findIntent(stripe, input.transaction.externalId);
  const { amount } = toStripeAmount(
    checkPart(input.amount ?? input.transaction.amount, input.transaction),
  );
  const intent = await changeIntent(stripe, id, 'succeeded', (intentId) =>
    ask(
      `Cannot capture payment "${intentId}"`,
      stripe.paymentIntents.capture(
        intentId,
        { amount_to_capture: amount, expand: ['latest_charge.balance_transaction'] },
        { idempotencyKey: `${ctx.call.operationId}:capture` },
      ),
    ),
  );
  return resultOf(intent);
}

/** Gives up an authorised payment. One that is given up already counts as done. */
export async function cancel(
  stripe: Stripe,
  input: { readonly transaction: Transaction },
  ctx: StripeContext,
): Promise<MoneyResult> {
  const id = await findIntent(stripe, input.transaction.externalId);
  const intent = await changeIntent(stripe, id, 'canceled', (intentId) =>
    ask(
      `Cannot void payment "${intentId}"`,
      stripe.paymentIntents.cancel(
        intentId,
        { cancellation_reason: 'requested_by_customer' },
        { idempotencyKey: `${ctx.call.operationId}:void` },
      ),
    ),
  );
  return resultOf(intent);
}

/** Changes a payment; when it is in the wanted state already, a retry after a lost reply, that is fine. */
async function changeIntent(
  stripe: Stripe,
  id: string,
  wanted: Stripe.PaymentIntent['status'],
  change: (id: string) => Promise<Stripe.PaymentIntent>,
): Promise<Stripe.PaymentIntent> {
  try {
    return await change(id);
  } catch (error) {
    if (stripeErrorOf(error)?.code !== 'payment_intent_unexpected_state') throw error;
    const intent = await ask(`Cannot read payment "${id}"`, stripe.paymentIntents.retrieve(id));
    if (intent.status !== wanted) throw error;
    return intent;
  }
}
