// Vendors' own SDKs, unmodified, inside the sandbox: each makes a real request, through the host, to a
// server on loopback, and reads its answer. They are installed apart from this project's dependencies.

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';
import { startVendors } from './vendors.ts';
import type { Answers, Seen } from './vendors.ts';

const ROOT = join(import.meta.dirname, '../../fixtures/sdks');
const TOKEN = 'tk_live_0123456789abcdef';
const SECRET_KEY = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

/** What each vendor's documentation shows as its answer. */
const ANSWERS: Answers = {
  'POST api.stripe.com/v1/customers': ({ body }) => {
    const form = new URLSearchParams(body);
    return { json: { id: 'cus_7', object: 'customer', email: form.get('email') } };
  },
  'POST api-m.sandbox.paypal.com/v1/oauth2/token': () => ({
    json: { access_token: 'A21', token_type: 'Bearer', expires_in: 32_400 },
  }),
  'POST api-m.sandbox.paypal.com/v2/checkout/orders': () => ({
    status: 201,
    json: { id: '5O190127TN364715T', status: 'CREATED', links: [] },
  }),
  'POST api.mollie.com/v2/payments': ({ body }) => ({
    status: 201,
    headers: { 'content-type': 'application/hal+json' },
    json: molliePayment(body),
  }),
  'POST discord.com/api/v10/channels/42/messages': ({ body }) => ({
    json: { id: '1', channel_id: '42', ...(JSON.parse(body) as object) },
  }),
  'GET api.github.com/repos/octocat/hello%20world': () => ({
    json: { id: 1, full_name: 'octocat/hello world' },
  }),
  'GET db.example.com/rest/v1/invoices': () => ({
    status: 206,
    headers: { 'content-range': '0-1/5' },
    json: [
      { id: 1, total: 10 },
      { id: 2, total: 20 },
    ],
  }),
  'PUT files.s3.eu-central-1.amazonaws.com/a%20b.txt': (seen) =>
    signatureOf(seen) === /Signature=([0-9a-f]+)$/.exec(seen.headers.authorization ?? '')?.[1]
      ? { headers: { etag: '"5d41402abc4b2a76b9719d911017c592"' }, text: '' }
      : { status: 403, text: 'SignatureDoesNotMatch' },
  'GET api.notion.com/v1/pages/b55c9c91384d452b81dbd1ef79372b75': () => ({
    json: { object: 'page', id: 'b55c9c91-384d-452b-81db-d1ef79372b75', properties: {} },
  }),
  'POST api.resend.com/emails': () => ({ json: { id: '49a3999c-0ce1-4ea6-ab68-afcd6dc2e794' } }),
  'POST api.openai.com/v1/chat/completions': () => ({
    headers: { 'content-type': 'text/event-stream' },
    text: [...['Hel', 'lo'].map(chatChunk), 'data: [DONE]\n\n'].join(''),
  }),
};

/** What each extension must return, and what of its last request shows that the SDK did it. */
const CASES: Readonly<Record<string, { result: unknown; sent: (seen: Seen) => unknown[] }>> = {
  stripe: {
    result: { id: 'cus_7', email: 'ada@example.com' },
    sent: ({ headers, body }) => {
      assert.equal(headers.authorization, `Bearer ${TOKEN}`);
      assert.equal(headers['idempotency-key'], 'once-7');
      return [body];
    },
  },
  paypal: {
    result: { id: '5O190127TN364715T', status: 'CREATED' },
    sent: ({ headers, body }) => [
      headers.authorization,
      headers['prefer'],
      JSON.parse(body).intent,
    ],
  },
  mollie: {
    result: { id: 'tr_7', status: 'open' },
    sent: ({ headers, body }) => [headers.authorization, JSON.parse(body).amount],
  },
  discord: {
    result: { id: '1', content: 'Invoice paid' },
    sent: ({ headers }) => [headers.authorization],
  },
  octokit: {
    result: { status: 200, name: 'octocat/hello world' },
    sent: ({ headers }) => [headers.authorization],
  },
  postgrest: {
    result: {
      data: [
        { id: 1, total: 10 },
        { id: 2, total: 20 },
      ],
      error: null,
      count: 5,
    },
    sent: ({ headers, path }) => [headers['apikey'], path],
  },
  aws: {
    result: { status: 200, etag: '"5d41402abc4b2a76b9719d911017c592"' },
    sent: ({ body }) => [body],
  },
  notion: {
    result: { id: 'b55c9c91-384d-452b-81db-d1ef79372b75', object: 'page' },
    sent: ({ headers }) => [headers.authorization],
  },
  resend: {
    result: { id: '49a3999c-0ce1-4ea6-ab68-afcd6dc2e794', error: null },
    sent: ({ headers, body }) => [headers.authorization, JSON.parse(body).to],
  },
  openai: {
    result: { words: ['Hel', 'lo'] },
    sent: ({ headers, body }) => [headers.authorization, JSON.parse(body).stream],
  },
};
const SENT: Readonly<Record<string, unknown[]>> = {
  stripe: ['email=ada%40example.com&metadata[panel]=7'],
  paypal: ['Bearer A21', 'return=minimal', 'CAPTURE'],
  mollie: [`Bearer ${TOKEN}`, { currency: 'EUR', value: '10.00' }],
  discord: [`Bot ${TOKEN}`],
  octokit: [`token ${TOKEN}`],
  postgrest: [TOKEN, '/rest/v1/invoices?select=id%2Ctotal&paid=eq.false&order=id.asc'],
  aws: ['hello'],
  notion: [`Bearer ${TOKEN}`],
  resend: [`Bearer ${TOKEN}`, ['ada@example.com']],
  openai: [`Bearer ${TOKEN}`, true],
};

describe('unmodified SDKs in the sandbox', { timeout: 120_000 }, () => {
  let host: TestHost;
  let vendors: Awaited<ReturnType<typeof startVendors>>;
  before(async () => {
    vendors = await startVendors(ANSWERS);
    host = await startTestHost(
      {},
      {
        settings: { COFFERDAM_EXTENSIONS: ROOT },
        egress: egressTo(vendors.port),
      },
    );
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await vendors[Symbol.asyncDispose]();
  });

  for (const [name, { result, sent }] of Object.entries(CASES)) {
    const folder = join(ROOT, 'others', name);
    const skip = existsSync(join(folder, 'node_modules'))
      ? false
      : `not installed: npm ci --prefix test/fixtures/sdks/others/${name}`;
    it(`works: ${name}`, { skip }, async () => {
      const more = name === 'aws' ? { secretKey: SECRET_KEY } : {};
      await host.enable(`others/${name}`, { token: TOKEN, ...more });
      const { body } = await host.call(`others/${name}`, 'execute', {});
      assert.deepEqual(body.result ?? body, result);
      const last = vendors.seen.at(-1);
      assert.ok(last);
      assert.deepEqual(sent(last), SENT[name]);
    });
  }
});

function chatChunk(content: string): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: null }];
  const chunk = {
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt-test',
    choices,
  };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** A payment as Mollie's reference of payments-api shows it. */
function molliePayment(body: string): object {
  const { amount, description, redirectUrl } = JSON.parse(body) as Record<string, unknown>;
  const link = (href: string): object => ({ href, type: 'application/hal+json' });
  return {
    resource: 'payment',
    id: 'tr_7',
    mode: 'live',
    createdAt: '2024-03-20T09:13:37+00:00',
    amount,
    description,
    method: null,
    metadata: null,
    status: 'open',
    isCancelable: false,
    expiresAt: '2024-03-20T09:28:37+00:00',
    profileId: 'pfl_QkEhN94Ba',
    sequenceType: 'oneoff',
    redirectUrl,
    _links: {
      self: link('https://api.mollie.com/v2/payments/tr_7'),
      checkout: { href: 'https://www.mollie.com/checkout/select/7', type: 'text/html' },
      dashboard: {
        href: 'https://www.mollie.com/dashboard/org_1/payments/tr_7',
        type: 'text/html',
      },
      documentation: { href: 'https://docs.mollie.com/reference/get-payment', type: 'text/html' },
    },
  };
}

/** Signature Version 4, from the request as it arrived. */
function signatureOf({ method, path, headers, body }: Seen): string {
  const [route = '', query = ''] = path.split('?');
  const { authorization = '', 'x-amz-date': at = '' } = headers as Record<string, string>;
  const [, scope = '', signed = ''] =
    /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+)/.exec(authorization) ?? [];
  const lines = signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const hash = String(headers['x-amz-content-sha256'] ?? sha256(body));
  const canonical = [method, route, query, lines.join(''), signed, hash].join('\n');
  const key = scope
    .split('/')
    .reduce<Buffer | string>((made, part) => hmac(made, part), `AWS4${SECRET_KEY}`);
  return hmac(key, ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n')).toString('hex');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
