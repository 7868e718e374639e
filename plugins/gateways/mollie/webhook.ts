// What Mollie sends to the webhook: nothing but the id of a payment, unsigned. So nothing in it is
// believed: the host reads the payment back with our own key, and only its marks make it ours.

import { forgetStarted, readShape } from 'cofferdam/sdk';
import type { Fact, WebhookRequest } from 'cofferdam/sdk';

import { readMarks } from './api.ts';
import type { MollieContext } from './config.ts';
import { paymentFacts } from './facts.ts';
import * as shapes from './shapes.ts';

/** The facts about the payment that a delivery names. */
export async function readFacts(
  request: WebhookRequest,
  ctx: MollieContext,
): Promise<readonly Fact[]> {
  const { apiKey } = ctx.config;
  const { resource = null } = await ctx.webhooks.verify(request, { kind: 'mollie', apiKey });
  // Not ours, or none at all: Mollie wants 200 all the same, so that nobody can try ids out.
  if (resource === null) return [];
  const payment = readShape(shapes.payment, resource, "Mollie's payment");
  const facts = await paymentFacts(payment, ctx);
  const marks = await readMarks(ctx.storage, payment.metadata);
  // The panel is told now: a part that is still to be paid may be started anew.
  if (marks?.invoiceId !== undefined && payment.status === 'paid') {
    await forgetStarted(ctx.storage, marks.invoiceId, { id: payment.id });
  }
  return facts;
}
