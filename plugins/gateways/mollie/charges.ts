// Money moved without the customer at the screen: charging a mandate, capture, void, refund.

import {
  checkPart,
  claimInvoice,
  forgetStarted,
  isFailure,
  mayHaveActed,
  operationKey,
  paidResult,
  refundResult,
  rememberStarted,
  startedNow,
} from 'cofferdam/sdk';
import type {
  Capture,
  Charge,
  Fact,
  Failure,
  MoneyResult,
  Refund,
  Transaction,
} from 'cofferdam/sdk';

import { idOf, markInvoice, toMollie } from './api.ts';
import type { Mollie } from './api.ts';
import type { MollieContext } from './config.ts';
import { paymentFacts, readPayment, refundFact } from './facts.ts';
import { ownerOf } from './mandates.ts';
import { describePayment, lookAtEarlier } from './payments.ts';
import * as shapes from './shapes.ts';
import type { MolliePayment } from './shapes.ts';

/** Refunds of one payment that are looked through for a repeat; Mollie's largest page. */
const REFUNDS_MAX = 250;

/** Charges a mandate for an invoice, without the customer. Direct debits take days: `pending`. */
export async function charge(
  mollie: Mollie,
  input: Charge,
  ctx: MollieContext,
): Promise<MoneyResult> {
  const { invoice, amount, agreement } = input;
  const mandateId = idOf('mdt', agreement.externalId);
  const customerId = await ownerOf(agreement, ctx);
  const about = await describePayment(input, ctx);
  // The customer may have the payment page open, or may have just paid on it.
  const earlier = await lookAtEarlier(mollie, invoice.id, { amount }, ctx);
  if (earlier.kind === 'paid') return report(earlier.facts, invoice.id);
  const replaces = earlier.kind === 'none' ? earlier.replaces : null;
  const claim = await claimInvoice(ctx, invoice.id, { amount, replaces });
  try {
    const payment = await mollie.ask(shapes.payment, ['POST', '/v2/payments'], {
      step: 'charge',
      json: { ...about, customerId, mandateId, sequenceType: 'recurring' },
    });
    const started = startedNow(ctx.call, { id: payment.id, mode: 'charge', amount });
    await rememberStarted(ctx.storage, invoice.id, { started, replaces: claim });
    const result = report(await paymentFacts(payment, ctx), invoice.id, payment);
    if (result.status === 'failed') await forgetStarted(ctx.storage, invoice.id, started);
    return result;
  } catch (error) {
    if (!mayHaveActed(error)) await forgetStarted(ctx.storage, invoice.id, claim);
    if (!isFailure(error, 'declined')) throw error;
    return { status: 'failed', error: error.failure };
  }
}

/** Takes an authorised payment, whole or in part. One that is taken already counts as done. */
export async function capture(
  mollie: Mollie,
  input: Capture,
  ctx: MollieContext,
): Promise<MoneyResult> {
  const { externalId: id, invoiceId, amount: whole } = input.transaction;
  const amount = checkPart(input.amount ?? whole, input.transaction);
  try {
    await mollie.send('POST', `/v2/payments/${idOf('tr', id)}/captures`, {
      step: 'capture',
      json: { amount: toMollie(amount) },
    });
  } catch (error) {
    const payment = isFailure(error, 'rejected') ? await readPayment(mollie, id) : undefined;
    if (payment?.status !== 'paid') throw error;
  }
  return report(await paymentFacts(await readPayment(mollie, id), ctx), invoiceId);
}

/** Gives up an authorised payment. One that is given up already counts as done. */
export async function cancel(
  mollie: Mollie,
  { transaction }: { readonly transaction: Transaction },
  ctx: MollieContext,
): Promise<MoneyResult> {
  const { externalId: id } = transaction;
  try {
    await mollie.send('POST', `/v2/payments/${idOf('tr', id)}/release-authorization`, {
      step: 'void',
      json: {},
    });
  } catch (error) {
    const payment = isFailure(error, 'rejected') ? await readPayment(mollie, id) : undefined;
    if (payment?.status !== 'canceled') throw error;
  }
  // Mollie releases in the background: until it has, the payment is still authorised.
  const payment = await readPayment(mollie, id);
  const status = payment.status === 'canceled' ? 'done' : 'pending';
  return { status, externalId: id, facts: await paymentFacts(payment, ctx) };
}

/** Gives money back, all of it or a part. Mollie sends it the next working day: `pending` until then. */
export async function refund(
  mollie: Mollie,
  input: Refund,
  ctx: MollieContext,
): Promise<MoneyResult> {
  const { transaction, reason = '' } = input;
  const amount = checkPart(input.amount, transaction);
  const { externalId, invoiceId } = transaction;
  const path = `/v2/payments/${idOf('tr', externalId)}/refunds`;
  // Mollie remembers idempotency keys for an hour only; the refund itself remembers for good.
  const operation = await operationKey(ctx.call, 'refund');
  const { _embedded } = await mollie.ask(shapes.refunds, ['GET', path], {
    query: { limit: REFUNDS_MAX },
  });
  const repeated = _embedded.refunds.find((each) => operationOf(each.metadata) === operation);
  const made =
    repeated ??
    (await mollie.ask(shapes.refund, ['POST', path], {
      step: 'refund',
      json: {
        amount: toMollie(amount),
        metadata: {
          ...(await markInvoice(ctx.storage, invoiceId)),
          cofferdam_operation: operation,
        },
        description: (reason || `Refund of invoice ${invoiceId}`).slice(0, 255),
      },
    }));
  return refundResult(refundFact(made, invoiceId), {
    vendor: 'Mollie',
    payment: externalId,
    why: `the refund is "${made.status}"`,
  });
}

function operationOf(metadata: unknown): unknown {
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  return (metadata as Record<string, unknown>)['cofferdam_operation'];
}

function report(
  facts: readonly Fact[],
  invoiceId: string,
  payment?: Pick<MolliePayment, 'details'>,
): MoneyResult {
  const paid = paidResult(facts);
  if (paid !== undefined) return paid;
  const { failureMessage, failureReason } = payment?.details ?? {};
  const why = failureMessage ?? failureReason ?? 'no reason given';
  const error: Failure = {
    code: 'declined',
    message: `Mollie did not take the payment of invoice "${invoiceId}": ${why}`,
    retriable: false,
    remedy: 'Ask the customer for another payment method',
  };
  return { status: 'failed', error, facts };
}
