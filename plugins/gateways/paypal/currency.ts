// Amounts as PayPal writes them: decimal text, exact or refused. Pure.
// https://developer.paypal.com/api/rest/reference/currency-codes/, read 2026-11

import { createAmounts } from 'cofferdam/sdk';
import type { Money } from 'cofferdam/sdk';

import type { Amount } from './shapes.ts';

const amounts = createAmounts({
  vendor: 'PayPal',
  currencies:
    'AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB USD',
  whole: 'HUF TWD',
});

/** Why PayPal cannot take an amount; undefined when it can. */
export const { findObstacle } = amounts;

/** An amount as PayPal takes it. @throws `unsupported` when it cannot be said exactly */
export function toPayPal(money: Money): Amount {
  return { currency_code: money.currency, value: amounts.format(money) };
}

/** An amount that PayPal reports. @throws `invalid_response` when it is no amount of that currency */
export function fromPayPal({ currency_code: currency, value }: Amount): Money {
  return amounts.read(value, currency);
}
