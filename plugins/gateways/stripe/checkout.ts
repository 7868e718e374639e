// Stripe Checkout: the hosted pages for paying an invoice, for subscribing and for storing a method.

import { fail } from 'cofferdam/sdk';
import type { InvoiceItem, Payment, PayResult, User } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask } from './api.ts';
import type { StripeContext } from './config.ts';
import { toStripeAmount } from './currency.ts';
import { withCustomer } from './customers.ts';
import { lookAtEarlier, remember } from './earlier.ts';
import { makeMarks } from './ownership.ts';

type Params = Stripe.Checkout.SessionCreateParams;
type LineItem = NonNullable<Params['line_items']>[number];

/** Starts the payment of an invoice, or goes on with the one that was started before. */
export async function startPayment(
  stripe: Stripe,
  payment: Payment,
  ctx: StripeContext,
): Promise<PayResult> {
  const { invoice, amount } = payment;
  if (amount.amountMinor <= 0) {
    throw fail('invalid_input', 'Cannot start a payment: the amount must be above zero');
  }
  const lines = planLines(payment, ctx);
  const want = { amount, mode: lines.mode };
  const earlier = await lookAtEarlier(stripe, invoice.id, want, ctx);
  if (earlier.kind === 'paid') return { kind: 'done', facts: earlier.facts };
  if (earlier.kind === 'open') {
    return { kind: 'redirect', url: earlier.url, externalId: earlier.session };
  }
  const session = await createSession(stripe, payment, lines, ctx);
  const won = await remember(ctx.storage, invoice.id, {
    session: session.id,
    operation: ctx.call.operationId,
    mode: lines.mode,
    ...amount,
  });
  if (won) return redirect(session);
  // Two visits at once: only one page may stay, or the invoice could be paid on both.
  await ask(
    `Cannot close checkout session "${session.id}"`,
    stripe.checkout.sessions.expire(session.id),
  );
  const other = await lookAtEarlier(stripe, invoice.id, want, ctx);
  if (other.kind === 'paid') return { kind: 'done', facts: other.facts };
  if (other.kind === 'open') return { kind: 'redirect', url: other.url, externalId: other.session };
  throw fail('locked', `Invoice "${invoice.id}" is being paid by another call`, {
    retryAfterMs: 1_000,
    remedy: 'Try again in a moment',
  });
}

/** Opens the page on which a customer stores a payment method for later. */
export async function startAgreement(
  stripe: Stripe,
  input: { readonly user: User; readonly returnUrl: string; readonly currency?: string },
  ctx: StripeContext,
): Promise<PayResult> {
  const currency = input.currency ?? 'USD';
  const metadata = { ...(await makeMarks(ctx, { userId: input.user.id })), currency };
  const session = await withCustomer(stripe, input.user, ctx, (customer, suffix) =>
    ask(
      'Cannot open the page for a payment method',
      stripe.checkout.sessions.create(
        {
          mode: 'setup',
          customer,
          currency: currency.toLowerCase(),
          success_url: input.returnUrl,
          cancel_url: input.returnUrl,
          metadata,
          setup_intent_data: { metadata },
        },
        { idempotencyKey: `${ctx.call.operationId}:setup${suffix}` },
      ),
    ),
  );
  return redirect(session);
}

type Lines = { readonly mode: 'payment' | 'subscription'; readonly items: LineItem[] };

async function createSession(
  stripe: Stripe,
  payment: Payment,
  { mode, items }: Lines,
  ctx: StripeContext,
): Promise<Stripe.Checkout.Session> {
  const { invoice, user } = payment;
  const metadata = await makeMarks(ctx, { invoiceId: invoice.id, userId: user.id });
  const description = `Invoice ${invoice.number ?? invoice.id}`;
  const params: Params = {
    mode,
    line_items: items,
    client_reference_id: invoice.id,
    success_url: payment.returnUrl,
    cancel_url: payment.cancelUrl ?? payment.returnUrl,
    metadata,
    // The customer is charged in the invoice's own currency: what the panel compares with.
    adaptive_pricing: { enabled: false },
    ...(mode === 'subscription'
      ? { subscription_data: { metadata, description } }
      : {
          payment_intent_data: {
            metadata,
            description,
            ...(ctx.config.capture === 'manual' ? { capture_method: 'manual' as const } : {}),
          },
        }),
  };
  const create = (who: Partial<Params>, suffix: string): Promise<Stripe.Checkout.Session> =>
    ask(
      `Cannot open the payment page of invoice "${invoice.id}"`,
      stripe.checkout.sessions.create(
        { ...params, ...who },
        { idempotencyKey: `${ctx.call.operationId}:checkout${suffix}` },
      ),
    );
  // A subscription always belongs to a customer; Checkout would make an unknown one.
  if (!ctx.config.saveCustomers && mode === 'payment') {
    return await create({ customer_email: user.email }, '');
  }
  return await withCustomer(stripe, user, ctx, (customer, suffix) => create({ customer }, suffix));
}

/** One exact line in payment mode; in subscription mode one line per item, when that is exact too. */
function planLines(payment: Payment, ctx: StripeContext): Lines {
  const { invoice, amount } = payment;
  const { amount: unit, currency } = toStripeAmount(amount);
  const label = `Invoice ${invoice.number ?? invoice.id}`;
  const whole = { currency, unit_amount: unit, product_data: { name: label } };
  const single: Lines = { mode: 'payment', items: [{ quantity: 1, price_data: whole }] };
  const recurring = invoice.items.filter((item) => item.recurring !== undefined);
  if (ctx.config.mode === 'payment' || recurring.length === 0) return single;

  const rhythms = new Set(recurring.map(({ recurring: r }) => `${r?.count} ${r?.interval}`));
  const sum = invoice.items.reduce((total, item) => total + item.total.amountMinor, 0);
  const whys = [
    rhythms.size > 1 && 'its items renew at different times',
    amount.amountMinor !== invoice.total.amountMinor && 'only a part is paid now',
    sum !== amount.amountMinor && recurring.length < invoice.items.length && 'taxes or credits',
    invoice.items.some((item) => item.total.amountMinor < 0) && 'it has a negative item',
  ].filter((why) => why !== false);
  if (whys.length > 0) {
    ctx.log.warn('An invoice is paid once instead of by subscription', {
      invoiceId: invoice.id,
      why: whys.join(', '),
    });
    return single;
  }
  const first = recurring[0];
  // All of it renews together: one price of the whole total, so that taxes renew with it.
  if (first !== undefined && recurring.length === invoice.items.length) {
    const name = recurring.map(({ description }) => description).join(', ');
    return { mode: 'subscription', items: [line({ ...first, description: name, total: amount })] };
  }
  const items = invoice.items.filter(({ total }) => total.amountMinor > 0).map(line);
  return { mode: 'subscription', items };
}

function line({ description, total, recurring }: InvoiceItem): LineItem {
  const { amount, currency } = toStripeAmount(total);
  return {
    quantity: 1,
    price_data: {
      currency,
      unit_amount: amount,
      product_data: { name: description.slice(0, 250) || 'Item' },
      ...(recurring === undefined
        ? {}
        : { recurring: { interval: recurring.interval, interval_count: recurring.count } }),
    },
  };
}

function redirect(session: Stripe.Checkout.Session): PayResult {
  if (session.url === null) {
    throw fail('invalid_response', `Stripe gave checkout session "${session.id}" no address`, {
      remedy: 'Try again; if it stays, look at the session in the Stripe dashboard',
    });
  }
  return { kind: 'redirect', url: session.url, externalId: session.id };
}
