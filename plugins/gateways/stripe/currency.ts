// Stripe's own idea of minor units, which is ISO 4217's with exceptions. Pure.
// https://docs.stripe.com/currencies, read 2026-11: zero-decimal, three-decimal and special cases.

import { currencyExponent, fail, formatMinor, money } from 'cofferdam/sdk';
import type { Money } from 'cofferdam/sdk';

const codes = (text: string): ReadonlySet<string> => new Set(text.split(' '));

const ZERO_DECIMALS = codes('BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF');
const THREE_DECIMALS = codes('BHD JOD KWD OMR TND');
// No decimals any more, but sent with two that are always 00.
const TWO_EMPTY_DECIMALS = codes('ISK UGX');

// Least amounts that Stripe takes, in Stripe's units. For an account that settles in that currency:
// elsewhere Stripe converts first, so this only spares a try that could not succeed.
const LEAST: ReadonlyMap<string, number> = new Map([
  ['AED', 200],
  ['AUD', 50],
  ['BGN', 100],
  ['BRL', 50],
  ['CAD', 50],
  ['CHF', 50],
  ['CZK', 1_500],
  ['DKK', 250],
  ['EUR', 50],
  ['GBP', 30],
  ['HKD', 400],
  ['HUF', 17_500],
  ['INR', 50],
  ['JPY', 50],
  ['MXN', 1_000],
  ['MYR', 200],
  ['NOK', 300],
  ['NZD', 50],
  ['PLN', 200],
  ['RON', 200],
  ['SEK', 300],
  ['SGD', 50],
  ['THB', 1_000],
  ['USD', 50],
]);

/** An amount as Stripe's API takes it: integer in Stripe's unit, currency in lower case. */
export type StripeAmount = { readonly amount: number; readonly currency: string };

/**
 * Turns money into Stripe's amount, exactly.
 *
 * @throws `unsupported` When Stripe does not know the currency, or cannot express the amount: part of
 *   an ariary, a last digit other than 0 in a three-decimal currency
 */
export function toStripeAmount(value: Money): StripeAmount {
  const { amountMinor, currency } = value;
  const shift = stripeExponent(currency) - currencyExponent(currency);
  const amount = shift < 0 ? amountMinor / 10 ** -shift : amountMinor * 10 ** shift;
  const step = THREE_DECIMALS.has(currency) ? 10 : 1;
  if (!Number.isSafeInteger(amount) || amount % step !== 0) {
    throw fail('unsupported', `Stripe cannot charge ${formatMinor(value)} ${currency} exactly`, {
      remedy:
        step === 10
          ? `Round prices in ${currency} to two decimals: Stripe takes no third one`
          : `Round prices in ${currency} to whole units: Stripe takes no decimals`,
    });
  }
  return { amount, currency: currency.toLowerCase() };
}

/**
 * Turns Stripe's amount into money.
 *
 * @throws {RangeError} When the currency is unknown or an ISK or UGX amount has decimals
 */
export function fromStripeAmount(amount: number, currency: string): Money {
  const code = currency.toUpperCase();
  const shift = currencyExponent(code) - stripeExponent(code);
  return money(shift < 0 ? amount / 10 ** -shift : amount * 10 ** shift, code);
}

/**
 * Turns Stripe's fee into minor units, rounded: fees may have decimals where payments may not (ISK).
 *
 * @throws {RangeError} When the currency is unknown
 */
export function fromStripeFee(fee: number, currency: string): number {
  const code = currency.toUpperCase();
  return Math.round(fee * 10 ** (currencyExponent(code) - stripeExponent(code)));
}

/** Why Stripe cannot take this amount at all; undefined when nothing speaks against it. */
export function findObstacle(value: Money): string | undefined {
  const { amount } = toStripeAmount(value);
  const least = LEAST.get(value.currency) ?? 1;
  if (amount >= least) return undefined;
  const { amountMinor } = fromStripeAmount(least, value.currency);
  const text = formatMinor({ amountMinor, currency: value.currency });
  return `Stripe takes at least ${text} ${value.currency}`;
}

function stripeExponent(currency: string): number {
  if (ZERO_DECIMALS.has(currency)) return 0;
  if (THREE_DECIMALS.has(currency)) return 3;
  if (TWO_EMPTY_DECIMALS.has(currency) || currencyExponent(currency) === 2) return 2;
  throw fail('unsupported', `Stripe does not take payments in ${currency}`, {
    remedy: 'Offer another gateway for this currency',
  });
}
