// The pages on which customers pay. Mollie takes the money by itself, so that of two pages of one invoice
// one is always cancelled before it can be paid.

import {
  checkPayable,
  fail,
  forgetStarted,
  isClaim,
  isFailure,
  isSameStart,
  openPage,
  orAbsent,
  readStarted,
} from 'cofferdam/sdk';
import type { Earlier, Money, Payment, PayResult, Started } from 'cofferdam/sdk';

import { idOf, markInvoice, toMollie } from './api.ts';
import type { Mollie } from './api.ts';
import type { MollieContext } from './config.ts';
import { paymentFacts, readPayment } from './facts.ts';
import * as shapes from './shapes.ts';
import type { MolliePayment } from './shapes.ts';

/** Starts the payment of an invoice, or goes on with the one that was started before. */
export async function startPayment(
  mollie: Mollie,
  wish: Payment,
  ctx: MollieContext,
): Promise<PayResult> {
  const invoiceId = wish.invoice.id;
  const want = { amount: checkPayable(wish.amount), mode: 'page' };
  return await openPage(
    ctx,
    { invoiceId, ...want },
    {
      look: () => lookAtEarlier(mollie, invoiceId, want, ctx),
      async open() {
        const payment = await createPage(mollie, wish, ctx);
        return { id: payment.id, url: pageOf(payment) };
      },
      close: (id) => closePage(mollie, id),
    },
  );
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
  const payment = await orAbsent(() => readPayment(mollie, started.id));
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
async function closePage(mollie: Mollie, id: string): Promise<MolliePayment> {
  try {
    return await mollie.ask(shapes.payment, ['DELETE', `/v2/payments/${idOf('tr', id)}`]);
  } catch (error) {
    // Paid or cancelled between our look and this: read again what it is now.
    if (!isFailure(error, 'rejected')) throw error;
    return await readPayment(mollie, id);
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
