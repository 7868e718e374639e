// Webhooks of vendors that are asked themselves whether one is theirs: PayPal checks its own signature over
// the bytes that came, Mollie names an id that is read back. Asked through the instance's own egress: its
// grants, its lock and its sealed token, and nothing else.

import { isUtf8 } from 'node:buffer';

import * as z from 'zod';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Capability, CallScope } from './capability.ts';
import { holdsStandIn } from './secrets.ts';

const credential = z.string().min(1).max(4_000);

/** How PayPal is asked. */
export const paypalScheme = z.object({
  kind: z.literal('paypal'),
  environment: z.enum(['live', 'sandbox']),
  webhookId: z.string().regex(/^[A-Za-z0-9]{1,50}$/),
  accessToken: credential,
  toleranceMs: z.int().min(1_000).max(LIMITS.webhookRetriedMs).default(LIMITS.webhookRetriedMs),
});

/** How Mollie is asked. */
export const mollieScheme = z.object({ kind: z.literal('mollie'), apiKey: credential });

type Delivery = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

/** Asks the vendor on behalf of a call. */
export type CallBack = { readonly fetch: Capability; readonly scope: CallScope };

/** What a vendor says of a delivery: why it is not its own, or what names it and when it was sent. */
export type Answered =
  | { readonly why: string }
  | {
      /** The same for a repeat; null where there is no telling */
      readonly mark: string | Buffer | null;
      readonly atMs: number | null;
      readonly resource?: unknown;
    };

const PAYPAL = {
  live: 'https://api-m.paypal.com',
  sandbox: 'https://api-m.sandbox.paypal.com',
} as const;
const PAYPAL_PATH = '/v1/notifications/verify-webhook-signature';
// What each header may hold: PayPal's own description of verify-webhook-signature, read 2026-11.
const PAYPAL_HEADERS = {
  auth_algo: ['paypal-auth-algo', /^[a-zA-Z0-9]{1,100}$/],
  cert_url: ['paypal-cert-url', /^https:\/\/(?:[a-z0-9-]+\.)*paypal\.com\/[\w./-]{1,400}$/],
  transmission_id: ['paypal-transmission-id', /^[\w-]{1,50}$/],
  transmission_sig: ['paypal-transmission-sig', /^[A-Za-z0-9+/=]{1,500}$/],
  transmission_time: [
    'paypal-transmission-time',
    /^\d{4}-\d\d-\d\dT[\d:.]{5,20}(?:Z|[+-]\d\d:\d\d)$/,
  ],
} as const;
/** Statuses by which PayPal refuses to look at a signature that makes no sense. */
const SENSELESS: ReadonlySet<number> = new Set([400, 422]);

/** Has PayPal check its signature. @see https://developer.paypal.com/api/rest/webhooks/rest/ */
export async function askPayPal(
  how: z.infer<typeof paypalScheme>,
  { headers, body }: Delivery,
  callBack: CallBack,
): Promise<Answered> {
  const fields: Record<string, string> = { webhook_id: how.webhookId };
  for (const [field, [header, pattern]] of Object.entries(PAYPAL_HEADERS)) {
    const value = headers[header] ?? '';
    if (!pattern.test(value)) return { why: `its header ${header} is missing or malformed` };
    fields[field] = value;
  }
  const text = body.toString('utf8');
  // A body that only looks like an event could close the object and name another webhook.
  if (!isUtf8(body) || !isObject(text)) return { why: 'its body is no JSON object' };
  // No vendor sends one; and what is sent must be what came.
  if (holdsStandIn(text)) return { why: 'its body holds a stand-in' };
  // Spliced in as it came: printing a parsed event again changes bytes, and with them the signature.
  const whole = Buffer.concat([
    Buffer.from(`${JSON.stringify(fields).slice(0, -1)},"webhook_event":`),
    body,
    Buffer.from('}'),
  ]);
  const { status, value } = await ask(callBack, {
    url: PAYPAL[how.environment] + PAYPAL_PATH,
    method: 'POST',
    headers: [
      ['authorization', `Bearer ${how.accessToken}`],
      ['content-type', 'application/json'],
    ],
    body: { base64: whole.toString('base64') },
  });
  if (SENSELESS.has(status)) return { why: 'PayPal does not know its signature' };
  assertAnswer('PayPal', status);
  const { verification_status: said } = Object(value) as { verification_status?: unknown };
  if (said !== 'SUCCESS') return { why: 'PayPal did not send it' };
  const { transmission_id: id = '', transmission_time: time = '' } = fields;
  return { mark: `${how.webhookId} ${id} ${time}`, atMs: Date.parse(time) };
}

/**
 * Reads back the payment that a delivery names. Mollie signs nothing and sends nothing but an id, so nothing
 * else of it is looked at. `resource` is null for an id that is nobody's.
 *
 * @see https://docs.mollie.com/reference/webhooks
 */
export async function askMollie(
  { apiKey }: z.infer<typeof mollieScheme>,
  { body }: Delivery,
  callBack: CallBack,
): Promise<Answered> {
  const [id = '', ...others] = new URLSearchParams(body.toString('latin1', 0, 201)).getAll('id');
  if (body.length > 200 || others.length > 0 || !/^tr_[A-Za-z0-9]{1,60}$/.test(id)) {
    return { why: 'its body is not the id of one payment' };
  }
  const { status, value } = await ask(callBack, {
    url: `https://api.mollie.com/v2/payments/${id}?embed=refunds%2Cchargebacks`,
    method: 'GET',
    headers: [['authorization', `Bearer ${apiKey}`]],
  });
  // The same for what is gone and for what never was: who asks must not be able to try ids out.
  if (status === 404 || status === 410) return { mark: null, atMs: null, resource: null };
  assertAnswer('Mollie', status);
  // The same id comes with each change of the payment: there is no telling a repeat.
  return { mark: null, atMs: null, resource: value };
}

async function ask(
  { fetch, scope }: CallBack,
  request: { readonly url: string; readonly method: string; readonly headers: string[][] } & {
    readonly body?: { readonly base64: string };
  },
): Promise<{ status: number; value: unknown }> {
  const payload = { ...request, redirect: 'error' };
  const reply = await fetch(payload, scope, () => nothing());
  // What fetch answers with; see fetch-reply.ts.
  const { status, body } = reply.value as { status: number; body?: { text?: string } | null };
  if (reply.body !== undefined) {
    await reply.body[Symbol.asyncIterator]().return?.();
    throw new HostError('REMOTE_PROTOCOL', 'The vendor answered a webhook check with too much');
  }
  return { status, value: parse(body?.text ?? '') };
}

/** @throws {HostError} With `details.status`: 401 says that another token is needed */
function assertAnswer(vendor: string, status: number): void {
  if (status >= 200 && status < 300) return;
  throw new HostError('REMOTE_UNREACHABLE', `${vendor} cannot check a webhook: status ${status}`, {
    remedy: 'Check the credentials, or wait: the delivery is tried again',
    details: { status },
  });
}

function isObject(text: string): boolean {
  const value = parse(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** undefined: it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // Nothing is uploaded.
}
