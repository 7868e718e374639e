// The terms of the programme as an admin enters them, and as the ledger keeps them. Pure.

import { parseMinor, z } from 'cofferdam/sdk';
import type { Money } from 'cofferdam/sdk';

const percent = z
  .number()
  .min(0)
  .max(100)
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6, {
    message: 'must have at most two decimals',
  });

/** `10: 15` — from ten paying customers on, fifteen percent. */
const TIER = /^(\d{1,6}):\s*(\d{1,3}(?:\.\d{1,2})?)\s*%?$/;

const tier = z
  .string()
  .regex(TIER, 'must be "<paying customers>: <percent>", such as "10: 15"')
  .refine((text) => Number(TIER.exec(text)?.[2] ?? 0) <= 100, {
    message: 'must not be over 100 percent',
  });

const minimum = z.string().refine(isMinimum, {
  message: 'must be an amount and its currency, such as "50.00 EUR"',
});

/** The config of the extension. */
export const config = z.object({
  defaultReward: percent.default(10).meta({
    label: 'Reward in percent',
    description: 'Of what a referred customer pays, taxes excluded',
  }),
  tiers: z.array(tier).max(20).default([]).meta({
    label: 'Tiers',
    description: '"10: 15" means 15 percent from the tenth paying customer on',
  }),
  rewardedInvoices: z.int().min(0).max(1_000).default(0).meta({
    label: 'Rewarded invoices per customer',
    description: '1 rewards the first invoice only; 0 rewards every one',
  }),
  pendingDays: z.int().min(0).max(365).default(30).meta({
    label: 'Pending days',
    description: 'A reward can be paid out this many days after the invoice was paid',
  }),
  cookieDays: z.int().min(0).max(3_650).default(30).meta({
    label: 'Days a visit counts',
    description: 'Between following a link and signing up; 0 means for ever',
  }),
  codeType: z.enum(['random', 'custom']).default('random').meta({
    label: 'Codes',
    description: 'Whether affiliates may choose their own code',
  }),
  openToCustomers: z.boolean().default(true).meta({
    label: 'Customers may join',
    description: 'Otherwise only an admin makes somebody an affiliate',
  }),
  existingCustomers: z.boolean().default(false).meta({
    label: 'Reward existing customers',
    description: 'A code on an order counts too, not only one at the sign-up',
  }),
  customerDiscount: percent.default(0).meta({
    label: 'Discount for the customer in percent',
    description: 'Told to the panel with every valid code; the panel takes it off',
  }),
  minimumPayouts: z.array(minimum).max(50).default([]).meta({
    label: 'Smallest payouts',
    description: 'Such as "50.00 EUR"; a currency that is not named has none',
  }),
});

/** The config, parsed. */
export type Config = z.output<typeof config>;

/** What rewards depend on. A change is kept with its time: what was paid before keeps its terms. */
export type Terms = {
  readonly rewardBasisPoints: number;
  /** Ascending; `customers` counts paying ones, the one at hand included. */
  readonly tiers: { readonly customers: number; readonly basisPoints: number }[];
  readonly pendingDays: number;
  /** 0: every one */
  readonly rewardedInvoices: number;
};

/** The part of the config that the ledger keeps. */
export function termsOf(values: Config): Terms {
  return {
    rewardBasisPoints: toBasisPoints(values.defaultReward),
    tiers: values.tiers
      .map((text) => {
        const [, customers = '0', share = '0'] = TIER.exec(text) ?? [];
        return { customers: Number(customers), basisPoints: toBasisPoints(Number(share)) };
      })
      .toSorted((a, b) => a.customers - b.customers || a.basisPoints - b.basisPoints),
    pendingDays: values.pendingDays,
    rewardedInvoices: values.rewardedInvoices,
  };
}

/** Percent with two decimals as a whole number of hundredths. */
export function toBasisPoints(value: number): number {
  return Math.round(value * 100);
}

/** The smallest payout in a currency, in minor units. */
export function minimumOf(values: Config, currency: string): number {
  const all = values.minimumPayouts.map(parseMinimum);
  return all.find((each) => each.currency === currency)?.amountMinor ?? 1;
}

function isMinimum(text: string): boolean {
  try {
    return parseMinimum(text).amountMinor > 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** @throws {RangeError} When it is no amount with a currency */
function parseMinimum(text: string): Money {
  const [, amount = '', currency = ''] = /^(\d+(?:\.\d+)?) ([A-Z]{3})$/.exec(text) ?? [];
  return parseMinor(amount, currency);
}
