// Webhooks that the host has their vendor check: PayPal over the bytes that came, Mollie by reading back;
// through the grants of the instance, with its sealed credentials, in the real sandbox.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';

import { manifestFor, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const TOKEN = 'A21AAF-access-token-canary';
const EXTENSION = `import { defineOther, isFailure, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ key: secret({ label: 'Key' }) }),
  async execute({ request, scheme }, ctx) {
    const { key } = ctx.config;
    const full = scheme.kind === 'mollie' ? { ...scheme, apiKey: key } : { ...scheme, accessToken: key };
    try {
      return await ctx.webhooks.verify(request, full);
    } catch (error) {
      if (isFailure(error)) return error.failure.code + ': ' + error.message;
      return [error.code, error.details?.status ?? error.details?.rule ?? null];
    }
  },
} as any);
`;
const HOSTS = ['api-m.paypal.com', 'api.mollie.com'];
const PAYPAL = { kind: 'paypal', environment: 'live', webhookId: 'WH1' };
// Bytes that no printer of JSON would give: they reach PayPal as they came.
const EVENT = '{"id":"WH-1",  "n":1.50,"é":"\\u0041","n":1.5}';

type Seen = { readonly at: string; readonly authorization: string | undefined; body: string };

describe('webhooks that their vendor checks', { timeout: 60_000 }, () => {
  let host: TestHost;
  let seen: Seen[] = [];
  let answer: readonly [status: number, body: string] = [200, '{}'];
  let deliveries = 0;
  const vendor = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const at = `${method} ${headers.host}${url}`;
      const { authorization } = headers;
      seen.push({ at, authorization, body: Buffer.concat(chunks).toString() });
      response.writeHead(answer[0], { 'content-type': 'application/json' }).end(answer[1]);
    });
  });
  before(async () => {
    vendor.listen(0, '127.0.0.1');
    await once(vendor, 'listening');
    const { port } = vendor.address() as AddressInfo;
    const files = (name: string, hosts: readonly string[]): Record<string, string> => {
      const capabilities = { webhook: true, ...(hosts.length > 0 && { fetch: { hosts } }) };
      const secrets = { key: { hosts, in: ['header'] } };
      const manifest = JSON.stringify(manifestFor(name, { capabilities, secrets }));
      return { 'extension.ts': EXTENSION, 'manifest.json': manifest };
    };
    host = await startTestHost(
      {
        'others/hooks': files('others/hooks', HOSTS),
        'others/mute': files('others/mute', []),
      },
      {
        egress: {
          resolve: async () => ['93.184.215.14'],
          detour: () => ({ address: '127.0.0.1', port, plain: true }),
        },
      },
    );
    for (const name of ['others/hooks', 'others/mute']) await host.enable(name, { key: TOKEN });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    vendor.closeAllConnections();
    vendor.close();
  });
  beforeEach(() => {
    seen = [];
    answer = [200, '{"verification_status":"SUCCESS"}'];
  });

  async function check(scheme: object, more: object = {}, name = 'others/hooks'): Promise<any> {
    deliveries += 1;
    const receivedAt = new Date().toISOString();
    const request = {
      ...{ id: `dlv_${deliveries}`, headers: signed(deliveries), body: EVENT },
      ...{ bodyEncoding: 'utf8', receivedAt, ...more },
    };
    const { body } = await host.call(name, 'execute', { request, scheme });
    return body.result ?? body;
  }

  it('believes what PayPal does, asked over the very bytes with the sealed token', async () => {
    assert.deepEqual(await check(PAYPAL), { replayed: false });
    assert.equal(seen.length, 1);
    const [{ at, authorization, body } = { at: '', authorization: '', body: '' }] = seen;
    assert.equal(at, 'POST api-m.paypal.com/v1/notifications/verify-webhook-signature');
    assert.equal(authorization, `Bearer ${TOKEN}`);
    assert.ok(body.endsWith(`,"webhook_event":${EVENT}}`), body);
    const { webhook_event: _event, ...fields } = JSON.parse(body);
    assert.deepEqual(Object.keys(fields).toSorted(), [
      'auth_algo',
      'cert_url',
      'transmission_id',
      'transmission_sig',
      'transmission_time',
      'webhook_id',
    ]);
    assert.equal(fields.webhook_id, 'WH1');
  });

  it('believes nothing that PayPal does not, or has no words for', async () => {
    for (const said of [
      [200, '{"verification_status":"FAILURE"}'],
      [200, '{}'],
      [200, 'SUCCESS'],
      [422, '{"name":"UNPROCESSABLE_ENTITY"}'],
      [400, '{}'],
    ] as const) {
      answer = said;
      assert.match(await check(PAYPAL), /^unauthorized: /, said.join(' '));
    }
    assert.equal(seen.length, 5);
  });

  it('says when the token is refused or PayPal is away: that is no word on the delivery', async () => {
    for (const status of [401, 429, 503]) {
      answer = [status, '<html>'];
      assert.deepEqual(await check(PAYPAL), ['REMOTE_UNREACHABLE', status]);
    }
  });

  for (const [what, more] of Object.entries({
    'names another webhook behind its end': { body: '{"id":1},"webhook_id":"WH2","x":{}' },
    'is no object': { body: '[1]' },
    'is no JSON': { body: '{"id":' },
    'is no text': { body: btoa('{"\xff":1}'), bodyEncoding: 'base64' },
    'holds a stand-in': { body: JSON.stringify({ a: `sealed:${'A'.repeat(22)}` }) },
  })) {
    it(`asks nobody about a body that ${what}`, async () => {
      assert.match(await check(PAYPAL, more), /^unauthorized: Cannot verify a webhook: its body /);
      assert.deepEqual(seen, []);
    });
  }

  for (const [header, value] of [
    ['paypal-cert-url', 'https://api.paypal.com.evil.example/c'],
    ['paypal-cert-url', 'https://api.paypal.com@evil.example/c'],
    ['paypal-auth-algo', 'none"'],
    ['paypal-transmission-time', 'now'],
    ['paypal-transmission-sig', ''],
  ] as const) {
    it(`asks nobody about the header ${header}: "${value}"`, async () => {
      const headers = { ...signed(0), [header]: value };
      assert.match(await check(PAYPAL, { headers }), /^unauthorized: .*missing or malformed/);
      assert.deepEqual(seen, []);
    });
  }

  it('tells a repeat from a redelivery of the host, and refuses what is too old', async () => {
    const headers = signed(99);
    assert.deepEqual(await check(PAYPAL, { headers, id: 'a' }), { replayed: false });
    assert.deepEqual(await check(PAYPAL, { headers, id: 'b' }), { replayed: true });
    assert.deepEqual(await check(PAYPAL, { headers, id: 'a' }), { replayed: false });
    const hour = 3_600_000;
    const received = (ago: number): object => ({
      receivedAt: new Date(Date.now() - ago).toISOString(),
    });
    const strict = { ...PAYPAL, toleranceMs: hour };
    assert.deepEqual(await check(strict, received(hour - 60_000)), { replayed: false });
    assert.match(await check(strict, received(hour + 60_000)), /^unauthorized: .*too old/);
  });

  it('reads back the payment that Mollie names, and looks at nothing else of the body', async () => {
    answer = [200, '{"id":"tr_7Uh","status":"paid"}'];
    const body = 'id=tr_7Uh&status=failed';
    assert.deepEqual(await check({ kind: 'mollie' }, { body, headers: {} }), {
      replayed: false,
      resource: { id: 'tr_7Uh', status: 'paid' },
    });
    const at = 'GET api.mollie.com/v2/payments/tr_7Uh?embed=refunds%2Cchargebacks';
    assert.deepEqual(seen, [{ at, authorization: `Bearer ${TOKEN}`, body: '' }]);
    answer = [404, '{"title":"Not Found"}'];
    const unknown = await check({ kind: 'mollie' }, { body, headers: {} });
    assert.deepEqual(unknown, { replayed: false, resource: null });
    answer = [401, '{}'];
    const refused = await check({ kind: 'mollie' }, { body, headers: {} });
    assert.deepEqual(refused, ['REMOTE_UNREACHABLE', 401]);
  });

  for (const body of [
    '',
    'id=',
    'id=tr_1/../customers',
    'id=tr_1%2F..',
    'id=cst_1',
    'id=tr_1&id=tr_2',
    `id=tr_${'1'.repeat(61)}`,
    `id=tr_1${'&'.repeat(200)}`,
  ]) {
    it(`asks Mollie nothing about "${body.slice(0, 30)}"`, async () => {
      assert.match(await check({ kind: 'mollie' }, { body }), /^unauthorized: .*id of one payment/);
      assert.deepEqual(seen, []);
    });
  }

  it('asks nobody for an instance that may fetch nothing, or not from there', async () => {
    assert.deepEqual(await check(PAYPAL, {}, 'others/mute'), ['CALLER_GRANT_NEEDED', null]);
    const sandbox = { ...PAYPAL, environment: 'sandbox' };
    assert.deepEqual(await check(sandbox), ['EGRESS_DENIED', 'host-not-granted']);
    assert.deepEqual(seen, []);
  });
});

/** The headers of a delivery that was sent just now. */
function signed(transmission: number): Record<string, string> {
  return {
    'paypal-auth-algo': 'SHA256withRSA',
    'paypal-cert-url': 'https://api.paypal.com/v1/notifications/certs/CERT-1',
    'paypal-transmission-id': `t-${transmission}`,
    'paypal-transmission-sig': 'c2ln',
    'paypal-transmission-time': new Date().toISOString(),
  };
}
