// The host's check of webhooks, as handlers use it in the real sandbox: every scheme, each way in which a
// delivery is not the vendor's, and one that is delivered twice.

import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { manifestFor, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const BODY = '{"id":"evt_1","é":"\\u0041"}';
const EXTENSION = `import { defineOther, isFailure, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ key: secret({ label: 'Key' }) }),
  async execute({ request, scheme }, ctx) {
    try {
      const full = scheme.kind === 'discord' || scheme.secret ? scheme : { ...scheme, secret: ctx.config.key };
      return await ctx.webhooks.verify(request, full);
    } catch (error) {
      return isFailure(error) ? error.failure.code + ': ' + error.message : error.code;
    }
  },
} as any);
`;
const now = (): number => Math.floor(Date.now() / 1_000);
const hmac = (data: string, key: string | Buffer = SECRET): Buffer =>
  createHmac('sha256', key).update(data).digest();
const pair = generateKeyPairSync('ed25519');
const publicKey = Buffer.from(String(pair.publicKey.export({ format: 'jwk' }).x), 'base64url');

type Headers = Record<string, string>;
const SCHEMES: Readonly<
  Record<string, { scheme: object; headers: (time: number, body: string) => Headers }>
> = {
  stripe: {
    scheme: { kind: 'stripe' },
    headers: (time, body) => {
      const right = hmac(`${time}.${body}`).toString('hex');
      return { 'stripe-signature': `t=${time},v1=${'0'.repeat(64)},v1=${right},v0=${right}` };
    },
  },
  standard: {
    scheme: { kind: 'standard' },
    headers: (time, body) => {
      const key = Buffer.from(SECRET.slice(6), 'base64');
      const right = hmac(`msg_1.${time}.${body}`, key).toString('base64');
      return {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(time),
        'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')} v1,${right}`,
      };
    },
  },
  discord: {
    scheme: { kind: 'discord', publicKey: publicKey.toString('hex') },
    headers: (time, body) => ({
      'x-signature-timestamp': String(time),
      'x-signature-ed25519': sign(null, Buffer.from(`${time}${body}`), pair.privateKey).toString(
        'hex',
      ),
    }),
  },
  hmac: {
    scheme: { kind: 'hmac', header: 'X-Hub-Signature-256', prefix: 'sha256=' },
    headers: (_time, body) => ({ 'x-hub-signature-256': `sha256=${hmac(body).toString('hex')}` }),
  },
};

describe('webhooks of an extension', { timeout: 60_000 }, () => {
  let host: TestHost;
  let deliveries = 0;
  const check = async (scheme: object, headers: Headers, more: object = {}): Promise<any> => {
    deliveries += 1;
    const request = { id: `dlv_${deliveries}`, headers, body: BODY, bodyEncoding: 'utf8', ...more };
    const { body } = await host.call('others/hooks', 'execute', { request, scheme });
    return body.result ?? body;
  };
  before(async () => {
    const manifest = manifestFor('others/hooks', { capabilities: { webhook: true } });
    const files = { 'extension.ts': EXTENSION, 'manifest.json': JSON.stringify(manifest) };
    const deaf = { ...files, 'manifest.json': JSON.stringify(manifestFor('others/deaf')) };
    host = await startTestHost({ 'others/hooks': files, 'others/deaf': deaf });
    await host.enable('others/hooks', { key: SECRET });
    await host.enable('others/deaf', { key: SECRET });
  });
  after(() => host[Symbol.asyncDispose]());

  for (const [name, { scheme, headers }] of Object.entries(SCHEMES)) {
    it(`believes ${name} with a sealed key, over the bytes that came`, async () => {
      assert.deepEqual(await check(scheme, headers(now(), BODY)), { replayed: false });
      const base64 = {
        body: Buffer.from('\u00ff\u0000', 'latin1').toString('base64'),
        bodyEncoding: 'base64',
      };
      const other = `${BODY} `;
      assert.deepEqual(await check(scheme, headers(now(), other), { body: other }), {
        replayed: false,
      });
      assert.match(await check(scheme, headers(now(), BODY), base64), /^unauthorized: /);
    });

    it(`refuses ${name} when a byte differs, when nothing is signed, and when it is malformed`, async () => {
      const good = headers(now(), `${BODY}x`);
      assert.match(await check(scheme, good), /^unauthorized: .*not that of the key/);
      assert.match(await check(scheme, {}), /^unauthorized: .*missing or malformed/);
      const broken = Object.fromEntries(Object.keys(good).map((header) => [header, '§']));
      assert.match(await check(scheme, broken), /^unauthorized: /);
    });

    it(`tells ${name} that comes again from a redelivery of the host itself`, async () => {
      const body = `{"again":"${name}"}`;
      const signed = headers(now(), body);
      assert.deepEqual(await check(scheme, signed, { body, id: 'dlv_a' }), { replayed: false });
      assert.deepEqual(await check(scheme, signed, { body, id: 'dlv_b' }), { replayed: true });
      assert.deepEqual(await check(scheme, signed, { body, id: 'dlv_a' }), { replayed: false });
    });
  }

  it('refuses what is older or younger than the tolerance, and takes what is at it', async () => {
    for (const name of ['stripe', 'standard', 'discord']) {
      const { scheme, headers } = SCHEMES[name] ?? { scheme: {}, headers: () => ({}) };
      for (const offset of [-302, 302]) {
        const answer = await check(scheme, headers(now() + offset, BODY));
        assert.match(answer, /^unauthorized: .*too old, or from the future/, name);
      }
      assert.deepEqual(await check(scheme, headers(now() - 295, BODY)), { replayed: false }, name);
    }
  });

  it('names the field of a scheme that is none', async () => {
    assert.equal(await check({ kind: 'none', secret: 'x' }, {}), 'EXTENSION_OUTPUT_INVALID');
    const foreign = { kind: 'stripe', secret: `sealed:${'A'.repeat(22)}` };
    const { headers } = SCHEMES['stripe'] ?? { headers: () => ({}) };
    assert.equal(await check(foreign, headers(now(), BODY)), 'EXTENSION_OUTPUT_INVALID');
  });

  it('checks nothing for an extension that was not granted webhooks', async () => {
    const request = { id: 'x', headers: {}, body: BODY, bodyEncoding: 'utf8' };
    const input = { request, scheme: { kind: 'stripe' } };
    const { body } = await host.call('others/deaf', 'execute', input);
    assert.equal(body.result, 'CALLER_GRANT_NEEDED');
  });
});
