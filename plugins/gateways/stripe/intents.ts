// The payment intent behind whatever id the panel has stored, and what it says of a payment.

import { fail } from 'cofferdam/sdk';
import type { MoneyResult } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask, idOf } from './api.ts';
import { paymentFact } from './facts.ts';

/** What Stripe calls a payment, by whatever id the panel has stored of it. */
export async function findPayment(
  stripe: Stripe,
  externalId: string,
): Promise<{ payment_intent: string } | { charge: string }> {
  if (/^(?:ch|py)_/.test(externalId)) return { charge: externalId };
  return { payment_intent: await findIntent(stripe, externalId) };
}

/** The intent of a payment. @throws `not_found` when there is none behind the id */
export async function findIntent(stripe: Stripe, externalId: string): Promise<string> {
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

/** What an intent says of money that was taken, or given up. */
export function resultOf(intent: Stripe.PaymentIntent): MoneyResult {
  const fact = paymentFact(intent);
  const status = fact?.state === 'processing' ? 'pending' : 'done';
  return { status, externalId: intent.id, facts: fact === undefined ? [] : [fact] };
}
