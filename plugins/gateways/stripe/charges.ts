// Charging a stored method, without the customer at the screen.

import {
  claimInvoice,
  fail,
  forgetStarted,
  mayHaveActed,
  paidResult,
  rememberStarted,
  startedNow,
} from 'cofferdam/sdk';
import type { Charge, Fact, Invoice, MoneyResult } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask, idOf, stripeErrorOf } from './api.ts';
import type { StripeContext } from './config.ts';
import { toStripeAmount } from './currency.ts';
import { lookAtEarlier } from './earlier.ts';
import { paymentFact } from './facts.ts';
import { resultOf } from './intents.ts';
import { makeMarks } from './ownership.ts';

/** Charges a stored payment method for an invoice, off session. */
export async function charge(
  stripe: Stripe,
  input: Charge,
  ctx: StripeContext,
): Promise<MoneyResult> {
  const { invoice, amount, agreement } = input;
  const stripeAmount = toStripeAmount(amount);
  const customer = agreement.customerId ?? (await readOwner(stripe, agreement.externalId));
  // The customer may have the payment page open, or may have just paid on it.
  const earlier = await lookAtEarlier(stripe, invoice.id, { amount }, ctx);
  if (earlier.kind === 'paid') return reportEarlier(invoice, earlier.facts);
  const replaces = earlier.kind === 'none' ? earlier.replaces : null;
  const claim = await claimInvoice(ctx, invoice.id, { amount, replaces });
  const about = {
    ...stripeAmount,
    customer,
    payment_method: agreement.externalId,
    description: `Invoice ${invoice.number ?? invoice.id}`,
    metadata: await makeMarks(ctx, { invoiceId: invoice.id }),
  };
  try {
    const intent = await createIntent(stripe, about, ctx);
    const started = startedNow(ctx.call, { id: intent.id, mode: 'charge', amount });
    await rememberStarted(ctx.storage, invoice.id, { started, replaces: claim });
    const result = report(intent, ctx);
    if (result.status === 'failed') await forgetStarted(ctx.storage, invoice.id, started);
    return result;
  } catch (error) {
    if (!mayHaveActed(error)) await forgetStarted(ctx.storage, invoice.id, claim);
    throw error;
  }
}

/** A confirmed payment; one that the bank declined, or wants the customer for, is one too. */
async function createIntent(
  stripe: Stripe,
  about: Pick<
    Stripe.PaymentIntentCreateParams,
    'amount' | 'currency' | 'customer' | 'payment_method' | 'description' | 'metadata'
  >,
  { call }: StripeContext,
): Promise<Outcome> {
  try {
    const params = {
      ...about,
      off_session: true,
      confirm: true,
      automatic_payment_methods: { enabled: true },
      expand: ['latest_charge.balance_transaction'],
    };
    const key = { idempotencyKey: `${call.operationId}:charge` };
    return await ask('Cannot charge the invoice', stripe.paymentIntents.create(params, key));
  } catch (error) {
    const refusal = stripeErrorOf(error);
    const intent = refusal?.payment_intent;
    if (refusal?.type !== 'StripeCardError' || intent === undefined) throw error;
    // The bank wants the customer to confirm: not a decline, the payment can still be made.
    if (refusal.code === 'authentication_required') return { ...intent, status: 'requires_action' };
    return { ...intent, status: 'canceled', why: error instanceof Error ? error.message : '' };
  }
}

/** A payment intent; `why` says in Stripe's words why it was declined. */
type Outcome = Stripe.PaymentIntent & { readonly why?: string };

async function readOwner(stripe: Stripe, method: string): Promise<string> {
  const { customer } = await ask(
    `Cannot read payment method "${method}"`,
    stripe.paymentMethods.retrieve(method),
  );
  const id = idOf(customer);
  if (id === undefined) {
    throw fail('declined', `Payment method "${method}" belongs to no customer any more`, {
      remedy: 'Ask the customer to add the payment method again',
    });
  }
  return id;
}

function reportEarlier(invoice: Invoice, facts: readonly Fact[]): MoneyResult {
  const paid = paidResult(facts);
  if (paid !== undefined) return paid;
  throw fail('conflict', `Invoice "${invoice.id}" is paid by a subscription already`, {
    remedy: 'Wait for the payment of the subscription, or cancel the subscription first',
  });
}

function report(intent: Outcome, { config }: StripeContext): MoneyResult {
  if (intent.status === 'requires_action') {
    const url = intent.next_action?.redirect_to_url?.url;
    const { publishableKey } = config;
    return {
      status: 'requires_action',
      externalId: intent.id,
      ...(url ? { url } : {}),
      ...(intent.client_secret === null ? {} : { clientSecret: intent.client_secret }),
      ...(publishableKey === '' ? {} : { publishableKey }),
    };
  }
  const fact = paymentFact(intent);
  if (fact !== undefined && fact.state !== 'failed') return resultOf(intent);
  const why = `Stripe did not take payment "${intent.id}": it is "${intent.status}"`;
  const { failure } = fail('declined', intent.why ?? why, {
    remedy: 'Ask the customer for another payment method, or to pay on the payment page',
  });
  return { status: 'failed', error: failure, ...(fact === undefined ? {} : { facts: [fact] }) };
}
