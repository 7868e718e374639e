// Reads back what Stripe knows: one object by its id, or everything of this instance since a time.
// For payments whose webhook was lost; tells the same facts as the webhook would have.

import { fail, instanceName, readSince } from 'cofferdam/sdk';
import type { Fact } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask } from './api.ts';
import type { StripeContext } from './config.ts';
import { disputeFact, paymentFact, refundFact } from './facts.ts';
import { readInvoiceFacts, readSessionFacts, tokenFact } from './lookup.ts';
import { readMarks } from './ownership.ts';

/** Objects read of each kind in one call, the newest first: what takes more is told in the log. */
const OBJECTS_MAX = 500;

/** The facts about one object, by any id that Stripe gives out for a payment and what belongs to it. */
export async function reconcileOne(stripe: Stripe, id: string): Promise<Fact[]> {
  const what = `Cannot read "${id}"`;
  const expand = ['latest_charge.balance_transaction'];
  const prefix = id.slice(0, Math.max(0, id.indexOf('_')));
  switch (prefix) {
    case 'pi':
      return present(paymentFact(await ask(what, stripe.paymentIntents.retrieve(id, { expand }))));
    case 're':
      return [refundFact(await ask(what, stripe.refunds.retrieve(id)))];
    case 'dp':
    case 'du':
      return [disputeFact(await ask(what, stripe.disputes.retrieve(id)))];
    case 'seti': {
      const intent = stripe.setupIntents.retrieve(id, { expand: ['latest_attempt'] });
      return present(tokenFact(await ask(what, intent), undefined));
    }
    case 'in': {
      const invoice = await ask(what, stripe.invoices.retrieve(id));
      const outcome = invoice.status === 'paid' ? 'succeeded' : 'failed';
      return invoice.attempted ? await readInvoiceFacts(stripe, invoice, outcome) : [];
    }
    case 'cs': {
      const session = stripe.checkout.sessions.retrieve(id, {
        expand: ['payment_intent.latest_charge.balance_transaction'],
      });
      return await readSessionFacts(stripe, await ask(what, session));
    }
    default:
      throw fail('invalid_input', `Cannot reconcile "${id}": no id of a payment at Stripe`, {
        remedy: 'Use an id that starts with pi_, cs_, in_, re_, dp_, du_ or seti_',
      });
  }
}

/** The facts about everything of this instance that was made at or after `since`. */
export async function reconcileSince(
  stripe: Stripe,
  since: string | undefined,
  ctx: StripeContext,
): Promise<Fact[]> {
  const at = readSince(since);
  const instance = await instanceName(ctx.storage);
  const range = { created: { gte: Math.floor(at / 1_000) }, limit: 100 };
  const limit = { limit: OBJECTS_MAX };
  const expand = ['data.latest_charge.balance_transaction'];
  const intents = await ask(
    'Cannot list payments',
    stripe.paymentIntents.list({ ...range, expand }).autoPagingToArray(limit),
  );
  const refunds = await ask(
    'Cannot list refunds',
    stripe.refunds.list(range).autoPagingToArray(limit),
  );
  const disputes = await ask(
    'Cannot list disputes',
    stripe.disputes.list(range).autoPagingToArray(limit),
  );
  const invoices = await ask(
    'Cannot list subscription invoices',
    stripe.invoices.list({ ...range, status: 'paid' }).autoPagingToArray(limit),
  );
  const most = Math.max(intents.length, refunds.length, disputes.length, invoices.length);
  if (most >= OBJECTS_MAX) {
    const words = 'Stripe has more than one call reads: reconcile again from a later time';
    ctx.log.warn(words, { read: most });
  }
  const facts = intents
    .filter(({ metadata }) => readMarks(metadata, instance) !== undefined)
    .flatMap((intent) => present(paymentFact(intent)));
  for (const invoice of invoices) {
    const { metadata } = invoice.parent?.subscription_details ?? {};
    if (readMarks(metadata, instance) === undefined) continue;
    facts.push(...(await readInvoiceFacts(stripe, invoice, 'succeeded')));
  }
  return [...facts, ...refunds.map(refundFact), ...disputes.map(disputeFact)];
}

function present(fact: Fact | undefined): Fact[] {
  return fact === undefined ? [] : [fact];
}
