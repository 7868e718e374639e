// What has become of what was started for an invoice: a checkout page, or a charge that waits for the
// customer. Ids tell them apart.

import { forgetStarted, isClaim, isSameStart, readStarted } from 'cofferdam/sdk';
import type { Earlier, Money, Started } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask, isMissing, stripeErrorOf } from './api.ts';
import type { StripeContext } from './config.ts';
import { paymentFact } from './facts.ts';
import { readSessionFacts } from './lookup.ts';

/** What was paid or is still open; undefined when there is nothing to mind. */
type Found = Exclude<Earlier, { readonly kind: 'none' }> | undefined;

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
  const started = await readStarted(ctx.storage, invoiceId);
  const none: Earlier = { kind: 'none', replaces: started };
  if (started === null || isClaim(started, ctx.call)) return none;
  try {
    const found = started.id.startsWith('cs_')
      ? await lookAtSession(stripe, started, want)
      : await lookAtIntent(stripe, started, ctx);
    // A subscription stays remembered: a second page would start a second one.
    const isOver = found?.kind === 'paid' && started.mode !== 'subscription';
    if (isOver) await forgetStarted(ctx.storage, invoiceId, started);
    return found ?? none;
  } catch (error) {
    // From another account or mode, before the admin changed the key: nothing here can be paid.
    if (!isMissing(error)) throw error;
    return none;
  }
}

async function lookAtSession(
  stripe: Stripe,
  started: Started,
  want: { readonly amount: Money; readonly mode?: string },
): Promise<Found> {
  const { id } = started;
  const session = await ask(
    `Cannot read checkout session "${id}"`,
    stripe.checkout.sessions.retrieve(id, { expand: ['payment_intent'] }),
  );
  if (session.status === 'complete') return await lookAtComplete(stripe, session);
  if (session.status !== 'open') return undefined;
  const isSame = isSameStart(started, want);
  if (isSame && session.url !== null) return { kind: 'open', url: session.url, id };
  return await closePage(stripe, id);
}

/** Closes a page. The customer may have paid between our look and this: then that is what counts. */
export async function closePage(stripe: Stripe, id: string): Promise<Found> {
  try {
    await ask(`Cannot close checkout session "${id}"`, stripe.checkout.sessions.expire(id));
    return undefined;
  } catch (error) {
    if (stripeErrorOf(error)?.statusCode !== 400) throw error;
    const session = await ask(
      `Cannot read checkout session "${id}"`,
      stripe.checkout.sessions.retrieve(id, { expand: ['payment_intent'] }),
    );
    if (session.status === 'complete') return await lookAtComplete(stripe, session);
    if (session.status === 'expired') return undefined;
    throw error;
  }
}

async function lookAtComplete(stripe: Stripe, session: Stripe.Checkout.Session): Promise<Found> {
  const facts = await readSessionFacts(stripe, session);
  if (session.mode === 'subscription') return { kind: 'paid', facts };
  return facts.some(({ state }) => state !== 'failed') ? { kind: 'paid', facts } : undefined;
}

async function lookAtIntent(
  stripe: Stripe,
  { id, operation }: Started,
  { call }: StripeContext,
): Promise<Found> {
  const read = (): Promise<Stripe.PaymentIntent> =>
    ask(`Cannot read payment "${id}"`, stripe.paymentIntents.retrieve(id));
  let intent = await read();
  if (!['canceled', 'succeeded', 'processing', 'requires_capture'].includes(intent.status)) {
    // Asked again by the operation that made it, Stripe says what it said before.
    if (operation === call.operationId) return undefined;
    try {
      await ask(`Cannot cancel payment "${id}"`, stripe.paymentIntents.cancel(id));
      return undefined;
    } catch (error) {
      // The customer confirmed it between our look and this: read again what it is now.
      if (stripeErrorOf(error)?.code !== 'payment_intent_unexpected_state') throw error;
      intent = await read();
    }
  }
  const fact = paymentFact(intent);
  return fact === undefined || fact.state === 'failed'
    ? undefined
    : { kind: 'paid', facts: [fact] };
}
