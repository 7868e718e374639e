// Amounts as PayPal writes them: decimal text, exact or refused. Pure.
// https://developer.paypal.com/api/rest/reference/currency-codes/, read 2026-11

import { fail, formatMinor, readAmount } from 'cofferdam/sdk';
import type { Money } from 'cofferdam/sdk';

import type { Amount } from './shapes.ts';

const CURRENCIES: ReadonlySet<string> = new Set(
  (
    'AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB ' +
    'USD'
  ).split(' '),
);

/** Currencies in which PayPal takes no decimals although ISO 4217 has them. */
const WHOLE: ReadonlySet<string> = new Set(['HUF', 'TWD']);

/** Why PayPal cannot take an amount; undefined when it can. */
export function findObstacle({ amountMinor, currency }: Money): string | undefined {
  if (!CURRENCIES.has(currency)) return `PayPal takes no payments in ${currency}`;
  if (WHOLE.has(currency) && amountMinor % 100 !== 0) {
    return `PayPal takes whole ${currency} only`;
  }
  return undefined;
}

/** An amount as PayPal takes it. @throws `unsupported` when it cannot be said exactly */
export function toPayPal(money: Money): Amount {
  const obstacle = findObstacle(money);
  if (obstacle !== undefined) {
    throw fail('unsupported', `Cannot send an amount: ${obstacle}`, {
      remedy: 'Offer another payment method for this currency',
    });
  }
  const text = formatMinor(money);
  const value = WHOLE.has(money.currency) ? text.replace(/\.00$/, '') : text;
  return { currency_code: money.currency, value };
}

/** An amount that PayPal reports. @throws `invalid_response` when it is no amount of that currency */
export function fromPayPal({ currency_code: currency, value }: Amount): Money {
  return readAmount(value, currency, 'PayPal');
}
