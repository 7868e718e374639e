// What each request does at the fake Mollie, with the rules that its documentation names. Objects look as
// in Mollie's description of its API (August 2026).

import { randomBytes } from 'node:crypto';

import { Refusal } from '../../contract/vendor.ts';
import type { VendorReply, VendorRequest } from '../../contract/vendor.ts';

/** An object as the API shows it. */
export type MollieObject = Record<string, any>;

/** Everything of one profile; maps keep the order of making. */
export type State = {
  readonly payments: Map<string, MollieObject>;
  readonly refunds: Map<string, MollieObject>;
  readonly chargebacks: Map<string, MollieObject>;
  readonly customers: Map<string, MollieObject>;
  readonly mandates: Map<string, MollieObject>;
  /** Repeats by Idempotency-Key: what was answered first. */
  readonly replies: Map<string, { readonly asked: string; readonly reply: VendorReply }>;
  /** Set by a test: what the next charge of a mandate comes to. */
  nextCharge: 'paid' | 'pending' | 'failed';
  /** Set by a test: payments that are made now cannot be cancelled. */
  isCancelable: boolean;
};

type Act = (state: State, ids: readonly string[], request: VendorRequest) => VendorReply;

const ok = (json: unknown): VendorReply => ({ status: 200, json });
const created = (json: unknown): VendorReply => ({ status: 201, json });

// https://docs.mollie.com/docs/multicurrency
const TWO =
  'AED AUD BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS MXN MYR NOK NZD PHP PLN RON SEK SGD THB TWD USD ZAR';
const NONE = 'ISK JPY';

const ROUTES: readonly (readonly [at: string, act: Act])[] = [
  ['GET /v2/methods', listMethods],
  ['POST /v2/payments', createPayment],
  ['GET /v2/payments', (state, _ids, { query }) => list(state.payments, 'payments', query)],
  ['GET /v2/payments/*', (state, [id = ''], { query }) => ok(show(state, id, query.get('embed')))],
  ['DELETE /v2/payments/*', cancelPayment],
  ['GET /v2/payments/*/refunds', listRefunds],
  ['POST /v2/payments/*/refunds', refundPayment],
  ['POST /v2/payments/*/captures', capturePayment],
  ['POST /v2/payments/*/release-authorization', releasePayment],
  ['GET /v2/refunds', (state, _ids, { query }) => list(state.refunds, 'refunds', query)],
  [
    'GET /v2/chargebacks',
    (state, _ids, { query }) => list(state.chargebacks, 'chargebacks', query),
  ],
  ['POST /v2/customers', createCustomer],
  ['GET /v2/customers/*/mandates/*', (state, [, id = '']) => ok(find(state.mandates, id))],
  ['DELETE /v2/customers/*/mandates/*', dropMandate],
];

/** Runs a request. @throws {Refusal} As Mollie refuses */
export function run(state: State, request: VendorRequest): VendorReply {
  const at = `${request.method} ${request.path}`;
  for (const [pattern, act] of ROUTES) {
    const match = new RegExp(`^${pattern.replaceAll('*', '([^/]+)')}$`).exec(at);
    if (match !== null) return act(state, match.slice(1), request);
  }
  throw refuse(404, 'No such route.');
}

/** An error as Mollie reports it. */
export function refuse(status: number, detail: string, field?: string): Refusal {
  const titles: Record<number, string> = {
    401: 'Unauthorized Request',
    404: 'Not Found',
    409: 'Conflict',
    410: 'Gone',
    422: 'Unprocessable Entity',
  };
  const _links = { documentation: { href: 'https://docs.mollie.com/errors', type: 'text/html' } };
  return new Refusal(status, { status, title: titles[status] ?? 'Error', detail, field, _links });
}

export function newId(kind: string): string {
  return `${kind}_${randomBytes(8).toString('hex').slice(0, 10)}`;
}

/** The object, or Mollie's 404. */
export function find(objects: Map<string, MollieObject>, id: string): MollieObject {
  const found = objects.get(id);
  if (found === undefined) throw refuse(404, `No object exists with token ${id}.`);
  return found;
}

/** A payment as the API shows it: with its page while it is open, and what was asked to be embedded. */
export function show(state: State, id: string, embed: string | null): MollieObject {
  const payment = find(state.payments, id);
  const of = (objects: Map<string, MollieObject>) =>
    [...objects.values()].filter(({ paymentId }) => paymentId === id);
  const refunds = of(state.refunds).filter(({ status }) => status !== 'failed');
  const back = sum(refunds);
  const names = (embed ?? '').split(',').filter((name) => name !== '');
  const all: Record<string, MollieObject[]> = {
    refunds: of(state.refunds),
    chargebacks: of(state.chargebacks),
  };
  const page = { href: `https://www.mollie.com/checkout/select-method/${id}`, type: 'text/html' };
  const isOpen = payment['status'] === 'open';
  return {
    ...payment,
    isCancelable: isOpen && payment['isCancelable'],
    ...(refunds.length > 0 ? { amountRefunded: format(back, payment['amount'].currency) } : {}),
    _links: {
      self: { href: `https://api.mollie.com/v2/payments/${id}` },
      ...(isOpen ? { checkout: page } : {}),
    },
    ...(names.length > 0
      ? { _embedded: Object.fromEntries(names.map((name) => [name, all[name] ?? []])) }
      : {}),
  };
}

function listMethods(_state: State, _ids: readonly string[], { query }: VendorRequest) {
  const currency = query.get('amount[currency]') ?? 'EUR';
  if (query.has('amount[value]')) {
    checkAmount({ currency, value: query.get('amount[value]') ?? '' });
  }
  const euro = [
    { resource: 'method', id: 'ideal', description: 'iDEAL', status: 'activated' },
    { resource: 'method', id: 'directdebit', description: 'SEPA', status: 'activated' },
  ];
  const card = { resource: 'method', id: 'creditcard', description: 'Card', status: 'activated' };
  const methods = ['BRL', 'MXN'].includes(currency)
    ? []
    : [card, ...(currency === 'EUR' ? euro : [])];
  return ok({ count: methods.length, _embedded: { methods }, _links: {} });
}

function createPayment(state: State, _ids: readonly string[], { json }: VendorRequest) {
  checkAmount(json?.amount, json?.sequenceType === 'first');
  if (!json.description) throw refuse(422, 'The description is required', 'description');
  const isRecurring = json.sequenceType === 'recurring';
  if (!isRecurring && !json.redirectUrl)
    throw refuse(422, 'The redirect URL is required', 'redirectUrl');
  if (JSON.stringify(json.metadata ?? null).length > 1024) {
    throw refuse(422, 'The metadata is too large', 'metadata');
  }
  if (json.customerId !== undefined && !state.customers.has(json.customerId)) {
    throw refuse(410, 'The customer is no longer available', 'customerId');
  }
  const mandate = state.mandates.get(json.mandateId);
  if (
    isRecurring &&
    (mandate?.['customerId'] !== json.customerId || mandate?.['status'] !== 'valid')
  ) {
    throw refuse(422, 'The mandate is invalid', 'mandateId');
  }
  const id = newId('tr');
  const payment = {
    resource: 'payment',
    id,
    mode: 'test',
    sequenceType: 'oneoff',
    metadata: null,
    ...json,
    status: 'open',
    isCancelable: state.isCancelable,
    createdAt: new Date().toISOString(),
  };
  if (isRecurring) {
    payment.status = state.nextCharge;
    if (state.nextCharge === 'failed') {
      payment.details = { failureReason: 'insufficient_funds', failureMessage: 'No money left' };
    }
    state.nextCharge = 'paid';
  }
  state.payments.set(id, payment);
  return created(show(state, id, null));
}

function cancelPayment(state: State, [id = '']: readonly string[]): VendorReply {
  const payment = find(state.payments, id);
  if (payment['status'] !== 'open' || payment['isCancelable'] !== true) {
    throw refuse(422, 'The payment cannot be canceled');
  }
  payment['status'] = 'canceled';
  return ok(show(state, id, null));
}

function listRefunds(state: State, [id = '']: readonly string[], { query }: VendorRequest) {
  find(state.payments, id);
  const mine = [...state.refunds].filter(([, { paymentId }]) => paymentId === id);
  return list(new Map(mine), 'refunds', query);
}

function refundPayment(state: State, [id = '']: readonly string[], { json }: VendorRequest) {
  const payment = find(state.payments, id);
  checkAmount(json?.amount);
  if (payment['status'] !== 'paid') throw refuse(422, 'The payment is not paid');
  if (json.amount.currency !== payment['amount'].currency) {
    throw refuse(422, 'The currency is not that of the payment', 'amount.currency');
  }
  const before = [...state.refunds.values()].filter(({ paymentId }) => paymentId === id);
  if (sum([...before, json]) > sum([payment])) {
    throw refuse(422, 'The amount is higher than the remaining amount', 'amount');
  }
  const refund = {
    resource: 'refund',
    id: newId('re'),
    metadata: null,
    ...json,
    paymentId: id,
    status: 'pending',
    createdAt: new Date().toISOString(),
  };
  state.refunds.set(refund.id, refund);
  return created(refund);
}

function capturePayment(state: State, [id = '']: readonly string[], { json }: VendorRequest) {
  const payment = find(state.payments, id);
  if (payment['status'] !== 'authorized') throw refuse(422, 'The payment is not authorized');
  const amount = json?.amount ?? payment['amount'];
  checkAmount(amount);
  if (sum([{ amount }]) > sum([payment])) throw refuse(422, 'The amount is too high', 'amount');
  Object.assign(payment, { status: 'paid', amountCaptured: amount });
  return created({
    resource: 'capture',
    id: newId('cpt'),
    paymentId: id,
    amount,
    status: 'succeeded',
  });
}

function releasePayment(state: State, [id = '']: readonly string[]): VendorReply {
  const payment = find(state.payments, id);
  if (payment['status'] !== 'authorized') throw refuse(422, 'The payment is not authorized');
  payment['status'] = 'canceled';
  return { status: 202 };
}

function createCustomer(state: State, _ids: readonly string[], { json }: VendorRequest) {
  const customer = { resource: 'customer', id: newId('cst'), ...json };
  state.customers.set(customer.id, customer);
  return created(customer);
}

function dropMandate(state: State, [, id = '']: readonly string[]): VendorReply {
  find(state.mandates, id);
  state.mandates.delete(id);
  return { status: 204 };
}

function list(objects: Map<string, MollieObject>, name: string, query: URLSearchParams) {
  const all = [...objects.values()].toReversed();
  const from = query.get('from');
  const start = from === null ? 0 : all.findIndex(({ id }) => id === from);
  if (start < 0) throw refuse(404, `No object exists with token ${from}.`);
  const limit = Number(query.get('limit') ?? 50);
  const items = all.slice(start, start + limit);
  const after = all[start + limit];
  const href = `https://api.mollie.com/v2/${name}?from=${after?.['id']}&limit=${limit}`;
  const next = after === undefined ? null : { href, type: 'application/hal+json' };
  return ok({
    count: items.length,
    _embedded: { [name]: items },
    _links: { next, previous: null },
  });
}

function checkAmount(
  amount: { currency?: string; value?: string } | undefined,
  zero = false,
): void {
  const { currency = '', value = '' } = amount ?? {};
  const decimals = NONE.split(' ').includes(currency) ? /^\d+$/ : /^\d+\.\d\d$/;
  if (![...TWO.split(' '), ...NONE.split(' ')].includes(currency)) {
    throw refuse(422, 'The currency is not supported', 'amount.currency');
  }
  if (typeof value !== 'string' || !decimals.test(value)) {
    throw refuse(422, 'The amount contains an invalid value', 'amount.value');
  }
  if (!zero && /^[0.]+$/.test(value)) throw refuse(422, 'The amount is too low', 'amount');
}

function sum(objects: readonly { amount?: { value: string } }[]): number {
  return objects.reduce((total, { amount }) => total + Number(amount?.value.replace('.', '')), 0);
}

function format(minor: number, currency: string): object {
  const digits = String(minor).padStart(3, '0');
  const value = NONE.includes(currency)
    ? String(minor)
    : `${digits.slice(0, -2)}.${digits.slice(-2)}`;
  return { currency, value };
}
