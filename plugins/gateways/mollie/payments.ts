// The pages on which customers pay. Mollie takes the money by itself, so that of two pages of one invoice
// one is always cancelled before it can be paid.

import {
  fail,
  forgetStarted,
  isClaim,
  isFailure,
  isSameStart,
  lockedInvoice,
  readStarted,
  rememberStarted,
  startedNow,
} from 'cofferdam/sdk';
import type { Fact, Money, Payment, PayResult, Started } from 'cofferdam/sdk';

import { idOf, markInvoice, toMollie } from './api.ts';
import type { Mollie } from './api.ts';
import type { MollieContext } from './config.ts';
import { paymentFacts, readPayment } from './facts.ts';
import * as shapes from './shapes.ts';
import type { MolliePayment } from './shapes.ts';

/** What has become of what was started: paid or being paid, still open, or nothing to mind. */
export type Earlier =
  | { readonly kind: 'paid'; readonly facts: readonly Fact[] }
  | { readonly kind: 'open'; readonly url: string; readonly id: string }
  | { readonly kind: 'none'; readonly replaces: Started | null };

/** Starts the payment of an invoice, or goes on with the one that was started before. */
export async function startPayment(
  mollie: Mollie,
  wish: Payment,
  ctx: MollieContext,
): Promise<PayResult> {
  const { invoice, amount } = wish;
  if (amount.amountMinor <= 0) {
    throw fail('invalid_input', 'Cannot start a payment: the amount must be above zero');
  }
  const want = { amount, mode: 'page' };
  const earlier = await lookAtEarlier(mollie, invoice.id, want, ctx);
  if (earlier.kind !== 'none') return answer(earlier);
  const payment = await createPage(mollie, wish, ctx);
  const started = startedNow(ctx.call, { id: payment.id, ...want });
  if (await rememberStarted(ctx.storage, invoice.id, { started, replaces: earlier.replaces })) {
    return answer({ kind: 'open', url: pageOf(payment), id: payment.id });
  }
  // Two visits at once: only one page may stay, or the invoice could be paid on both.
  await closePage(mollie, payment.id);
  const other = await lookAtEarlier(mollie, invoice.id, want, ctx);
  if (other.kind !== 'none') return answer(other);
  throw lockedInvoice();
}

/**
 * Looks after what an earlier call has started for this invoice; an open page that is not handed back is
 * cancelled.
 *
 * @param want.mode What may be handed back open; absent: nothing
 * @throws `locked` When a page is open that Mollie does not let us cancel
 */
export async function lookAtEarlier(
  mollie: Mollie,
  invoiceId: string,
  want: { readonly amount: Money; readonly mode?: string },
  ctx: MollieContext,
): Promise<Earlier> {
  const started = await readStarted(ctx.storage, invoiceId);
  const none: Earlier = { kind: 'none', replaces: started };
  if (started === null || isClaim(started, ctx.call)) return none;
  const payment = await findPayment(mollie, started.id);
  // From another profile or mode, before the admin changed the key: nothing here can be paid.
  if (payment === undefined) return none;
  const url = payment._links?.checkout?.href;
  if (payment.status === 'open') {
    if (isSameStart(started, want) && url) return { kind: 'open', url, id: payment.id };
    const closed = await closePage(mollie, payment.id);
    if (closed.status === 'open') {
      throw fail(
        'locked',
        `Payment "${payment.id}" of the invoice is open and cannot be cancelled`,
        {
          retryAfterMs: 15 * 60_000,
          remedy: 'Wait until its page expires, or cancel it in the Mollie dashboard',
        },
      );
    }
    return await settled(closed, { invoiceId, started }, ctx);
  }
  return await settled(payment, { invoiceId, started }, ctx);
}

/** Takes a page away from the customer; returns what the payment is then. */
export async function closePage(mollie: Mollie, id: string): Promise<MolliePayment> {
  try {
    return await mollie.ask(shapes.payment, ['DELETE', `/v2/payments/${idOf('tr', id)}`]);
  } catch (error) {
    // Paid or cancelled between our look and this: read again what it is now.
    if (!isFailure(error, 'rejected')) throw error;
    return await readPayment(mollie, id);
  }
}

/** A payment by its id; undefined when this profile has none. */
export async function findPayment(mollie: Mollie, id: string): Promise<MolliePayment | undefined> {
  try {
    return await readPayment(mollie, id);
  } catch (error) {
    if (isFailure(error, 'not_found')) return undefined;
    throw error;
  }
}

/** What every payment of an invoice says at Mollie. */
export async function describePayment(
  { invoice, amount }: Pick<Payment, 'invoice' | 'amount'>,
  { storage, call }: MollieContext,
): Promise<object> {
  return {
    amount: toMollie(amount),
    description: `Invoice ${invoice.number ?? invoice.id}`.slice(0, 255),
    metadata: await markInvoice(storage, invoice.id),
    ...(call.webhookUrl === undefined ? {} : { webhookUrl: call.webhookUrl }),
  };
}

/** Where the customer pays. @throws `invalid_response` when Mollie gave no page */
export function pageOf(payment: MolliePayment): string {
  const url = payment._links?.checkout?.href;
  if (url) return url;
  throw fail('invalid_response', `Mollie gave payment "${payment.id}" no page to pay on`);
}

async function settled(
  payment: MolliePayment,
  { invoiceId, started }: { readonly invoiceId: string; readonly started: Started },
  ctx: MollieContext,
): Promise<Earlier> {
  const facts = await paymentFacts(payment, ctx);
  const paid = facts.some(({ kind, state }) => kind === 'payment' && state !== 'failed');
  if (!paid) return { kind: 'none', replaces: started };
  await forgetStarted(ctx.storage, invoiceId, started);
  return { kind: 'paid', facts };
}

async function createPage(
  mollie: Mollie,
  wish: Payment,
  ctx: MollieContext,
): Promise<MolliePayment> {
  return await mollie.ask(shapes.payment, ['POST', '/v2/payments'], {
    step: 'payment',
    json: {
      ...(await describePayment(wish, ctx)),
      redirectUrl: wish.returnUrl,
      cancelUrl: wish.cancelUrl ?? wish.returnUrl,
      ...(ctx.config.capture === 'manual' ? { captureMode: 'manual' } : {}),
    },
  });
}

function answer(earlier: Exclude<Earlier, { readonly kind: 'none' }>): PayResult {
  return earlier.kind === 'paid'
    ? { kind: 'done', facts: earlier.facts }
    : { kind: 'redirect', url: earlier.url, externalId: earlier.id };
}
