// Mollie on loopback: keys, repeats by Idempotency-Key, its errors; and the customer, the bank, the webhook.

import { randomUUID } from 'node:crypto';

import type { WebhookRequest } from 'cofferdam/sdk';

import { startVendor } from '../../contract/vendor.ts';
import type { Vendor, VendorReply, VendorRequest } from '../../contract/vendor.ts';
import { createOpenApiCheck, readOpenApi } from '../openapi.ts';
import type { OpenApiCheck } from '../openapi.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { find, newId, refuse, run, show } from './routes.ts';
import type { MollieObject, State } from './routes.ts';

export const API_KEY = 'test_fakeKey0000000000000000000000';

/** The running fake. */
export type FakeMollie = Vendor & {
  readonly state: State;
  /** Requests that Mollie's own description would refuse; always empty where that is absent. */
  readonly problems: readonly string[];
  /** The customer ends the page; `manual` payments are authorised, first ones give a mandate. */
  pay(id: string): MollieObject;
  /** The payment ends otherwise. */
  end(id: string, status: 'failed' | 'canceled' | 'expired' | 'pending'): void;
  /** Mollie sends all refunds that wait. */
  sendRefunds(): void;
  /** The bank takes a payment back; `reverse` gives it again. */
  chargeback(id: string): MollieObject;
};

/** Starts the fake on a free loopback port. */
export async function startFakeMollie(): Promise<FakeMollie> {
  const state: State = {
    payments: new Map(),
    refunds: new Map(),
    chargebacks: new Map(),
    customers: new Map(),
    mandates: new Map(),
    replies: new Map(),
    nextCharge: 'paid',
    isCancelable: true,
  };
  const problems: string[] = [];
  const check = loadMollieCheck();
  const vendor = await startVendor((request) => {
    if (check === undefined) noteJudged('gateways/mollie', DOCUMENTATION);
    problems.push(...(check?.(request) ?? []));
    if (request.headers['authorization'] !== `Bearer ${API_KEY}`) {
      throw refuse(401, 'Missing authentication, or failed to authenticate');
    }
    return repeat(state, request);
  });
  return {
    ...vendor,
    [Symbol.asyncDispose]: () => vendor[Symbol.asyncDispose](),
    state,
    problems,
    pay: (id) => pay(state, id),
    end: (id, status) => void Object.assign(find(state.payments, id), { status }),
    sendRefunds() {
      for (const refund of state.refunds.values()) refund['status'] = 'refunded';
    },
    chargeback(id) {
      const { amount } = find(state.payments, id);
      const createdAt = new Date().toISOString();
      const made = { id: newId('chb'), paymentId: id, amount, createdAt, reversedAt: null };
      state.chargebacks.set(made.id, made);
      return made;
    },
  };
}

let check: OpenApiCheck | undefined;

/** Mollie's description as a check, read once; undefined where it is absent. */
export function loadMollieCheck(): OpenApiCheck | undefined {
  const document = check === undefined ? readOpenApi('mollie.yaml') : undefined;
  if (document !== undefined)
    check = createOpenApiCheck('gateways/mollie', { 'mollie.yaml': document });
  const known = check;
  if (known === undefined) return undefined;
  return (request) =>
    known(request).filter(
      // The description requires it of every payment; its text lets recurring ones leave it out.
      (problem) =>
        (request.json as { sequenceType?: string } | undefined)?.sequenceType !== 'recurring' ||
        !problem.endsWith("must have required property 'redirectUrl'"),
    );
}

/** A delivery as Mollie sends it: a form with one id, unsigned. */
export function webhookRequest(body: string, values: Partial<WebhookRequest> = {}): WebhookRequest {
  return {
    id: randomUUID(),
    method: 'POST',
    url: 'https://panel.example/hooks/gateways/mollie/default',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
    bodyEncoding: 'utf8',
    receivedAt: new Date().toISOString(),
    ...values,
  };
}

function repeat(state: State, request: VendorRequest): VendorReply {
  const key = request.method === 'POST' ? request.headers['idempotency-key'] : undefined;
  if (key === undefined) return run(state, request);
  const asked = `${request.path} ${request.body}`;
  const before = state.replies.get(key);
  if (before === undefined) {
    const reply = structuredClone(run(state, request));
    state.replies.set(key, { asked, reply });
    return reply;
  }
  if (before.asked !== asked) throw refuse(409, 'The key was used for another request');
  return before.reply;
}

function pay(state: State, id: string): MollieObject {
  const payment = find(state.payments, id);
  payment['status'] = payment['captureMode'] === 'manual' ? 'authorized' : 'paid';
  if (payment['sequenceType'] === 'first') {
    const mandate = {
      id: newId('mdt'),
      status: 'valid',
      method: 'creditcard',
      customerId: payment['customerId'],
      details: { cardLabel: 'Visa', cardNumber: 4242, cardExpiryDate: '2029-12-31' },
    };
    state.mandates.set(mandate.id, mandate);
    payment['mandateId'] = mandate.id;
  }
  return show(state, id, null);
}
