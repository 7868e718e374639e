// Money moved without the customer at the screen: charging a stored method, capture, void, refund.

import { checkPart, fail } from 'cofferdam/sdk';
import type {
  BillingAgreement,
  Fact,
  Invoice,
  Money,
  MoneyResult,
  Transaction,
} from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask, idOf, stripeErrorOf } from './api.ts';
import type { StripeContext } from './config.ts';
import { toStripeAmount } from './currency.ts';
import { lookAtEarlier, remember } from './earlier.ts';
import { paymentFact, refundFact } from './facts.ts';
import { makeMarks } from './ownership.ts';

const REFUND_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const;

/** Charges a stored payment method for an invoice, off session. */
export async function charge(
  stripe: Stripe,
  input: {
    readonly invoice: Invoice;
    readonly amount: Money;
    readonly agreement: BillingAgreement;
  },
  ctx: StripeContext,
): Promise<MoneyResult> {
  const { invoice, amount, agreement } = input;
  const stripeAmount = toStripeAmount(amount);
  const customer = agreement.customerId ?? (await readOwner(stripe, agreement.externalId));
  // The customer may have the payment page open, or may have just paid on it.
  const earlier = await lookAtEarlier(stripe, invoice.id, { amount }, ctx);
  if (earlier.kind === 'paid') return reportEarlier(invoice, earlier.facts);
  try {
    const intent = await ask(
      `Cannot charge invoice "${invoice.id}"`,
      stripe.paymentIntents.create(
        {
          ...stripeAmount,
          customer,
          payment_method: agreement.externalId,
          off_session: true,
          confirm: true,
          automatic_payment_methods: { enabled: true },
          description: `Invoice ${invoice.number ?? invoice.id}`,
          metadata: await makeMarks(ctx, { invoiceId: invoice.id }),
          expand: ['latest_charge.balance_transaction'],
        },
        { idempotencyKey: `${ctx.call.operationId}:charge` },
      ),
    );
    return await reportIntent(intent, input, ctx);
  } catch (error) {
    const stripeError = stripeErrorOf(error);
    const intent = stripeError?.payment_intent;
    if (stripeError?.type !== 'StripeCardError' || intent === undefined) throw error;
    // The bank wants the customer to confirm: not a decline, the payment can still be made.
    if (stripeError.code === 'authentication_required')
      return await askCustomer(intent, input, ctx);
    return reportDecline(error instanceof Error ? error.message : stripeError.message, intent);
  }
}

/** Takes an authorised payment, whole or in part. One that is taken already counts as done. */
export async function capture(
  stripe: Stripe,
  input: { readonly transaction: Transaction; readonly amount?: Money },
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
  return done(intent);
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
  return done(intent);
}

/** Gives money back, all of it or a part. */
export async function refund(
  stripe: Stripe,
  input: { readonly transaction: Transaction; readonly amount: Money; readonly reason?: string },
  ctx: StripeContext,
): Promise<MoneyResult> {
  const { transaction, reason } = input;
  const { amount } = toStripeAmount(checkPart(input.amount, transaction));
  const known = REFUND_REASONS.find((one) => one === reason);
  const said = known === undefined && reason ? { reason: reason.slice(0, 500) } : {};
  const refunded = await ask(
    `Cannot refund payment "${transaction.externalId}"`,
    stripe.refunds.create(
      {
        ...(await findPayment(stripe, transaction.externalId)),
        amount,
        metadata: { ...(await makeMarks(ctx, { invoiceId: transaction.invoiceId })), ...said },
        ...(known === undefined ? {} : { reason: known }),
      },
      { idempotencyKey: `${ctx.call.operationId}:refund` },
    ),
  );
  const fact = refundFact(refunded);
  if (fact.state === 'failed') {
    const message = `Stripe could not refund payment "${transaction.externalId}": ${refunded.failure_reason ?? refunded.status}`;
    const remedy = 'Give the money back outside of Stripe, or try again from the Stripe dashboard';
    const error = { code: 'rejected' as const, message, retriable: false, remedy };
    return { status: 'failed', error, facts: [fact] };
  }
  const status = fact.state === 'processing' ? 'pending' : 'done';
  return { status, externalId: refunded.id, facts: [fact] };
}

/** What Stripe calls a payment, by whatever id the panel has stored of it. */
export async function findPayment(
  stripe: Stripe,
  externalId: string,
): Promise<{ payment_intent: string } | { charge: string }> {
  if (/^(?:ch|py)_/.test(externalId)) return { charge: externalId };
  return { payment_intent: await findIntent(stripe, externalId) };
}

async function findIntent(stripe: Stripe, externalId: string): Promise<string> {
  if (externalId.startsWith('pi_')) return externalId;
  const what = `Cannot find the payment of "${externalId}"`;
  const intent = externalId.startsWith('cs_')
    ? (await ask(what, stripe.checkout.sessions.retrieve(externalId))).payment_intent
    : externalId.startsWith('in_')
      ? (await ask(what, stripe.invoicePayments.list({ invoice: externalId, status: 'paid' })))
          .data[0]?.payment.payment_intent
      : /^(?:ch|py)_/.test(externalId)
        ? (await ask(what, stripe.charges.retrieve(externalId))).payment_intent
        : null;
  const id = idOf(intent);
  if (id === undefined) {
    throw fail('not_found', `${what}: Stripe has no payment behind it`, {
      remedy: 'Check that this transaction was made through Stripe',
    });
  }
  return id;
}

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

function reportEarlier(invoice: Invoice, facts: readonly Fact[]): MoneyResult {
  const paid = facts.find(({ kind }) => kind === 'payment');
  if (paid === undefined) {
    throw fail('conflict', `Invoice "${invoice.id}" is paid by a subscription already`, {
      remedy: 'Wait for the payment of the subscription, or cancel the subscription first',
    });
  }
  const status = paid.state === 'processing' ? 'pending' : 'done';
  return { status, externalId: paid.externalId, facts };
}

async function reportIntent(
  intent: Stripe.PaymentIntent,
  input: { readonly invoice: Invoice; readonly amount: Money },
  ctx: StripeContext,
): Promise<MoneyResult> {
  if (intent.status === 'requires_action') return await askCustomer(intent, input, ctx);
  const fact = paymentFact(intent);
  if (fact === undefined || fact.state === 'failed') {
    return {
      status: 'failed',
      error: {
        code: 'declined',
        message: `Stripe did not take payment "${intent.id}": it is "${intent.status}"`,
        retriable: false,
        remedy: 'Ask the customer to pay the invoice on the payment page',
      },
      ...(fact === undefined ? {} : { facts: [fact] }),
    };
  }
  const status = fact.state === 'processing' ? 'pending' : 'done';
  return { status, externalId: intent.id, facts: [fact] };
}

/** The customer must confirm. Remembered, so that paying on the page instead cancels this one first. */
async function askCustomer(
  intent: Stripe.PaymentIntent,
  { invoice, amount }: { readonly invoice: Invoice; readonly amount: Money },
  ctx: StripeContext,
): Promise<MoneyResult> {
  const operation = ctx.call.operationId;
  const { publishableKey } = ctx.config;
  await remember(ctx.storage, invoice.id, {
    intent: intent.id,
    operation,
    mode: 'charge',
    ...amount,
  });
  const url = intent.next_action?.redirect_to_url?.url;
  return {
    status: 'requires_action',
    externalId: intent.id,
    ...(url ? { url } : {}),
    ...(intent.client_secret === null ? {} : { clientSecret: intent.client_secret }),
    ...(publishableKey === '' ? {} : { publishableKey }),
  };
}

function reportDecline(message: string, intent: Stripe.PaymentIntent): MoneyResult {
  const fact = paymentFact({ ...intent, status: 'canceled' });
  return {
    status: 'failed',
    error: {
      code: 'declined',
      message,
      retriable: false,
      remedy: 'Ask the customer for another payment method',
    },
    ...(fact === undefined ? {} : { facts: [fact] }),
  };
}

function done(intent: Stripe.PaymentIntent): MoneyResult {
  const fact = paymentFact(intent);
  const status = fact?.state === 'processing' ? 'pending' : 'done';
  return { status, externalId: intent.id, facts: fact === undefined ? [] : [fact] };
}
