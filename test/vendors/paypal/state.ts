// What exists at the fake PayPal, and how its objects look: from PayPal's descriptions of orders v2,
// payments v2, vault v3, subscriptions v1 and disputes v1 (versions of February 2024).

import { randomBytes } from 'node:crypto';

import { Refusal } from '../../contract/vendor.ts';

/** An object as the API shows it. */
export type PayPalObject = Record<string, any>;

/** An amount as PayPal writes it. */
export type Amount = { readonly currency_code: string; readonly value: string };

/** Everything of one account. */
export type State = {
  readonly tokens: Set<string>;
  readonly orders: Map<string, PayPalObject>;
  readonly captures: Map<string, PayPalObject>;
  readonly authorizations: Map<string, PayPalObject>;
  readonly refunds: Map<string, PayPalObject>;
  readonly setups: Map<string, PayPalObject>;
  readonly vault: Map<string, PayPalObject>;
  readonly products: Map<string, PayPalObject>;
  readonly plans: Map<string, PayPalObject>;
  readonly subscriptions: Map<string, PayPalObject>;
  readonly payments: Map<string, PayPalObject[]>;
  readonly disputes: Map<string, PayPalObject>;
  readonly webhooks: Map<string, PayPalObject>;
  /** Repeats by PayPal-Request-Id: what was answered first. */
  readonly replies: Map<string, { readonly asked: string; readonly status: number; json: unknown }>;
  /** Set by a test: what the next capture comes to. */
  nextCapture: 'COMPLETED' | 'PENDING' | 'DECLINED' | 'INSTRUMENT_DECLINED';
  /** Set by a test: the next charge of a stored method needs the customer. */
  nextChargeWaits: boolean;
};

export const API = 'https://api-m.sandbox.paypal.com';
const SITE = 'https://www.sandbox.paypal.com';

/** An empty account. */
export function createState(): State {
  const map = <T>(): Map<string, T> => new Map<string, T>();
  return {
    tokens: new Set(),
    orders: map(),
    captures: map(),
    authorizations: map(),
    refunds: map(),
    setups: map(),
    vault: map(),
    products: map(),
    plans: map(),
    subscriptions: map(),
    payments: map(),
    disputes: map(),
    webhooks: map(),
    replies: map(),
    nextCapture: 'COMPLETED',
    nextChargeWaits: false,
  };
}

/** An id of 17 characters, as orders, captures, authorisations, refunds and tokens all have. */
export function newId(): string {
  return randomBytes(16).toString('hex').toUpperCase().slice(0, 17);
}

/** The object, or PayPal's 404. */
export function find(objects: Map<string, PayPalObject>, id: string): PayPalObject {
  const found = objects.get(id);
  if (found === undefined) throw refuse(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID');
  return found;
}

/** An error as PayPal reports it. */
export function refuse(status: number, name: string, issue?: string, field?: string): Refusal {
  return new Refusal(status, {
    name,
    message: 'The requested action could not be performed.',
    debug_id: 'f0a1b2c3d4e5',
    details: issue === undefined ? [] : [{ issue, description: `Because: ${issue}`, field }],
    links: [],
  });
}

/** A rule of a business that is not met. */
export const unprocessable = (issue: string): Refusal => refuse(422, 'UNPROCESSABLE_ENTITY', issue);

export const link = (rel: string, path: string): object => ({
  rel,
  href: `${API}${path}`,
  method: 'GET',
});

/** The page on which the customer approves. */
export const page = (rel: string, path: string): object => ({ rel, href: `${SITE}${path}` });

/** Takes the money of an order; what comes of it is the test's choice. */
export function captureOrder(state: State, order: PayPalObject): void {
  const outcome = state.nextCapture;
  state.nextCapture = 'COMPLETED';
  if (outcome === 'INSTRUMENT_DECLINED') throw unprocessable('INSTRUMENT_DECLINED');
  const [unit] = order['purchase_units'];
  const up = link('up', `/v2/checkout/orders/${order['id']}`);
  const capture = makeCapture(state, { unit, order: order['id'], up, status: outcome });
  unit.payments = { captures: [capture] };
  order['status'] = 'COMPLETED';
}

/** A capture of an order's purchase unit. */
export function makeCapture(
  state: State,
  about: {
    readonly unit: PayPalObject;
    readonly order: string;
    readonly up: object;
    readonly status: string;
    readonly amount?: Amount;
  },
): PayPalObject {
  const id = newId();
  const amount: Amount = about.amount ?? about.unit['amount'];
  const capture = {
    id,
    status: about.status,
    amount,
    final_capture: true,
    custom_id: about.unit['custom_id'],
    ...(about.status === 'COMPLETED'
      ? {
          seller_receivable_breakdown: {
            gross_amount: amount,
            paypal_fee: { currency_code: amount.currency_code, value: '1' },
          },
        }
      : {}),
    supplementary_data: { related_ids: { order_id: about.order } },
    links: [link('self', `/v2/payments/captures/${id}`), about.up],
  };
  state.captures.set(id, capture);
  return capture;
}

/** Holds the money of an order. */
export function authorizeOrder(state: State, order: PayPalObject): void {
  const [unit] = order['purchase_units'];
  const id = newId();
  const authorization = {
    id,
    status: 'CREATED',
    amount: unit.amount,
    custom_id: unit.custom_id,
    supplementary_data: { related_ids: { order_id: order['id'] } },
    links: [link('self', `/v2/payments/authorizations/${id}`)],
  };
  state.authorizations.set(id, authorization);
  unit.payments = { authorizations: [authorization] };
  order['status'] = 'COMPLETED';
}
