// Checkout sessions at the fake: what may be put on a page, and how a page ends.

import type { FormValue } from './form.ts';
import * as make from './objects.ts';
import type { Params, StripeObject } from './objects.ts';
import { amountOf, badParam, checkCustomer, find, Refusal, save, text } from './rules.ts';
import type { Objects } from './rules.ts';

/** `POST /v1/checkout/sessions` */
export function createSession(objects: Objects, params: Params): StripeObject {
  const mode = text(params, 'mode');
  checkCustomer(objects, params);
  if (params['customer'] !== undefined && params['customer_email'] !== undefined) {
    throw badParam('customer_email', 'parameter_invalid', 'Use customer or customer_email.');
  }
  text(params, 'success_url');
  if (mode === 'setup') {
    text(params, 'currency');
    const session = make.makeSession(params, null);
    const { metadata = {} } = (params['setup_intent_data'] ?? {}) as { metadata?: object };
    session['setup_intent'] = save(objects, make.makeSetupIntent(session, metadata)).id;
    return save(objects, session);
  }
  const lines = params['line_items'];
  if (!Array.isArray(lines)) {
    throw badParam('line_items', 'parameter_missing', 'Line items must be a list.');
  }
  const prices = lines.map((line, index) => priceOf(line, `line_items[${index}]`));
  const rhythms = new Set(prices.flatMap(({ recurring }) => (recurring ? [recurring] : [])));
  if (mode === 'payment' && rhythms.size > 0) {
    throw badParam(
      'line_items',
      'parameter_invalid',
      'You specified `payment` mode but passed a recurring price.',
    );
  }
  if (mode === 'subscription' && rhythms.size === 0) {
    throw badParam(
      'line_items',
      'parameter_invalid',
      'You must provide at least one recurring price in `subscription` mode.',
    );
  }
  if (rhythms.size > 1) {
    throw badParam(
      'line_items',
      'parameter_invalid',
      'Checkout does not support multiple prices with different billing intervals.',
    );
  }
  const total = prices.reduce((sum, { amount }) => sum + amount, 0);
  const session = make.makeSession({ ...params, currency: prices[0]?.currency ?? '' }, total);
  // Kept for `completeCheckout`; Stripe applies them to what the session makes.
  hidden.set(session.id, params);
  return save(objects, session);
}

/** Parameters that a session was made with and that Stripe does not show on it. */
export const hidden = new Map<string, Params>();

function priceOf(
  line: FormValue,
  at: string,
): { amount: number; currency: string; recurring: string | undefined } {
  const { quantity, price_data: data } = line as {
    quantity?: string;
    price_data?: {
      currency?: string;
      unit_amount?: string;
      recurring?: object;
      product_data?: { name?: string };
    };
  };
  const currency = data?.currency ?? '';
  if (!data?.product_data?.name) {
    throw badParam(`${at}[price_data][product_data][name]`, 'parameter_missing', 'Missing name.');
  }
  const amount = amountOf(data.unit_amount, currency, `${at}[price_data][unit_amount]`);
  const recurring = data.recurring && JSON.stringify(data.recurring);
  return { amount: amount * Number(quantity ?? 1), currency, recurring };
}

/** `POST /v1/checkout/sessions/:id/expire` */
export function expireSession(objects: Objects, _params: Params, id: string): StripeObject {
  const session = find(objects, 'checkout.session', id);
  if (session['status'] !== 'open') {
    const message = `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of ${String(session['status'])}`;
    throw new Refusal(400, { type: 'invalid_request_error', message });
  }
  return Object.assign(session, { status: 'expired', url: null });
}
