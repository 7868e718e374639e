// What the fake does for each request: Stripe's rules over a map of objects.
// Outcomes of a charge follow Stripe's documented test payment methods (docs.stripe.com/testing).

import * as make from './objects.ts';
import type { Params, StripeObject } from './objects.ts';
import { amountOf, badParam, checkCustomer, find, missing, Refusal, save, text } from './rules.ts';
import type { Objects } from './rules.ts';
import { createSession, expireSession } from './sessions.ts';

type Route = {
  readonly method: string;
  readonly path: RegExp;
  readonly run: (objects: Objects, params: Params, id: string) => StripeObject;
};

function createIntent(objects: Objects, params: Params): StripeObject {
  const currency = text(params, 'currency');
  const amount = amountOf(params['amount'], currency, 'amount');
  checkCustomer(objects, params);
  const intent = save(objects, make.makeIntent({ ...params, amount, currency }));
  if (params['confirm'] !== 'true') return intent;
  const method = text(params, 'payment_method');
  const card = objects.get(method);
  if (card === undefined) throw missing('PaymentMethod', method, 'payment_method', 400);
  if (card['customer'] !== params['customer']) {
    throw badParam(
      'customer',
      'payment_method_customer_mismatch',
      'The payment method belongs to another customer.',
    );
  }
  if (/authenticationRequired/.test(method)) {
    throw cardRefusal(intent, 'authentication_required', 'authentication_required');
  }
  if (/chargeDeclined/.test(method)) throw cardRefusal(intent, 'card_declined', 'generic_decline');
  if (card['type'] === 'us_bank_account') return Object.assign(intent, { status: 'processing' });
  return payIntent(objects, intent);
}

function cardRefusal(intent: StripeObject, code: string, decline: string): Refusal {
  const message =
    code === 'card_declined'
      ? 'Your card was declined.'
      : 'Your card was declined. This transaction requires authentication.';
  const error = { type: 'card_error', code, decline_code: decline, message };
  Object.assign(intent, { last_payment_error: error });
  return new Refusal(402, { ...error, payment_intent: structuredClone(intent) });
}

/** Takes the money of an intent: a charge and, at once, its fee of 2 % and 25. */
export function payIntent(
  objects: Objects,
  intent: StripeObject,
  fee = {
    currency: String(intent['currency']),
    amount: Math.round(Number(intent['amount']) / 50) + 25,
  },
): StripeObject {
  const manual = intent['capture_method'] === 'manual';
  const charge = save(objects, make.makeCharge(intent, !manual));
  const amount = intent['amount'];
  const state = manual
    ? { status: 'requires_capture', amount_capturable: amount }
    : { status: 'succeeded', amount_received: amount };
  if (!manual)
    charge['balance_transaction'] = save(objects, make.makeBalanceTransaction(charge, fee)).id;
  return Object.assign(intent, state, { latest_charge: charge.id });
}

function unexpected(intent: StripeObject, verb: string): Refusal {
  return new Refusal(400, {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    message: `This PaymentIntent could not be ${verb} because it has a status of ${String(intent['status'])}.`,
    payment_intent: structuredClone(intent),
  });
}

function captureIntent(objects: Objects, params: Params, id: string): StripeObject {
  const intent = find(objects, 'payment_intent', id);
  if (intent['status'] !== 'requires_capture') throw unexpected(intent, 'captured');
  const amount = Number(params['amount_to_capture'] ?? intent['amount']);
  if (amount > Number(intent['amount_capturable'])) {
    throw badParam(
      'amount_to_capture',
      'amount_too_large',
      'The amount is greater than what can be captured.',
    );
  }
  const charge = find(objects, 'charge', String(intent['latest_charge']));
  Object.assign(charge, { captured: true, amount_captured: amount });
  return Object.assign(intent, {
    status: 'succeeded',
    amount_received: amount,
    amount_capturable: 0,
  });
}

function cancelIntent(objects: Objects, params: Params, id: string): StripeObject {
  const intent = find(objects, 'payment_intent', id);
  if (['succeeded', 'processing', 'canceled'].includes(String(intent['status']))) {
    throw unexpected(intent, 'canceled');
  }
  const reason = params['cancellation_reason'] ?? null;
  return Object.assign(intent, { status: 'canceled', cancellation_reason: reason });
}

function createRefund(objects: Objects, params: Params): StripeObject {
  const intentId = params['payment_intent'];
  const chargeId =
    typeof intentId === 'string'
      ? find(objects, 'payment_intent', intentId)['latest_charge']
      : params['charge'];
  const charge = find(objects, 'charge', String(chargeId));
  if (charge['refunded'] === true) {
    const message = `Charge ${charge.id} has already been refunded.`;
    throw new Refusal(400, {
      type: 'invalid_request_error',
      code: 'charge_already_refunded',
      message,
    });
  }
  const left = Number(charge['amount_captured']) - Number(charge['amount_refunded']);
  const refund = make.makeRefund(charge, params, 'succeeded');
  if (Number(refund['amount']) > left) {
    const message = `Refund amount (${String(refund['amount'])}) is greater than unrefunded amount on charge (${left})`;
    throw new Refusal(400, { type: 'invalid_request_error', param: 'amount', message });
  }
  const back = Number(charge['amount_refunded']) + Number(refund['amount']);
  Object.assign(charge, { amount_refunded: back, refunded: back === charge['amount_captured'] });
  return save(objects, refund);
}

function removeCustomer(objects: Objects, _params: Params, id: string): StripeObject {
  find(objects, 'customer', id);
  objects.delete(id);
  return { id, object: 'customer', deleted: true };
}

function createEndpoint(objects: Objects, params: Params): StripeObject {
  text(params, 'url');
  const endpoint = save(objects, make.makeEndpoint(params));
  // The secret is shown in this one reply and never again.
  return { ...endpoint, secret: endpointSecret(endpoint.id) };
}

/** The signing secret of an endpoint at the fake. */
export function endpointSecret(id: string): string {
  return `whsec_${id}_secret`;
}

function update(kind: string): Route['run'] {
  return (objects, params, id) => Object.assign(find(objects, kind, id), params);
}

function list(kind: string, filters: readonly string[] = []): Route['run'] {
  return (objects, params) => {
    const { gte = '0' } = (params['created'] ?? {}) as { gte?: string };
    const all = [...objects.values()]
      .filter(({ object, created }) => object === kind && Number(created) >= Number(gte))
      .filter((object) =>
        filters.every((name) => params[name] === undefined || object[name] === params[name]),
      )
      .toReversed();
    const after = params['starting_after'];
    const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const size = Number(params['limit'] ?? 10);
    const data = all.slice(start, start + size);
    return { id: '', object: 'list', data, has_more: start + size < all.length };
  };
}

const retrieve =
  (kind: string): Route['run'] =>
  (objects, _params, id) =>
    find(objects, kind, id);

const at = (path: string): RegExp => new RegExp(`^/v1/${path.replace(':id', '([\\w]+)')}$`);

const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: at('balance'),
    run: () => ({ id: '', object: 'balance', livemode: false }),
  },
  {
    method: 'POST',
    path: at('customers'),
    run: (objects, params) => save(objects, make.makeCustomer(params)),
  },
  { method: 'GET', path: at('customers/:id'), run: retrieve('customer') },
  { method: 'DELETE', path: at('customers/:id'), run: removeCustomer },
  { method: 'POST', path: at('checkout/sessions'), run: createSession },
  { method: 'GET', path: at('checkout/sessions/:id'), run: retrieve('checkout.session') },
  { method: 'POST', path: at('checkout/sessions/:id/expire'), run: expireSession },
  { method: 'POST', path: at('payment_intents'), run: createIntent },
  { method: 'GET', path: at('payment_intents'), run: list('payment_intent') },
  { method: 'GET', path: at('payment_intents/:id'), run: retrieve('payment_intent') },
  { method: 'POST', path: at('payment_intents/:id/capture'), run: captureIntent },
  { method: 'POST', path: at('payment_intents/:id/cancel'), run: cancelIntent },
  { method: 'GET', path: at('charges/:id'), run: retrieve('charge') },
  { method: 'POST', path: at('refunds'), run: createRefund },
  { method: 'GET', path: at('refunds'), run: list('refund') },
  { method: 'GET', path: at('refunds/:id'), run: retrieve('refund') },
  { method: 'GET', path: at('disputes'), run: list('dispute') },
  { method: 'GET', path: at('disputes/:id'), run: retrieve('dispute') },
  { method: 'GET', path: at('payment_methods/:id'), run: retrieve('payment_method') },
  {
    method: 'POST',
    path: at('payment_methods/:id/detach'),
    run: (objects, _params, id) =>
      Object.assign(find(objects, 'payment_method', id), { customer: null }),
  },
  { method: 'GET', path: at('setup_intents/:id'), run: retrieve('setup_intent') },
  { method: 'GET', path: at('subscriptions/:id'), run: retrieve('subscription') },
  { method: 'POST', path: at('subscriptions/:id'), run: update('subscription') },
  {
    method: 'DELETE',
    path: at('subscriptions/:id'),
    run: (objects, _params, id) =>
      Object.assign(find(objects, 'subscription', id), { status: 'canceled' }),
  },
  { method: 'GET', path: at('invoices'), run: list('invoice', ['status']) },
  { method: 'GET', path: at('invoices/:id'), run: retrieve('invoice') },
  {
    method: 'GET',
    path: at('invoice_payments'),
    run: list('invoice_payment', ['invoice', 'status']),
  },
  { method: 'GET', path: at('webhook_endpoints'), run: list('webhook_endpoint') },
  { method: 'POST', path: at('webhook_endpoints'), run: createEndpoint },
  { method: 'POST', path: at('webhook_endpoints/:id'), run: update('webhook_endpoint') },
  {
    method: 'DELETE',
    path: at('webhook_endpoints/:id'),
    run: (objects, _params, id) => {
      find(objects, 'webhook_endpoint', id);
      objects.delete(id);
      return { id, object: 'webhook_endpoint', deleted: true };
    },
  },
];

/** Runs one request. @throws {Refusal} With what Stripe would say */
export function run(objects: Objects, method: string, path: string, params: Params): StripeObject {
  const found = ROUTES.find((route) => route.method === method && route.path.test(path));
  if (found === undefined) {
    const message = `Unrecognized request URL (${method}: ${path}).`;
    throw new Refusal(404, { type: 'invalid_request_error', message }, false);
  }
  const { expand = [], ...rest } = params;
  const [, id = ''] = found.path.exec(path) ?? [];
  const result = structuredClone(found.run(objects, rest, id));
  for (const field of Array.isArray(expand) ? expand : []) {
    expandAt(objects, result, String(field).split('.'));
  }
  return result;
}

/** Puts objects in the place of their ids, in a copy. */
function expandAt(objects: Objects, node: unknown, path: readonly string[]): void {
  const [name = '', ...rest] = path;
  if (typeof node !== 'object' || node === null) return;
  if (Array.isArray(node)) {
    for (const item of node) expandAt(objects, item, path);
    return;
  }
  const owner = node as Record<string, unknown>;
  const found = objects.get(String(owner[name]));
  if (found !== undefined) owner[name] = structuredClone(found);
  if (rest.length > 0) expandAt(objects, owner[name], rest);
}
