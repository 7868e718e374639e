// Stripe Checkout: the hosted pages for paying an invoice, for subscribing and for storing a method.

import { checkPayable, fail, openPage } from 'cofferdam/sdk';
import type { AgreementWish, InvoiceItem, Payment, PayResult } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask } from './api.ts';
import type { StripeContext } from './config.ts';
import { toStripeAmount } from './currency.ts';
import { withCustomer } from './customers.ts';
import { closePage, lookAtEarlier } from './earlier.ts';
import { makeMarks } from './ownership.ts';

type Params = Stripe.Checkout.SessionCreateParams;
type LineItem = NonNullable<Params['line_items']>[number];

/** Starts the payment of an invoice, or goes on with the one that was started before. */
export async function startPayment(
  stripe: Stripe,
  payment: Payment,
  ctx: StripeContext,
): Promise<PayResult> {
  const amount = checkPayable(payment.amount);
  const invoiceId = payment.invoice.id;
  const lines = planLines(payment, ctx);
  const want = { amount, mode: lines.mode };
  return await openPage(
    ctx,
    { invoiceId, ...want },
    {
      look: () => lookAtEarlier(stripe, invoiceId, want, ctx),
      open: async () => pageOf(await createSession(stripe, payment, lines, ctx)),
      close: (id) => closePage(stripe, id),
    },
  );
}

/** Opens the page on which a customer stores a payment method for later. */
export async function startAgreement(
  stripe: Stripe,
  input: AgreementWish,
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
  const { id, url } = pageOf(session);
  return { kind: 'redirect', url, externalId: id };
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

function pageOf({ id, url }: Stripe.Checkout.Session): { id: string; url: string } {
  if (url !== null) return { id, url };
  throw fail('invalid_response', `Stripe gave checkout session "${id}" no address`, {
    remedy: 'Try again; if it stays, look at the session in the Stripe dashboard',
  });
}
