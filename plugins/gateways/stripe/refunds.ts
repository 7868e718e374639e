// Money given back, whole or in part.

import { checkPart, refundResult } from 'cofferdam/sdk';
import type { MoneyResult, Refund } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask } from './api.ts';
import type { StripeContext } from './config.ts';
import { toStripeAmount } from './currency.ts';
import { refundFact } from './facts.ts';
import { findPayment } from './intents.ts';
import { makeMarks } from './ownership.ts';

const REFUND_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const;

/** Gives money back, all of it or a part. */
export async function refund(
  stripe: Stripe,
  input: Refund,
  ctx: StripeContext,
): Promise<MoneyResult> {
  const { transaction, reason } = input;
  const { amount } = toStripeAmount(checkPart(input.amount, transaction));
  const known = REFUND_REASONS.find((one) => one === reason);
  const said = known === undefined && reason ? { reason: reason.slice(0, 500) } : {};
  const refunded = await ask(
    `Cannot refund payment "${transaction.externalId}"`,
    stripe.refunds.create(
      {
        ...(await findPayment(stripe, transaction.externalId)),
        amount,
        metadata: { ...(await makeMarks(ctx, { invoiceId: transaction.invoiceId })), ...said },
        ...(known === undefined ? {} : { reason: known }),
      },
      { idempotencyKey: `${ctx.call.operationId}:refund` },
    ),
  );
  return refundResult(refundFact(refunded), {
    vendor: 'Stripe',
    payment: transaction.externalId,
    why: refunded.failure_reason ?? refunded.status ?? 'no reason given',
  });
}
