// A receiver of Standard Webhooks on loopback: checks signatures with Node's own crypto, and answers as told.
// @see https://www.standardwebhooks.com (specification 1.0.0)

import { createHmac, timingSafeEqual } from 'node:crypto';

import { startVendor } from '../contract/vendor.ts';
import type { Vendor, VendorRequest } from '../contract/vendor.ts';
import { noteJudged } from './oracle.ts';

export const SECRET_BYTES = Buffer.from('0123456789abcdef0123456789abcdef');
/** As an admin enters it */
export const SIGNING_SECRET = `whsec_${SECRET_BYTES.toString('base64')}`;

/** A running receiver; a request it cannot verify gets 401. */
export type Receiver = AsyncDisposable & {
  readonly vendor: Vendor;
  /** Verified messages, in order of arrival */
  readonly messages: readonly { readonly id: string; readonly body: any }[];
};

/** Starts it. @param keys Bytes of the keys it knows */
export async function startReceiver(keys: readonly Buffer[] = [SECRET_BYTES]): Promise<Receiver> {
  const messages: { id: string; body: any }[] = [];
  const vendor = await startVendor((request) => {
    noteJudged('others/webhook', 'Standard Webhooks 1.0.0');
    if (!keys.some((key) => isSigned(request, key))) return { status: 401, json: {} };
    messages.push({ id: request.headers['webhook-id'] ?? '', body: request.json });
    return { status: 200, json: { ok: true } };
  });
  return {
    vendor,
    messages,
    [Symbol.asyncDispose]: () => vendor[Symbol.asyncDispose](),
  };
}

function isSigned({ headers, body }: VendorRequest, key: Buffer): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': all } = headers;
  if (id === undefined || seconds === undefined || all === undefined) return false;
  if (Math.abs(Date.now() / 1_000 - Number(seconds)) > 300) return false;
  const wanted = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest();
  return all.split(' ').some((each) => {
    const [version, signature = ''] = each.split(',');
    const given = Buffer.from(signature, 'base64');
    return version === 'v1' && given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}
