// What Mollie sends to the webhook: nothing but the id of a payment, unsigned. So nothing in it is
// believed: the payment is read back with our own key, and only its marks make it ours.

import { fail, forgetStarted } from 'cofferdam/sdk';
import type { Fact, WebhookRequest } from 'cofferdam/sdk';

import { readMarks } from './api.ts';
import type { Mollie } from './api.ts';
import type { MollieContext } from './config.ts';
import { paymentFacts } from './facts.ts';
import { findPayment } from './payments.ts';

/** Characters of a body that can still be one id. */
const BODY_CHARS_MAX = 200;

/** The facts about the payment that a delivery names. */
export async function readFacts(
  mollie: Mollie,
  request: WebhookRequest,
  ctx: MollieContext,
): Promise<readonly Fact[]> {
  const id = readId(request);
  const payment = await findPayment(mollie, id);
  // Not ours, or none at all: Mollie wants 200 all the same, so that nobody can try ids out.
  if (payment === undefined) return [];
  const facts = await paymentFacts(payment, ctx);
  const marks = await readMarks(ctx.storage, payment.metadata);
  // The panel is told now: a part that is still to be paid may be started anew.
  if (marks?.invoiceId !== undefined && payment.status === 'paid') {
    await forgetStarted(ctx.storage, marks.invoiceId, { id });
  }
  return facts;
}

function readId({ body, bodyEncoding }: WebhookRequest): string {
  const form = new URLSearchParams(bodyEncoding === 'utf8' ? body.slice(0, BODY_CHARS_MAX) : '');
  const [id = '', ...others] = form.getAll('id');
  if (others.length === 0 && body.length <= BODY_CHARS_MAX && /^tr_[A-Za-z0-9]{1,60}$/.test(id)) {
    return id;
  }
  throw fail('unauthorized', 'Mollie did not send this: its body is not the id of one payment', {
    remedy: 'Let only Mollie know the address of the webhook',
  });
}
