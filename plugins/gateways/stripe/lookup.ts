// Facts that need a look at Stripe: the payment behind an invoice, a stored method behind a session,
// the fee of a payment. Used by webhook, pay and reconcile alike, so that all tell the same ids.

import type { Fact } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask, idOf } from './api.ts';
import type { StripeContext } from './config.ts';
import { fromStripeAmount } from './currency.ts';
import { feeOf, paymentFact, sessionFact } from './facts.ts';

/** Milliseconds for a fee: it is worth less than an answer in time. */
const FEE_MS = 5_000;

/** Everything that a complete checkout session of any mode says. */
export async function readSessionFacts(
  stripe: Stripe,
  session: Stripe.Checkout.Session,
): Promise<Fact[]> {
  if (session.mode === 'setup') return await readSetupFacts(stripe, session);
  if (session.mode === 'subscription') return await readSubscriptionFacts(stripe, session);
  const intent = session.payment_intent;
  const fact =
    typeof intent === 'object' && intent !== null
      ? paymentFact(intent)
      : sessionFact(session, 'checkout.session.completed');
  return fact === undefined ? [] : [fact];
}

/** The token of a subscription: its id is what `cancelSubscription` takes. */
export function subscriptionFact(session: Stripe.Checkout.Session): Fact | undefined {
  const id = idOf(session.subscription);
  if (id === undefined || session.currency === null) return undefined;
  const invoiceId = session.metadata?.['invoice_id'] ?? session.client_reference_id;
  return {
    externalId: id,
    kind: 'token',
    state: 'succeeded',
    ...fromStripeAmount(session.amount_total ?? 0, session.currency),
    relatedExternalId: session.id,
    ...(invoiceId ? { invoiceId } : {}),
  };
}

/**
 * The payment of a subscription's invoice. Nothing for an invoice without one (a trial, a credit).
 *
 * The panel's invoice is named for the first payment only: it makes the later ones itself, and finds
 * them by the subscription in `relatedExternalId`.
 */
export async function readInvoiceFacts(
  stripe: Stripe,
  invoice: Stripe.Invoice,
  outcome: 'succeeded' | 'failed',
): Promise<Fact[]> {
  const details = invoice.parent?.subscription_details;
  const amount = outcome === 'succeeded' ? invoice.amount_paid : invoice.amount_due;
  if (!details || amount === 0) return [];
  const payments = await ask(
    `Cannot read the payments of Stripe's invoice "${invoice.id}"`,
    stripe.invoicePayments.list({ invoice: invoice.id, limit: 100 }),
  );
  const wanted = payments.data.filter(
    ({ status }) => (status === 'paid') === (outcome === 'succeeded'),
  );
  const invoiceId = details.metadata?.['invoice_id'];
  const first = invoice.billing_reason === 'subscription_create' && invoiceId !== undefined;
  return wanted.map((payment) => ({
    externalId: idOf(payment.payment.payment_intent) ?? idOf(payment.payment.charge) ?? payment.id,
    kind: 'payment',
    state: outcome,
    ...fromStripeAmount(payment.amount_paid ?? payment.amount_requested, payment.currency),
    relatedExternalId: idOf(details.subscription) ?? invoice.id,
    ...(first ? { invoiceId } : {}),
  }));
}

/** A stored payment method. One that was made from another (iDEAL → SEPA debit) counts, not the first. */
export function tokenFact(
  intent: Stripe.SetupIntent,
  session: string | undefined,
): Fact | undefined {
  const method = generatedMethod(intent) ?? idOf(intent.payment_method);
  if (intent.status !== 'succeeded' || method === undefined) return undefined;
  return {
    externalId: method,
    kind: 'token',
    state: 'succeeded',
    amountMinor: 0,
    currency: (intent.metadata?.['currency'] ?? 'USD').toUpperCase(),
    ...(session === undefined ? {} : { relatedExternalId: session }),
  };
}

/** Stripe's fee of a payment, when it can be had quickly; a payment is never held up for it. */
export async function readFee(
  stripe: Stripe,
  intentId: string,
  ctx: StripeContext,
): Promise<number | undefined> {
  try {
    const intent = await ask(
      `Cannot read the fee of payment "${intentId}"`,
      stripe.paymentIntents.retrieve(
        intentId,
        { expand: ['latest_charge.balance_transaction'] },
        { timeout: FEE_MS },
      ),
    );
    return feeOf(intent.latest_charge, intent.currency);
  } catch (error) {
    // Any failure: the payment is certain without it, and reconcile brings the fee later.
    ctx.log.warn('A payment is reported without its fee', {
      payment: intentId,
      why: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}

async function readSetupFacts(stripe: Stripe, session: Stripe.Checkout.Session): Promise<Fact[]> {
  const id = idOf(session.setup_intent);
  if (id === undefined) return [];
  const intent = await ask(
    `Cannot read the payment method of checkout session "${session.id}"`,
    stripe.setupIntents.retrieve(id, { expand: ['latest_attempt'] }),
  );
  const fact = tokenFact(intent, session.id);
  return fact === undefined ? [] : [fact];
}

async function readSubscriptionFacts(
  stripe: Stripe,
  session: Stripe.Checkout.Session,
): Promise<Fact[]> {
  const token = subscriptionFact(session);
  const id = idOf(session.invoice);
  const facts = token === undefined ? [] : [token];
  if (id === undefined || session.payment_status !== 'paid') return facts;
  const invoice = await ask(`Cannot read Stripe's invoice "${id}"`, stripe.invoices.retrieve(id));
  return [...facts, ...(await readInvoiceFacts(stripe, invoice, 'succeeded'))];
}

function generatedMethod(intent: Stripe.SetupIntent): string | undefined {
  const attempt = intent.latest_attempt;
  if (typeof attempt === 'string' || attempt === null) return undefined;
  const { ideal, bancontact, sofort } = attempt.payment_method_details;
  return idOf((ideal ?? bancontact ?? sofort)?.generated_sepa_debit);
}
