// Money given back, of orders and of subscriptions alike.

import { checkPart, pathId, refundResult } from 'cofferdam/sdk';
import type { MoneyResult, Refund } from 'cofferdam/sdk';

import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { toPayPal } from './currency.ts';
import { refundFact } from './facts.ts';
import { markOf } from './orders.ts';
import * as shapes from './shapes.ts';

/** Gives money back, all of it or a part. Payments of subscriptions are refunded the same way. */
export async function refund(
  paypal: PayPal,
  input: Refund,
  ctx: PayPalContext,
): Promise<MoneyResult> {
  const { transaction, reason = '' } = input;
  const amount = checkPart(input.amount, transaction);
  const { externalId: id, invoiceId } = transaction;
  const path = `/v2/payments/captures/${pathId(id, 'PayPal')}/refund`;
  // The note is one line: PayPal refuses line breaks.
  const note = reason.replaceAll(/\s+/g, ' ').trim().slice(0, 255);
  const made = await paypal.ask(shapes.refund, ['POST', path], {
    step: 'refund',
    json: {
      amount: toPayPal(amount),
      custom_id: await markOf(ctx, invoiceId),
      ...(note === '' ? {} : { note_to_payer: note }),
    },
  });
  return refundResult(
    { ...refundFact(made, invoiceId), relatedExternalId: id },
    { vendor: 'PayPal', payment: id, why: `the refund is "${made.status}"` },
  );
}
