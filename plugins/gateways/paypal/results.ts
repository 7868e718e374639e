// How a charge or a capture ended, in the panel's words.

import { paidResult } from 'cofferdam/sdk';
import type { Fact, MoneyResult } from 'cofferdam/sdk';

/** What a charge or a capture has come to. */
export function report(facts: readonly Fact[], invoiceId: string): MoneyResult {
  const paid = paidResult(facts);
  if (paid !== undefined) return paid;
  const subscribed = facts.some(({ kind, state }) => kind === 'token' && state !== 'failed');
  const error = subscribed
    ? {
        code: 'conflict' as const,
        message: `Invoice "${invoiceId}" is authorised or subscribed already`,
        retriable: false,
        remedy: 'Capture the authorisation, or wait for the payment of the subscription',
      }
    : {
        code: 'declined' as const,
        message: `PayPal did not take the payment of invoice "${invoiceId}"`,
        retriable: false,
        remedy: 'Ask the customer for another payment method',
      };
  return { status: 'failed', error, facts };
}
