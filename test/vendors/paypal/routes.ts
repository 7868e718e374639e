// What each request does at the fake PayPal, with the rules that its documentation names.

import type { Refusal } from '../../contract/vendor.ts';
import type { VendorReply, VendorRequest } from '../../contract/vendor.ts';
import {
  authorizeOrder,
  captureOrder,
  find,
  link,
  makeCapture,
  newId,
  page,
  refuse,
  unprocessable,
} from './state.ts';
import type { Amount, PayPalObject, State } from './state.ts';

type Act = (state: State, ids: readonly string[], request: VendorRequest) => VendorReply;

const created = (json: unknown): VendorReply => ({ status: 201, json });
const ok = (json: unknown): VendorReply => ({ status: 200, json });

// https://developer.paypal.com/api/rest/reference/currency-codes/
const CURRENCIES =
  'AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB USD';

/** Routes by `METHOD /path`; `*` is one id. */
export const ROUTES: readonly (readonly [at: string, act: Act])[] = [
  ['POST /v2/checkout/orders', createOrder],
  ['GET /v2/checkout/orders/*', (state, [id = '']) => ok(find(state.orders, id))],
  ['POST /v2/checkout/orders/*/capture', (state, [id = '']) => takeOrder(state, id, 'CAPTURE')],
  ['POST /v2/checkout/orders/*/authorize', (state, [id = '']) => takeOrder(state, id, 'AUTHORIZE')],
  ['GET /v2/payments/captures/*', (state, [id = '']) => ok(find(state.captures, id))],
  ['POST /v2/payments/captures/*/refund', refundCapture],
  ['GET /v2/payments/refunds/*', (state, [id = '']) => ok(find(state.refunds, id))],
  ['GET /v2/payments/authorizations/*', (state, [id = '']) => ok(find(state.authorizations, id))],
  ['POST /v2/payments/authorizations/*/capture', captureAuthorization],
  ['POST /v2/payments/authorizations/*/void', voidAuthorization],
  ['POST /v3/vault/setup-tokens', createSetup],
  ['GET /v3/vault/setup-tokens/*', (state, [id = '']) => ok(find(state.setups, id))],
  ['POST /v3/vault/payment-tokens', exchange],
  ['DELETE /v3/vault/payment-tokens/*', dropToken],
  ['POST /v1/catalogs/products', (state, _ids, { json }) => made(state.products, 'PROD', json)],
  ['POST /v1/billing/plans', createPlan],
  ['POST /v1/billing/subscriptions', createSubscription],
  ['GET /v1/billing/subscriptions/*', (state, [id = '']) => ok(find(state.subscriptions, id))],
  ['POST /v1/billing/subscriptions/*/cancel', cancelSubscription],
  ['GET /v1/billing/subscriptions/*/transactions', listPayments],
  ['GET /v1/notifications/webhooks', (state) => ok({ webhooks: [...state.webhooks.values()] })],
  ['POST /v1/notifications/webhooks', createWebhook],
  ['PATCH /v1/notifications/webhooks/*', patchWebhook],
  ['DELETE /v1/notifications/webhooks/*', dropWebhook],
  ['GET /v1/customer/disputes', listDisputes],
  ['GET /v1/customer/disputes/*', (state, [id = '']) => ok(find(state.disputes, id))],
];

/** Runs a request. @throws {Refusal} As PayPal refuses */
export function run(state: State, request: VendorRequest): VendorReply {
  const at = `${request.method} ${request.path}`;
  for (const [pattern, act] of ROUTES) {
    const match = new RegExp(`^${pattern.replaceAll('*', '([^/]+)')}$`).exec(at);
    if (match !== null) return act(state, match.slice(1), request);
  }
  throw refuse(404, 'RESOURCE_NOT_FOUND');
}

function createOrder(state: State, _ids: readonly string[], { json }: VendorRequest): VendorReply {
  if (!['CAPTURE', 'AUTHORIZE'].includes(json?.intent)) throw invalid('/intent');
  const [unit, ...others] = json.purchase_units ?? [];
  if (unit === undefined || others.length > 0) throw invalid('/purchase_units');
  checkAmount(unit.amount);
  const id = newId();
  const source = json.payment_source ?? {};
  const vaulted = source.paypal?.vault_id ?? source.card?.vault_id;
  const order: PayPalObject = {
    id,
    intent: json.intent,
    status: 'PAYER_ACTION_REQUIRED',
    payment_source: source,
    purchase_units: [{ reference_id: 'default', ...unit }],
    // The page comes last on purpose: who counts positions opens the wrong link.
    links: [
      link('self', `/v2/checkout/orders/${id}`),
      page('payer-action', `/checkoutnow?token=${id}`),
    ],
  };
  if (vaulted !== undefined) {
    if (!state.vault.has(vaulted)) throw unprocessable('TOKEN_ID_NOT_FOUND');
    if (state.nextChargeWaits) state.nextChargeWaits = false;
    else captureOrder(state, order);
  } else if (source.paypal?.experience_context?.return_url === undefined) {
    throw invalid('/payment_source/paypal/experience_context/return_url');
  }
  state.orders.set(id, order);
  return created(order);
}

function takeOrder(state: State, id: string, intent: string): VendorReply {
  const order = find(state.orders, id);
  if (order['intent'] !== intent) throw unprocessable('ACTION_DOES_NOT_MATCH_INTENT');
  if (order['status'] === 'COMPLETED') throw unprocessable('ORDER_ALREADY_CAPTURED');
  if (order['status'] !== 'APPROVED') throw unprocessable('ORDER_NOT_APPROVED');
  if (intent === 'CAPTURE') captureOrder(state, order);
  else authorizeOrder(state, order);
  return created(order);
}

function refundCapture(state: State, [id = '']: readonly string[], { json }: VendorRequest) {
  const capture = find(state.captures, id);
  const amount: Amount = json.amount ?? capture['amount'];
  checkAmount(amount);
  if (amount.currency_code !== capture['amount'].currency_code) {
    throw unprocessable('REFUND_CURRENCY_MISMATCH');
  }
  if (capture['status'] === 'REFUNDED') throw unprocessable('CAPTURE_FULLY_REFUNDED');
  const before = [...state.refunds.values()].filter((each) => each['capture'] === id);
  const sum = before.reduce((total, each) => total + cents(each['amount']), cents(amount));
  if (sum > cents(capture['amount'])) throw unprocessable('REFUND_AMOUNT_EXCEEDED');
  capture['status'] = sum === cents(capture['amount']) ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
  const refund = {
    id: newId(),
    status: 'COMPLETED',
    amount,
    capture: id,
    custom_id: json.custom_id ?? capture['custom_id'],
    note_to_payer: json.note_to_payer,
    links: [link('self', '/v2/payments/refunds/x'), link('up', `/v2/payments/captures/${id}`)],
  };
  state.refunds.set(refund.id, refund);
  return created(refund);
}

function captureAuthorization(state: State, [id = '']: readonly string[], { json }: VendorRequest) {
  const authorization = find(state.authorizations, id);
  if (authorization['status'] === 'CAPTURED') throw unprocessable('AUTHORIZATION_ALREADY_CAPTURED');
  if (authorization['status'] === 'VOIDED') throw unprocessable('AUTHORIZATION_VOIDED');
  const orderId = authorization['supplementary_data'].related_ids.order_id;
  const [unit] = find(state.orders, orderId)['purchase_units'];
  const capture = makeCapture(state, {
    unit,
    order: orderId,
    up: link('up', `/v2/payments/authorizations/${id}`),
    status: 'COMPLETED',
    amount: json.amount ?? authorization['amount'],
  });
  authorization['status'] = 'CAPTURED';
  unit.payments.captures = [capture];
  return created(capture);
}

function voidAuthorization(state: State, [id = '']: readonly string[]): VendorReply {
  const authorization = find(state.authorizations, id);
  if (authorization['status'] === 'CAPTURED') throw unprocessable('PREVIOUSLY_CAPTURED');
  if (authorization['status'] === 'VOIDED') throw unprocessable('PREVIOUSLY_VOIDED');
  authorization['status'] = 'VOIDED';
  return ok(authorization);
}

function createSetup(state: State, _ids: readonly string[], { json }: VendorRequest): VendorReply {
  if (json?.payment_source?.paypal === undefined) throw invalid('/payment_source');
  const id = newId();
  const setup = {
    id,
    status: 'PAYER_ACTION_REQUIRED',
    customer: { id: 'cust_ada' },
    links: [
      link('self', `/v3/vault/setup-tokens/${id}`),
      page('approve', `/agreements/approve?approval_session_id=${id}`),
    ],
  };
  state.setups.set(id, setup);
  return created(setup);
}

function exchange(state: State, _ids: readonly string[], { json }: VendorRequest): VendorReply {
  const { id = '', type } = json?.payment_source?.token ?? {};
  if (type !== 'SETUP_TOKEN') throw invalid('/payment_source/token/type');
  const setup = find(state.setups, id);
  if (setup['status'] !== 'APPROVED') throw unprocessable('TOKEN_NOT_APPROVED');
  setup['status'] = 'VAULTED';
  const token = {
    id: newId().toLowerCase(),
    customer: setup['customer'],
    payment_source: { paypal: { email_address: 'ada@example.com' } },
  };
  state.vault.set(token.id, token);
  return created(token);
}

function dropToken(state: State, [id = '']: readonly string[]): VendorReply {
  find(state.vault, id);
  state.vault.delete(id);
  return { status: 204 };
}

function createPlan(state: State, _ids: readonly string[], { json }: VendorRequest): VendorReply {
  if (!state.products.has(json?.product_id)) throw unprocessable('INVALID_PRODUCT_ID');
  checkAmount(json.billing_cycles?.[0]?.pricing_scheme?.fixed_price);
  return made(state.plans, 'P', json);
}

function createSubscription(state: State, _ids: readonly string[], { json }: VendorRequest) {
  if (!state.plans.has(json?.plan_id)) throw refuse(404, 'RESOURCE_NOT_FOUND');
  const id = `I-${newId().slice(0, 12)}`;
  const subscription = {
    ...json,
    id,
    status: 'APPROVAL_PENDING',
    create_time: new Date().toISOString(),
    links: [
      link('self', `/v1/billing/subscriptions/${id}`),
      page('approve', `/webapps/billing/subscriptions?ba_token=BA-${id.slice(2)}`),
    ],
  };
  state.subscriptions.set(id, subscription);
  state.payments.set(id, []);
  return created(subscription);
}

function cancelSubscription(state: State, [id = '']: readonly string[], { json }: VendorRequest) {
  const subscription = find(state.subscriptions, id);
  if (!json?.reason) throw invalid('/reason');
  if (!['ACTIVE', 'SUSPENDED'].includes(subscription['status'])) {
    throw unprocessable('SUBSCRIPTION_STATUS_INVALID');
  }
  subscription['status'] = 'CANCELLED';
  return { status: 204 };
}

function listPayments(state: State, [id = '']: readonly string[], { query }: VendorRequest) {
  find(state.subscriptions, id);
  if (!query.has('start_time') || !query.has('end_time')) throw invalid('start_time');
  return ok({ transactions: state.payments.get(id) ?? [] });
}

function createWebhook(state: State, _ids: readonly string[], { json }: VendorRequest) {
  if (json?.url?.startsWith('https:') !== true) throw invalid('/url');
  const taken = [...state.webhooks.values()].some(({ url }) => url === json.url);
  if (taken) throw refuse(400, 'WEBHOOK_URL_ALREADY_EXISTS');
  return made(state.webhooks, 'WH', json);
}

function patchWebhook(state: State, [id = '']: readonly string[], { json }: VendorRequest) {
  const webhook = find(state.webhooks, id);
  for (const { op, path, value } of json) {
    if (op !== 'replace') throw invalid('/op');
    webhook[path.slice(1)] = value;
  }
  return ok(webhook);
}

function dropWebhook(state: State, [id = '']: readonly string[]): VendorReply {
  find(state.webhooks, id);
  state.webhooks.delete(id);
  return { status: 204 };
}

function listDisputes(state: State, _ids: readonly string[], { query }: VendorRequest) {
  const size = Number(query.get('page_size') ?? 10);
  const at = Number(query.get('next_page_token') ?? 0);
  const all = [...state.disputes.values()];
  const items = all.slice(at, at + size).map(({ dispute_id }) => ({ dispute_id }));
  const next = `/v1/customer/disputes?next_page_token=${at + size}`;
  return ok({ items, links: at + size < all.length ? [link('next', next)] : [] });
}

function made(objects: Map<string, PayPalObject>, prefix: string, json: unknown): VendorReply {
  const object = { ...(json as object), id: `${prefix}${newId()}` };
  objects.set(object.id, object);
  return created(object);
}

function checkAmount(amount: Partial<Amount> | undefined): void {
  const { currency_code: currency = '', value = '' } = amount ?? {};
  if (!CURRENCIES.split(' ').includes(currency)) throw unprocessable('CURRENCY_NOT_SUPPORTED');
  const decimals = ['HUF', 'JPY', 'TWD'].includes(currency) ? /^\d+$/ : /^\d+\.\d\d$/;
  if (typeof value !== 'string' || !decimals.test(value)) throw unprocessable('DECIMAL_PRECISION');
  if (Number(value) <= 0) throw unprocessable('CANNOT_BE_ZERO_OR_NEGATIVE');
}

function cents({ value }: Amount): number {
  return Number(value.replace('.', ''));
}

function invalid(field: string): Refusal {
  return refuse(400, 'INVALID_REQUEST', 'INVALID_PARAMETER_VALUE', field);
}
