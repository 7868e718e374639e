// Payments that PayPal holds for us: taken, given up, looked up.

import { checkPart, isFailure, pathId } from 'cofferdam/sdk';
import type { Capture, Fact, MoneyResult, Transaction } from 'cofferdam/sdk';

import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { toPayPal } from './currency.ts';
import { authorizationFact, captureFact } from './facts.ts';
import { readOrder, takeOrder } from './orders.ts';
import { report } from './results.ts';
import * as shapes from './shapes.ts';
import type { Authorization } from './shapes.ts';

/** Takes an authorised payment, whole or in part. One that is taken already counts as done. */
export async function capture(
  paypal: PayPal,
  input: Capture,
  ctx: PayPalContext,
): Promise<MoneyResult> {
  const { externalId: id, invoiceId, amount: whole } = input.transaction;
  const amount = checkPart(input.amount ?? whole, input.transaction);
  const path = `/v2/payments/authorizations/${pathId(id, 'PayPal')}/capture`;
  try {
    const taken = await paypal.ask(shapes.capture, ['POST', path], {
      step: 'capture',
      json: { amount: toPayPal(amount), final_capture: true },
    });
    return report([captureFact(taken, invoiceId)], invoiceId);
  } catch (error) {
    if (isFailure(error, 'conflict')) {
      const facts = await readCaptures(paypal, id, invoiceId);
      if (facts.length > 0) return report(facts, invoiceId);
    }
    // An order that was approved and never captured, by the id that `pay` gave out.
    if (isFailure(error, 'not_found')) {
      const order = await readOrder(paypal, id);
      if (order !== undefined) {
        return report(await takeOrder(paypal, order, invoiceId, ctx), invoiceId);
      }
    }
    throw error;
  }
}

/** Gives up an authorised payment. One that is given up already counts as done. */
export async function cancel(
  paypal: PayPal,
  { transaction }: { readonly transaction: Transaction },
): Promise<MoneyResult> {
  const { externalId: id, invoiceId, amount } = transaction;
  const path = `/v2/payments/authorizations/${pathId(id, 'PayPal')}/void`;
  try {
    await paypal.send('POST', path, { step: 'void' });
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    const found = await readAuthorization(paypal, id);
    if (found?.status !== 'VOIDED') throw error;
  }
  const fact: Fact = { externalId: id, kind: 'token', state: 'failed', ...amount, invoiceId };
  return { status: 'done', externalId: id, facts: [fact] };
}

/** An authorisation by its id; undefined when PayPal has none. */
export async function readAuthorization(
  paypal: PayPal,
  id: string,
): Promise<Authorization | undefined> {
  const path = `/v2/payments/authorizations/${pathId(id, 'PayPal')}`;
  return await paypal.find(shapes.authorization, path);
}

async function readCaptures(
  paypal: PayPal,
  authorizationId: string,
  invoiceId: string,
): Promise<readonly Fact[]> {
  const authorization = await readAuthorization(paypal, authorizationId);
  const orderId = authorization?.supplementary_data?.related_ids?.order_id;
  if (authorization?.status === 'VOIDED') return [authorizationFact(authorization, invoiceId)];
  const order = orderId === undefined ? undefined : await readOrder(paypal, orderId);
  const captures = order?.purchase_units.flatMap(({ payments }) => payments?.captures ?? []) ?? [];
  return captures.map((one) => captureFact(one, invoiceId));
}
