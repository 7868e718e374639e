// The address of PayPal's payment page for one invoice, everything in it encoded. Customers can change
// what is in an address, so nothing of it is believed later: notifications say what was really paid.
// https://developer.paypal.com/api/nvp-soap/paypal-payments-standard/integration-guide/html-variables/

import {
  checkPayable,
  createAmounts,
  makeMark,
  rememberStarted,
  readStarted,
  startedNow,
} from 'cofferdam/sdk';
import type { Payment, PayResult } from 'cofferdam/sdk';

import type { IpnContext } from './config.ts';

const SITES = {
  live: 'https://www.paypal.com/cgi-bin/webscr',
  sandbox: 'https://www.sandbox.paypal.com/cgi-bin/webscr',
} as const;

/** Characters of `custom`, which comes back with every notification. */
const CUSTOM_CHARS = 255;
const NAME_CHARS = 127;

/** Amounts as PayPal's buttons take them. */
export const amounts = createAmounts({
  vendor: 'PayPal',
  currencies:
    'AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB USD',
  whole: 'HUF TWD',
});

/** Makes the address. */
export async function startPayment(payment: Payment, ctx: IpnContext): Promise<PayResult> {
  const { invoice, amount, returnUrl, cancelUrl } = payment;
  const value = amounts.format(checkPayable(amount));
  const { config, call, storage } = ctx;
  const fields = new URLSearchParams({
    cmd: '_xclick',
    business: config.email,
    item_name: `Invoice ${invoice.number ?? invoice.id}`.slice(0, NAME_CHARS),
    item_number: invoice.id.slice(0, NAME_CHARS),
    custom: await makeMark(storage, invoice.id, CUSTOM_CHARS),
    amount: value,
    currency_code: amount.currency,
    charset: 'utf-8',
    no_shipping: '1',
    no_note: '1',
    return: returnUrl,
    cancel_return: cancelUrl ?? returnUrl,
  });
  if (call.webhookUrl !== undefined) fields.set('notify_url', call.webhookUrl);
  // What was asked for last: a notification over anything else is worth a warning.
  const started = startedNow(call, { id: invoice.id, mode: 'button', amount });
  const replaces = await readStarted(storage, invoice.id);
  await rememberStarted(storage, invoice.id, { started, replaces });
  return { kind: 'redirect', url: `${SITES[config.environment]}?${fields.toString()}` };
}
