// The plans that subscriptions follow: one per price and rhythm, made once and used again.

import type { InvoiceItem, Money, Payment } from 'cofferdam/sdk';

import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { toPayPal } from './currency.ts';
import * as shapes from './shapes.ts';

/** How often something renews. */
export type Rhythm = NonNullable<InvoiceItem['recurring']>;

/** The longest that PayPal bills for at once. */
const COUNTS_MAX = { day: 365, week: 52, month: 12, year: 1 } as const;

/** In what rhythm an invoice can renew as a whole; undefined: it is paid once. */
export function planSubscription(payment: Payment, ctx: PayPalContext): Rhythm | undefined {
  const { invoice, amount } = payment;
  const rhythms = invoice.items.flatMap(({ recurring }) => recurring ?? []);
  const [first] = rhythms;
  if (ctx.config.mode === 'payment' || first === undefined) return undefined;
  const whys = [
    rhythms.length < invoice.items.length && 'only some of its items renew',
    new Set(rhythms.map(({ count, interval }) => `${count} ${interval}`)).size > 1 &&
      'its items renew at different times',
    amount.amountMinor !== invoice.total.amountMinor && 'only a part is paid now',
    first.count > COUNTS_MAX[first.interval] && 'PayPal has no period that long',
  ].filter((why) => why !== false);
  if (whys.length === 0) return first;
  ctx.log.warn('An invoice is paid once instead of by subscription', {
    invoiceId: invoice.id,
    why: whys.join(', '),
  });
  return undefined;
}

/** The plan of a price and a rhythm. */
export async function readPlan(
  paypal: PayPal,
  { amount, rhythm }: { readonly amount: Money; readonly rhythm: Rhythm },
  ctx: PayPalContext,
): Promise<string> {
  const { interval, count } = rhythm;
  const { amountMinor, currency } = amount;
  const key = `plan:${ctx.config.clientId}:${currency}:${amountMinor}:${count}:${interval}`;
  return await remembered(ctx, key, async () => {
    const price = toPayPal(amount);
    const { id } = await paypal.ask(shapes.made, ['POST', '/v1/billing/plans'], {
      step: 'plan',
      json: {
        product_id: await readProduct(paypal, ctx),
        name: `${price.value} ${currency} every ${count} ${interval}`,
        status: 'ACTIVE',
        billing_cycles: [
          {
            sequence: 1,
            tenure_type: 'REGULAR',
            total_cycles: 0,
            frequency: { interval_unit: interval.toUpperCase(), interval_count: count },
            pricing_scheme: { fixed_price: price },
          },
        ],
        payment_preferences: { auto_bill_outstanding: true, payment_failure_threshold: 3 },
      },
    });
    return id;
  });
}

async function readProduct(paypal: PayPal, ctx: PayPalContext): Promise<string> {
  return await remembered(ctx, `product:${ctx.config.clientId}`, async () => {
    const json = { name: ctx.config.brandName || 'Hosting services', type: 'SERVICE' };
    const at = ['POST', '/v1/catalogs/products'] as const;
    return (await paypal.ask(shapes.made, at, { step: 'product', json })).id;
  });
}

/** Makes something once; of two that are made at once the first stays, the other is never used. */
async function remembered(
  { storage }: PayPalContext,
  key: string,
  make: () => Promise<string>,
): Promise<string> {
  const stored = await storage.get<string>(key);
  if (stored !== null) return stored;
  const made = await make();
  if (await storage.compareAndSet(key, null, made)) return made;
  return (await storage.get<string>(key)) ?? made;
}
