// PayPal's side of instant payment notifications on loopback: the page that a customer pays on, and the
// answer VERIFIED to exactly the bytes that were sent. Written from PayPal's IPN guide; there is no
// description of this API that a machine could check.

import { randomBytes, randomUUID } from 'node:crypto';

import type { WebhookRequest } from 'cofferdam/sdk';

import { startVendor } from '../../contract/vendor.ts';
import type { Vendor } from '../../contract/vendor.ts';
import { DOCUMENTATION, noteJudged } from '../oracle.ts';

export const EMAIL = 'shop@example.com';
export const MERCHANT_ID = 'ABCDEFGH23456';

/** The running fake. */
export type FakeIpn = Vendor & {
  /** A customer pays on the page; the fields of the notification may be changed. */
  pay(url: string, values?: Readonly<Record<string, string>>): WebhookRequest;
  /** Something happens to a payment later: `Refunded`, `Reversed`, `Canceled_Reversal`, … */
  follow(payment: WebhookRequest, values: Readonly<Record<string, string>>): WebhookRequest;
  /** Signs a body as PayPal's own. */
  send(body: string): WebhookRequest;
};

/** Starts the fake on a free loopback port. */
export async function startFakeIpn(): Promise<FakeIpn> {
  const sent = new Set<string>();
  const vendor = await startVendor(({ method, path, body, headers }) => {
    noteJudged('gateways/paypal-ipn', DOCUMENTATION);
    if (method !== 'POST' || path !== '/cgi-bin/webscr') return { status: 404, html: '<html>' };
    if (!headers['user-agent']?.includes('IPN')) return { status: 403, html: 'Access Denied' };
    const prefix = 'cmd=_notify-validate&';
    const known = body.startsWith(prefix) && sent.has(body.slice(prefix.length));
    return { status: 200, html: known ? 'VERIFIED' : 'INVALID' };
  });
  const send = (body: string): WebhookRequest => {
    sent.add(body);
    return deliveryOf(body);
  };
  return {
    ...vendor,
    [Symbol.asyncDispose]: () => vendor[Symbol.asyncDispose](),
    send,
    pay(url, values = {}) {
      const { searchParams: asked } = new URL(url);
      const get = (name: string): string => asked.get(name) ?? '';
      const fields = {
        mc_gross: get('amount'),
        protection_eligibility: 'Eligible',
        payer_id: 'LPLWNMTBWMFAY',
        payment_date: '20:12:59 Jan 13, 2026 PST',
        payment_status: 'Completed',
        charset: 'windows-1252',
        first_name: 'Zoë',
        mc_fee: '0.88',
        notify_version: '3.9',
        custom: get('custom'),
        business: get('business'),
        txn_id: newTransaction(),
        receiver_email: get('business'),
        receiver_id: MERCHANT_ID,
        txn_type: 'web_accept',
        item_name: get('item_name'),
        item_number: get('item_number'),
        mc_currency: get('currency_code'),
        ...values,
      };
      return send(encode(fields));
    },
    follow(payment, values) {
      const before = Object.fromEntries(new URLSearchParams(payment.body));
      const gross = `-${before['mc_gross']}`;
      const fields = {
        ...before,
        parent_txn_id: before['txn_id'] ?? '',
        txn_id: newTransaction(),
        mc_gross: gross,
        first_name: 'Zoë',
        ...values,
      };
      return send(encode(fields));
    },
  };
}

/** A delivery as PayPal makes it; not known to PayPal unless `send` made it. */
export function deliveryOf(body: string, values: Partial<WebhookRequest> = {}): WebhookRequest {
  return {
    id: randomUUID(),
    method: 'POST',
    url: 'https://panel.example/hooks/gateways/paypal-ipn/default',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
    bodyEncoding: 'utf8',
    receivedAt: new Date().toISOString(),
    ...values,
  };
}

function newTransaction(): string {
  return randomBytes(9).toString('hex').toUpperCase().slice(0, 17);
}

/** As PayPal encodes: windows-1252, `+` for a space, capital hex, dots and dashes as they are. */
function encode(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${encodeValue(value)}`)
    .join('&');
}

function encodeValue(value: string): string {
  return [...Buffer.from(value, 'latin1')]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      if (letter === ' ') return '+';
      if (/[A-Za-z0-9._-]/.test(letter)) return letter;
      return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
