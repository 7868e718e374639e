// Stripe on loopback: checks keys, decodes forms, replays idempotent requests, reports errors in Stripe's
// shape, and lets a test play the customer, the bank and Stripe's webhook sender.

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { WebhookRequest } from 'cofferdam/sdk';
import Stripe from 'stripe';

import { decodeForm } from './form.ts';
import * as make from './objects.ts';
import type { Params, StripeObject } from './objects.ts';
import { payIntent, run } from './routes.ts';
import { find, Refusal } from './rules.ts';
import type { Objects } from './rules.ts';
import { hidden } from './sessions.ts';

/** The key that the fake knows, and one without the permission to read the balance. */
export const SECRET_KEY = 'sk_test_fakeKey00000000000000000000';
export const NARROW_KEY = 'rk_test_fakeKey00000000000000000000';

/** One request as the fake got it. */
export type StripeRequest = {
  readonly method: string;
  readonly path: string;
  readonly params: Params;
  readonly headers: Readonly<Record<string, string>>;
};

type Answer = {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Record<string, string>;
};

/** How a customer ends a checkout page. */
export type CheckoutOutcome = 'paid' | 'unpaid' | 'authorised';

/** The running fake. */
export type FakeStripe = AsyncDisposable & {
  /** `http://127.0.0.1:<port>`, to map `https://api.stripe.com` to */
  readonly origin: string;
  readonly requests: readonly StripeRequest[];
  readonly objects: Objects;
  /** Requests that the check refused; the fake answered them all the same. */
  readonly problems: readonly string[];
  /** Objects of one kind, oldest first. */
  all(kind: string): StripeObject[];
  /** Puts an object there, such as a dispute that a bank opened. */
  add(object: StripeObject): StripeObject;
  /** Answers the next request with this, before anything runs. */
  answerNext(answer: Answer): void;
  /** Runs the next request and then loses the reply, as a broken connection does. */
  loseNextReply(): void;
  /** Runs before the next request is answered, to let something happen in between. */
  beforeNext(act: () => void): void;
  /** The customer finishes the page; returns the session as the event would carry it. */
  completeCheckout(id: string, outcome?: CheckoutOutcome): StripeObject;
  /** The customer's card is refused; the page stays open. Returns the intent, as its event carries it. */
  declineCheckout(id: string): StripeObject;
  /** A bank takes the payment of an intent back; a later status changes the same dispute. */
  dispute(intentId: string, status?: string): StripeObject;
  /** A subscription renews: the paid invoice, as `invoice.paid` would carry it. */
  renewSubscription(id: string, amount: number, currency: string): StripeObject;
  object(kind: string, id: unknown): StripeObject;
};

/** Starts the fake on a free loopback port. */
export async function startFakeStripe(
  options: { readonly check?: (request: StripeRequest) => readonly string[] } = {},
): Promise<FakeStripe> {
  const problems: string[] = [];
  const objects: Objects = new Map();
  const requests: StripeRequest[] = [];
  const queued: (Answer | 'lose' | (() => void))[] = [];
  const replays = new Map<string, { readonly asked: string; readonly answer: Answer }>();

  const handle = async (request: IncomingMessage): Promise<Answer | 'lose'> => {
    const url = new URL(request.url ?? '/', 'http://stripe.invalid');
    const text = await readBody(request);
    const method = request.method ?? '';
    const params = decodeForm(method === 'POST' ? text : url.search);
    // Node joins repeated headers for all names that matter here.
    const headers = request.headers as Record<string, string>;
    const seen = { method, path: url.pathname, params, headers };
    requests.push(seen);
    problems.push(...(options.check?.(seen) ?? []));

    const key = method === 'POST' ? headers['idempotency-key'] : undefined;
    const asked = `${url.pathname} ${text}`;
    const before = key === undefined ? undefined : replays.get(key);
    if (before !== undefined) {
      if (before.asked !== asked) return { status: 400, body: { error: KEY_REUSED } };
      return { ...before.answer, headers: { 'idempotent-replayed': 'true' } };
    }
    const next = queued.shift();
    if (typeof next === 'object') return next;
    if (typeof next === 'function') next();
    const { answer, kept } = answerOf(() => {
      checkKey(headers['authorization'] ?? '', url.pathname);
      if (method === 'POST') checkEncoding(headers['content-type'] ?? '', text);
      return run(objects, method, url.pathname, params);
    });
    if (key !== undefined && kept) replays.set(key, { asked, answer });
    return next === 'lose' ? 'lose' : answer;
  };

  const server = createServer((request, response) => {
    handle(request).then(
      (answer) => write(response, answer, requests.length),
      (failure: unknown) => write(response, { status: 599, text: String(failure) }, 0),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // `address()` of a listening TCP server is never a string or null.
  const { port } = server.address() as AddressInfo;
  const find1 = (kind: string, id: unknown): StripeObject => find(objects, kind, String(id));
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    objects,
    problems,
    add: (object) => put(objects, object),
    all: (kind) => [...objects.values()].filter(({ object }) => object === kind),
    object: find1,
    answerNext: (answer) => void queued.push(answer),
    loseNextReply: () => void queued.push('lose'),
    beforeNext: (act) => void queued.push(act),
    completeCheckout: (id, outcome = 'paid') =>
      completeCheckout(objects, find1('checkout.session', id), outcome),
    declineCheckout(id) {
      const session = find1('checkout.session', id);
      const intent = intentOf(objects, session);
      const error = {
        type: 'card_error',
        code: 'card_declined',
        message: 'Your card was declined.',
      };
      return Object.assign(intent, { last_payment_error: error });
    },
    dispute(intentId, status = 'needs_response') {
      const charge = find1('charge', find1('payment_intent', intentId)['latest_charge']);
      const open = [...objects.values()].find(
        (each) => each.object === 'dispute' && each['charge'] === charge.id,
      );
      charge['disputed'] = true;
      return Object.assign(open ?? put(objects, make.makeDispute(charge, status)), { status });
    },
    renewSubscription: (id, amount, currency) =>
      addInvoice(objects, find1('subscription', id), {
        amount,
        currency,
        reason: 'subscription_cycle',
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An event as Stripe sends it, signed with the official SDK. */
export async function signEvent(
  event: { readonly type: string; readonly object: unknown; readonly id?: string },
  how: { readonly secret: string; readonly signedAt?: number; readonly receivedAt?: number },
): Promise<WebhookRequest> {
  const payload = JSON.stringify({
    id: event.id ?? make.newId('evt'),
    object: 'event',
    api_version: Stripe.API_VERSION,
    created: make.nowSeconds(),
    data: { object: event.object },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: event.type,
  });
  const signedAt = how.signedAt ?? Date.now();
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload,
    secret: how.secret,
    timestamp: Math.floor(signedAt / 1_000),
  });
  return webhookRequest(payload, signature, how.receivedAt ?? signedAt);
}

/** A delivery as the host hands it to `webhook`. */
export function webhookRequest(
  payload: string,
  signature: string | undefined,
  receivedAt: number,
): WebhookRequest {
  return {
    id: crypto.randomUUID(),
    method: 'POST',
    url: 'https://panel.example/hooks/gateways/stripe/default',
    headers: {
      'content-type': 'application/json; charset=utf-8',
      ...(signature === undefined ? {} : { 'stripe-signature': signature }),
    },
    body: payload,
    bodyEncoding: 'utf8',
    receivedAt: new Date(receivedAt).toISOString(),
  };
}

function put(objects: Objects, object: StripeObject): StripeObject {
  objects.set(object.id, object);
  return object;
}

function completeCheckout(
  objects: Objects,
  session: StripeObject,
  outcome: CheckoutOutcome,
): StripeObject {
  const params = hidden.get(session.id) ?? {};
  session['status'] = 'complete';
  session['url'] = null;
  if (session['mode'] === 'setup') {
    const customer = session['customer'] ?? null;
    const method = put(objects, make.makePaymentMethod(make.newId('pm'), String(customer)));
    const setup = find(objects, 'setup_intent', String(session['setup_intent']));
    Object.assign(setup, { status: 'succeeded', payment_method: method.id });
    return session;
  }
  const amount = Number(session['amount_total']);
  const currency = String(session['currency']);
  if (session['mode'] === 'subscription') {
    const { metadata = {} } = (params['subscription_data'] ?? {}) as { metadata?: object };
    const subscription = put(objects, make.makeSubscription(session, metadata));
    const reason = 'subscription_create';
    const invoice = addInvoice(objects, subscription, { amount, currency, reason });
    const done = { subscription: subscription.id, invoice: invoice.id, payment_status: 'paid' };
    return Object.assign(session, done);
  }
  const intent = intentOf(objects, session);
  intent['last_payment_error'] = null;
  if (outcome === 'unpaid') intent['status'] = 'processing';
  else payIntent(objects, intent);
  if (outcome === 'paid') session['payment_status'] = 'paid';
  return session;
}

/** The intent behind a page, which the first try makes and every later one goes on with. */
function intentOf(objects: Objects, session: StripeObject): StripeObject {
  const known = session['payment_intent'];
  if (typeof known === 'string') return find(objects, 'payment_intent', known);
  const { payment_intent_data: data = {} } = hidden.get(session.id) ?? {};
  const intent = make.makeIntent({
    ...(data as Record<string, unknown>),
    amount: Number(session['amount_total']),
    currency: String(session['currency']),
    customer: session['customer'] ?? null,
  });
  session['payment_intent'] = intent.id;
  return put(objects, intent);
}

function addInvoice(
  objects: Objects,
  subscription: StripeObject,
  values: { readonly amount: number; readonly currency: string; readonly reason: string },
): StripeObject {
  const invoice = put(objects, make.makeInvoice(subscription, values));
  const intent = put(objects, make.makeIntent(values));
  payIntent(objects, intent);
  put(objects, make.makeInvoicePayment(invoice, intent));
  return invoice;
}

const KEY_REUSED = {
  type: 'idempotency_error',
  message:
    'Keys for idempotent requests can only be used with the same parameters they were first used with.',
};

function checkKey(authorization: string, path: string): void {
  const key = authorization.replace(/^Bearer /, '');
  const type = 'invalid_request_error';
  if (key === NARROW_KEY) {
    if (path === '/v1/payment_intents') return;
    const message = `The provided key '${NARROW_KEY.slice(0, 8)}*****' does not have the required permissions for this endpoint on account 'acct_fake'.`;
    throw new Refusal(403, { type, message }, false);
  }
  if (key !== SECRET_KEY) {
    const message = `Invalid API Key provided: ${key.slice(0, 8)}*****`;
    throw new Refusal(401, { type, message }, false);
  }
}

function checkEncoding(type: string, text: string): void {
  if (text === '' || type.startsWith('application/x-www-form-urlencoded')) return;
  throw new Refusal(400, { type: 'invalid_request_error', message: 'Send form fields.' }, false);
}

function answerOf(act: () => unknown): { readonly answer: Answer; readonly kept: boolean } {
  try {
    return { answer: { status: 200, body: act() }, kept: true };
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    const { status, error, kept } = failure;
    return { answer: { status, body: { error } }, kept };
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function write(response: ServerResponse, answer: Answer | 'lose', count: number): void {
  if (answer === 'lose') {
    response.destroy();
    return;
  }
  const { status, body, text, headers = {} } = answer;
  response.writeHead(status, {
    'content-type': text === undefined ? 'application/json' : 'text/html',
    'request-id': `req_fake${count}`,
    ...headers,
  });
  response.end(text ?? JSON.stringify(body));
}
