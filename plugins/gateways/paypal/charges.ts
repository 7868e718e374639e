// Money moved without the customer at the screen: charging a stored method, capture, void, refund.

import {
  checkPart,
  forgetStarted,
  isFailure,
  lockedInvoice,
  pathId,
  rememberStarted,
  startedNow,
} from 'cofferdam/sdk';
import type {
  BillingAgreement,
  Fact,
  Invoice,
  Money,
  MoneyResult,
  Transaction,
} from 'cofferdam/sdk';

import { linkOf } from './api.ts';
import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { toPayPal } from './currency.ts';
import { authorizationFact, captureFact, refundFact } from './facts.ts';
import { lookAtEarlier, markOf, readOrder, takeOrder } from './orders.ts';
import * as shapes from './shapes.ts';
import type { Authorization, Order } from './shapes.ts';

type Charge = {
  readonly invoice: Invoice;
  readonly amount: Money;
  readonly agreement: BillingAgreement;
};

/** Charges a stored payment method for an invoice, without the customer. */
export async function charge(
  paypal: PayPal,
  input: Charge,
  ctx: PayPalContext,
): Promise<MoneyResult> {
  const { invoice, amount } = input;
  toPayPal(amount);
  // The customer may have the payment page open, or may have just paid on it.
  const earlier = await lookAtEarlier(paypal, invoice.id, { amount }, ctx);
  if (earlier.kind === 'paid') return report(earlier.facts, invoice.id);
  // From here on an order that the customer still approves is not captured.
  const claim = startedNow(ctx.call, { id: '', mode: 'charge', amount });
  const replaces = earlier.kind === 'none' ? earlier.replaces : null;
  if (!(await rememberStarted(ctx.storage, invoice.id, { started: claim, replaces }))) {
    throw lockedInvoice();
  }
  try {
    const order = await createChargeOrder(paypal, input, ctx);
    return await followOrder(paypal, order, input, ctx);
  } catch (error) {
    if (!isFailure(error, 'declined')) throw error;
    await forgetStarted(ctx.storage, invoice.id, claim);
    return { status: 'failed', error: error.failure };
  }
}

/** Takes an authorised payment, whole or in part. One that is taken already counts as done. */
export async function capture(
  paypal: PayPal,
  input: { readonly transaction: Transaction; readonly amount?: Money },
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

/** Gives money back, all of it or a part. Payments of subscriptions are refunded the same way. */
export async function refund(
  paypal: PayPal,
  input: { readonly transaction: Transaction; readonly amount: Money; readonly reason?: string },
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
  const fact = { ...refundFact(made, invoiceId), relatedExternalId: id };
  if (fact.state === 'failed') {
    const message = `PayPal could not refund payment "${id}": the refund is "${made.status}"`;
    const remedy = 'Give the money back outside of PayPal, or try again from the PayPal account';
    const error = { code: 'rejected' as const, message, retriable: false, remedy };
    return { status: 'failed', error, facts: [fact] };
  }
  const status = fact.state === 'processing' ? 'pending' : 'done';
  return { status, externalId: made.id, facts: [fact] };
}

/** An authorisation by its id; undefined when PayPal has none. */
export async function readAuthorization(
  paypal: PayPal,
  id: string,
): Promise<Authorization | undefined> {
  const path = `/v2/payments/authorizations/${pathId(id, 'PayPal')}`;
  return await paypal.find(shapes.authorization, path);
}

async function createChargeOrder(
  paypal: PayPal,
  { invoice, amount, agreement }: Charge,
  ctx: PayPalContext,
): Promise<Order> {
  const vaulted = { vault_id: agreement.externalId };
  // Card networks want to know that the customer is not at the screen.
  const stored = {
    payment_initiator: 'MERCHANT',
    payment_type: 'UNSCHEDULED',
    usage: 'SUBSEQUENT',
  };
  return await paypal.ask(shapes.order, ['POST', '/v2/checkout/orders'], {
    step: 'charge',
    json: {
      intent: 'CAPTURE',
      purchase_units: [
        {
          custom_id: await markOf(ctx, invoice.id),
          description: `Invoice ${invoice.number ?? invoice.id}`.slice(0, 127),
          amount: toPayPal(amount),
        },
      ],
      payment_source:
        agreement.type === 'card'
          ? { card: { ...vaulted, stored_credential: stored } }
          : { paypal: vaulted },
    },
  });
}

/** Where the charge stands: taken, to be taken, or waiting for the customer. */
async function followOrder(
  paypal: PayPal,
  order: Order,
  { invoice, amount }: Charge,
  ctx: PayPalContext,
): Promise<MoneyResult> {
  const url = linkOf(order, 'payer-action', 'approve');
  const waits = order.status === 'PAYER_ACTION_REQUIRED' && url !== undefined;
  // What waits for the customer is captured when PayPal says that it was approved, as on a page.
  const started = startedNow(ctx.call, { id: order.id, mode: waits ? 'order' : 'charge', amount });
  await rememberStarted(ctx.storage, invoice.id, { started, replaces: null });
  if (waits) return { status: 'requires_action', externalId: order.id, url };
  const facts = await takeOrder(paypal, { ...order, intent: 'CAPTURE' }, invoice.id, ctx);
  if (facts.every(({ state }) => state === 'failed')) {
    await forgetStarted(ctx.storage, invoice.id, started);
  }
  return report(facts, invoice.id);
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

function report(facts: readonly Fact[], invoiceId: string): MoneyResult {
  const paid = facts.find(({ kind, state }) => kind === 'payment' && state !== 'failed');
  if (paid !== undefined) {
    const status = paid.state === 'processing' ? 'pending' : 'done';
    return { status, externalId: paid.externalId, facts };
  }
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
