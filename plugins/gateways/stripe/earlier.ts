// What was started for an invoice and is not settled yet: a checkout page, or a charge that waits for
// the customer. Without it a second visit or a renewal could take the money twice.

import type { Fact, Money, Storage } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask, isMissing, stripeErrorOf } from './api.ts';
import type { StripeContext } from './config.ts';
import { paymentFact } from './facts.ts';
import { readSessionFacts } from './lookup.ts';
import type { Marks } from './ownership.ts';

/** How long it is kept: a checkout page lives for 24 hours, a bank payment may take longer to show. */
const KEEP_MS = 3 * 24 * 60 * 60 * 1_000;

/** Something started; exactly one of `session` and `intent` is there. */
export type Started = {
  readonly session?: string;
  readonly intent?: string;
  /** The operation that started it, as in its marks */
  readonly operation: string;
  readonly mode: string;
  readonly amountMinor: number;
  readonly currency: string;
};

/** What has become of it: paid or being paid, still open, or nothing to mind. */
export type Earlier =
  | { readonly kind: 'paid'; readonly facts: readonly Fact[] }
  | { readonly kind: 'open'; readonly url: string; readonly session: string }
  | { readonly kind: 'none' };

const keyOf = (invoiceId: string): string => `started:${invoiceId}`;

/** Remembers what was started, unless something else was in the meantime. */
export async function remember(
  storage: Storage,
  invoiceId: string,
  started: Started,
): Promise<boolean> {
  const key = keyOf(invoiceId);
  if (!(await storage.compareAndSet(key, null, started))) {
    const stored = await storage.get<Started>(key);
    // The same operation again (a retry) is no competitor.
    return stored?.operation === started.operation;
  }
  await storage.set(key, started, { ttlMs: KEEP_MS });
  return true;
}

/** Forgets what the marks name, once the panel has been told how it ended. */
export async function settle(storage: Storage, marks: Marks): Promise<void> {
  if (marks.invoice_id === undefined) return;
  const key = keyOf(marks.invoice_id);
  const stored = await storage.get<Started>(key);
  if (stored !== null && stored.operation === marks.cofferdam_operation) await storage.delete(key);
}

/**
 * Looks after what an earlier call has started for this invoice.
 *
 * An open page for the same amount is handed back; one for another amount, or any when `reuse` is not
 * wanted, is closed, as is a charge that waits for the customer.
 *
 * @param want.mode The page must be of this mode to be used again; absent: close every open one
 */
export async function lookAtEarlier(
  stripe: Stripe,
  invoiceId: string,
  want: { readonly amount: Money; readonly mode?: string },
  ctx: StripeContext,
): Promise<Earlier> {
  const started = await ctx.storage.get<Started>(keyOf(invoiceId));
  if (started === null) return { kind: 'none' };
  try {
    const earlier =
      started.session === undefined
        ? await lookAtIntent(stripe, started.intent ?? '')
        : await lookAtSession(stripe, started, started.session, want);
    // A subscription stays remembered: a second page would start a second one.
    const subscribed = earlier.kind === 'paid' && started.mode === 'subscription';
    if (earlier.kind !== 'open' && !subscribed) await ctx.storage.delete(keyOf(invoiceId));
    return earlier;
  } catch (error) {
    // From another account or mode, before the admin changed the key: nothing here can be paid.
    if (!isMissing(error)) throw error;
    await ctx.storage.delete(keyOf(invoiceId));
    return { kind: 'none' };
  }
}

async function lookAtSession(
  stripe: Stripe,
  started: Started,
  id: string,
  want: { readonly amount: Money; readonly mode?: string },
): Promise<Earlier> {
  const session = await ask(
    `Cannot read checkout session "${id}"`,
    stripe.checkout.sessions.retrieve(id, { expand: ['payment_intent'] }),
  );
  if (session.status === 'complete') return await lookAtComplete(stripe, session);
  if (session.status !== 'open') return { kind: 'none' };
  const same =
    started.mode === want.mode &&
    started.amountMinor === want.amount.amountMinor &&
    started.currency === want.amount.currency;
  if (same && session.url !== null) return { kind: 'open', url: session.url, session: id };
  return await close(stripe, id);
}

/** Closes a page. The customer may have paid between our look and this: then that is what counts. */
async function close(stripe: Stripe, id: string): Promise<Earlier> {
  try {
    await ask(`Cannot close checkout session "${id}"`, stripe.checkout.sessions.expire(id));
    return { kind: 'none' };
  } catch (error) {
    if (stripeErrorOf(error)?.statusCode !== 400) throw error;
    const session = await ask(
      `Cannot read checkout session "${id}"`,
      stripe.checkout.sessions.retrieve(id, { expand: ['payment_intent'] }),
    );
    if (session.status === 'complete') return await lookAtComplete(stripe, session);
    if (session.status === 'expired') return { kind: 'none' };
    throw error;
  }
}

async function lookAtComplete(stripe: Stripe, session: Stripe.Checkout.Session): Promise<Earlier> {
  const facts = await readSessionFacts(stripe, session);
  if (session.mode === 'subscription') return { kind: 'paid', facts };
  return facts.some(({ state }) => state !== 'failed') ? { kind: 'paid', facts } : { kind: 'none' };
}

async function lookAtIntent(stripe: Stripe, id: string): Promise<Earlier> {
  const read = (): Promise<Stripe.PaymentIntent> =>
    ask(`Cannot read payment "${id}"`, stripe.paymentIntents.retrieve(id));
  let intent = await read();
  if (!['canceled', 'succeeded', 'processing', 'requires_capture'].includes(intent.status)) {
    try {
      await ask(`Cannot cancel payment "${id}"`, stripe.paymentIntents.cancel(id));
      return { kind: 'none' };
    } catch (error) {
      // The customer confirmed it between our look and this: read again what it is now.
      if (stripeErrorOf(error)?.code !== 'payment_intent_unexpected_state') throw error;
      intent = await read();
    }
  }
  const fact = paymentFact(intent);
  return fact === undefined || fact.state === 'failed'
    ? { kind: 'none' }
    : { kind: 'paid', facts: [fact] };
}
