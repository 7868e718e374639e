// PayPal on loopback: tokens, repeats by PayPal-Request-Id, its errors, signed events, and the customer.
// Signatures are an HMAC over the bytes of the event, so that one changed byte makes them wrong; PayPal's
// own use a certificate, but nobody but PayPal ever checks them here.

import { createHmac, randomUUID } from 'node:crypto';

import type { WebhookRequest } from 'cofferdam/sdk';

import { Refusal, startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { run } from './routes.ts';
import { loadPayPalCheck } from './spec.ts';
import { createState, newId, refuse } from './state.ts';
import type { PayPalObject, State } from './state.ts';

export const CLIENT_ID = 'AeA1QIZXiflr1_-bench';
export const CLIENT_SECRET = 'EC-secret-of-the-fake-0123456789';
const SIGNING_KEY = 'known to PayPal alone';

/** The running fake. */
export type FakePayPal = Vendor & {
  readonly state: State;
  /** Requests that PayPal's own description would refuse; always empty where that is absent. */
  readonly problems: readonly string[];
  /** The customer approves an order, a subscription or a setup token. */
  approve(id: string): PayPalObject;
  /** A subscription takes its next payment; returns it as its event carries it. */
  renew(id: string): PayPalObject;
  openDispute(captureId: string, values?: object): PayPalObject;
  /** An event as PayPal sends it, signed for a webhook. */
  event(type: string, resource: object, webhookId: string): WebhookRequest;
  /** All access tokens end, as when the secret is renewed. */
  revokeTokens(): void;
};

/** Where the descriptions are absent the rules of routes.ts hold. */
function checkNothing(): readonly string[] {
  noteJudged('gateways/paypal', DOCUMENTATION);
  return [];
}

/** Starts the fake on a free loopback port. */
export async function startFakePayPal(): Promise<FakePayPal> {
  const state = createState();
  const problems: string[] = [];
  const check = loadPayPalCheck() ?? checkNothing;

  const handle = (request: VendorRequest): VendorReply => {
    problems.push(...check(request));
    if (request.path === '/v1/oauth2/token') return giveToken(state, request);
    const token = request.headers['authorization']?.replace(/^Bearer /, '') ?? '';
    if (!state.tokens.has(token)) {
      throw new Refusal(401, {
        error: 'invalid_token',
        error_description: 'Token signature verification failed',
      });
    }
    if (request.path === '/v1/notifications/verify-webhook-signature') return verify(request);
    return repeat(state, request);
  };
  const vendor = await startVendor(handle);
  return {
    ...vendor,
    [Symbol.asyncDispose]: () => vendor[Symbol.asyncDispose](),
    state,
    problems,
    approve: (id) => approve(state, id),
    renew: (id) => renew(state, id),
    openDispute: (captureId, values = {}) => openDispute(state, captureId, values),
    event: (type, resource, webhookId) => sign(type, resource, webhookId),
    revokeTokens: () => state.tokens.clear(),
  };
}

/** The same body answered again under the same PayPal-Request-Id; failures of ours are not kept. */
function repeat(state: State, request: VendorRequest): VendorReply {
  const key = request.headers['paypal-request-id'];
  const needsKey = request.path.startsWith('/v3/vault/') && request.method === 'POST';
  if (needsKey && key === undefined) throw refuse(400, 'INVALID_REQUEST', 'MISSING_REQUEST_ID');
  if (request.method !== 'POST' || key === undefined) return run(state, request);
  if (key.length > 108) throw refuse(400, 'INVALID_REQUEST', 'INVALID_STRING_LENGTH');
  const asked = `${request.path} ${request.body}`;
  const before = state.replies.get(key);
  if (before !== undefined) {
    if (before.asked !== asked) throw refuse(422, 'UNPROCESSABLE_ENTITY', 'DUPLICATE_REQUEST_ID');
    return { status: 200, json: before.json };
  }
  const { status, json } = run(state, request);
  const kept = structuredClone(json);
  state.replies.set(key, { asked, status, json: kept });
  return { status, ...(json === undefined ? {} : { json }) };
}

function giveToken(state: State, { headers, body }: VendorRequest): VendorReply {
  const basic = Buffer.from(headers['authorization']?.replace(/^Basic /, '') ?? '', 'base64');
  if (basic.toString() !== `${CLIENT_ID}:${CLIENT_SECRET}`) {
    throw new Refusal(401, {
      error: 'invalid_client',
      error_description: 'Client Authentication failed',
    });
  }
  if (body !== 'grant_type=client_credentials')
    throw new Refusal(400, { error: 'invalid_request' });
  const token = `A21AA-${newId()}`;
  state.tokens.add(token);
  const json = { scope: 'https://uri.paypal.com/services/payments', access_token: token };
  return { status: 200, json: { ...json, token_type: 'Bearer', expires_in: 32_400 } };
}

function verify({ body, json }: VendorRequest): VendorReply {
  const mark = '"webhook_event":';
  const raw = body.slice(body.indexOf(mark) + mark.length, body.lastIndexOf('}'));
  const { transmission_id: id, transmission_time: time, transmission_sig, webhook_id } = json;
  if (!json.cert_url.startsWith('https://api.sandbox.paypal.com/')) {
    throw refuse(400, 'VALIDATION_ERROR', 'INVALID_CERT_URL');
  }
  const right = digest(`${id}|${time}|${webhook_id}|${raw}`) === transmission_sig;
  return { status: 200, json: { verification_status: right ? 'SUCCESS' : 'FAILURE' } };
}

function sign(type: string, resource: object, webhookId: string): WebhookRequest {
  // Spaces and an escape that no JSON printer makes: PayPal's bytes are not those of `JSON.stringify`.
  const event = { id: `WH-${newId()}`, event_version: '1.0', event_type: type, resource };
  const body = JSON.stringify(event, null, 1).replace(
    '"event_type"',
    '"summary": "\\u0041",\n "event_type"',
  );
  const id = randomUUID();
  const time = new Date().toISOString();
  return {
    id: randomUUID(),
    method: 'POST',
    url: 'https://panel.example/hooks/gateways/paypal/default',
    headers: {
      'content-type': 'application/json',
      'paypal-auth-algo': 'SHA256withRSA',
      'paypal-cert-url':
        'https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594',
      'paypal-transmission-id': id,
      'paypal-transmission-time': time,
      'paypal-transmission-sig': digest(`${id}|${time}|${webhookId}|${body}`),
    },
    body,
    bodyEncoding: 'utf8',
    receivedAt: time,
  };
}

function digest(text: string): string {
  return createHmac('sha256', SIGNING_KEY).update(text).digest('hex');
}

function approve(state: State, id: string): PayPalObject {
  const order = state.orders.get(id) ?? state.setups.get(id);
  if (order !== undefined) return Object.assign(order, { status: 'APPROVED' });
  const subscription = state.subscriptions.get(id);
  if (subscription === undefined) throw new TypeError(`The fake has nothing to approve as "${id}"`);
  subscription['status'] = 'ACTIVE';
  renew(state, id);
  return subscription;
}

function renew(state: State, id: string): PayPalObject {
  const subscription = state.subscriptions.get(id);
  const plan = state.plans.get(subscription?.['plan_id']);
  const gross = plan?.['billing_cycles'][0].pricing_scheme.fixed_price;
  const payments = state.payments.get(id) ?? [];
  const time = new Date(Date.now() + payments.length * 86_400_000).toISOString();
  const payment = {
    id: newId(),
    status: 'COMPLETED',
    time,
    amount_with_breakdown: { gross_amount: gross, fee_amount: { ...gross, value: '1' } },
  };
  payments.push(payment);
  const amount = { total: gross.value, currency: gross.currency_code };
  state.captures.set(payment.id, { id: payment.id, status: 'COMPLETED', amount: gross, links: [] });
  return { id: payment.id, state: 'completed', amount, billing_agreement_id: id };
}

function openDispute(state: State, captureId: string, values: object): PayPalObject {
  const capture = state.captures.get(captureId) ?? {};
  const dispute = {
    dispute_id: `PP-D-${Math.trunc(Math.random() * 1e6)}`,
    status: 'OPEN',
    dispute_life_cycle_stage: 'CHARGEBACK',
    dispute_amount: capture['amount'],
    disputed_transactions: [{ seller_transaction_id: captureId, custom: capture['custom_id'] }],
    ...values,
  };
  state.disputes.set(dispute.dispute_id, dispute);
  return dispute;
}
