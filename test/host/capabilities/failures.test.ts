// Whatever a guest sends, a capability fails with a code that says who must act; what is our own bug is told
// to the log, and not a thousand times.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import fc from 'fast-check';

import { TEST_ROOT } from '../../helpers/folder.ts';
import type { CapabilityReply, CapabilityTable } from '../../../host/capabilities/capability.ts';
import { expandHosts } from '../../../host/capabilities/egress.ts';
import { withTypedFailures } from '../../../host/capabilities/failures.ts';
import type { OnBug } from '../../../host/capabilities/failures.ts';
import { createFetchCapability } from '../../../host/capabilities/fetch.ts';
import { withOperationKeys } from '../../../host/capabilities/fetch-idempotency.ts';
import { createSealedKeys } from '../../../host/capabilities/sealed-keys.ts';
import { SecretBook } from '../../../host/capabilities/secrets.ts';
import { createStorage } from '../../../host/capabilities/storage.ts';
import { createWebhookCheck } from '../../../host/capabilities/webhook.ts';
import { HostError } from '../../../host/errors.ts';
import { createBugLog } from '../../../host/lifecycle/bug-log.ts';
import { LIMITS } from '../../../host/limits.ts';
import { Recorder } from '../../../host/recorder/recorder.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';
import { createVault } from '../../../host/store/vault.ts';
import { scopeOf } from '../../helpers/fetch.ts';

const INSTANCE = 'others/odd/default';
const CALL_ID = 'call_1';
const hosts = expandHosts(['api.example.com'], {});
const secrets = new SecretBook([
  { field: 'key', value: 'a-secret-key', hosts, places: ['header', 'basic', 'query', 'json'] },
]);
const sealed = secrets.sealed['key'] ?? '';

/** Never what a field is for. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    ...[sealed, '\0', '\ud800', '__proto__', 'constructor', 1e308, null, [], {}],
    ...[{ toString: 1 }, [{ toString: 1 }], [[{ toString: 1 }, 'x']]],
  ),
);
/** An object with some of these fields, each of them odd at times. */
const request = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> =>
  fc.record(
    Object.fromEntries(
      Object.entries(fields).map(([name, fits]) => [
        name,
        fc.oneof({ weight: 3, arbitrary: fits }, { weight: 1, arbitrary: odd }),
      ]),
    ),
    { requiredKeys: [] },
  );
const headers = fc.array(
  fc.oneof(fc.tuple(fc.constantFrom('authorization', 'content-type', 'X-Once'), odd), odd),
  { maxLength: 3 },
);
const REQUESTS: Readonly<Record<string, fc.Arbitrary<object>>> = {
  fetch: request({
    url: fc.constantFrom(
      'https://api.example.com/',
      `https://api.example.com/?q=${sealed}`,
      sealed,
    ),
    method: fc.constantFrom('GET', 'post', 'TRACE', 'PRI'),
    headers,
    body: fc.oneof(request({ text: fc.string() }), request({ base64: fc.string() })),
    once: odd,
  }),
  storage: request({
    op: fc.constantFrom('get', 'set', 'delete', 'list', 'compareAndSet', 'increment'),
    key: fc.string({ minLength: 1 }),
    ...{
      value: odd,
      expected: odd,
      prefix: odd,
      after: odd,
      by: fc.integer(),
      ttlMs: odd,
      headers,
    },
  }),
  webhook: request({
    scheme: request({
      kind: fc.constantFrom('stripe', 'standard', 'hmac', 'discord', 'paypal', 'mollie'),
      secret: fc.constantFrom(sealed, 'key'),
      header: fc.constantFrom('x-signature', 'constructor', 'toString'),
      publicKey: fc.constantFrom('00'.repeat(32), 'ff'.repeat(32)),
      ...{ apiKey: odd, accessToken: odd, webhookId: fc.constant('WH1') },
    }),
    request: request({
      id: fc.string({ minLength: 1 }),
      headers: fc.dictionary(
        fc.constantFrom('x-signature', 'stripe-signature', 'x-signature-ed25519', 'constructor'),
        fc.constantFrom('t=1,v1=00', '00'.repeat(64), ''),
      ),
      ...{ body: fc.string(), bodyEncoding: fc.constantFrom('utf8', 'base64') },
    }),
  }),
  crypto: request({
    op: fc.constantFrom('import', 'sign', 'verify'),
    ...{ sealed: fc.constant(sealed), format: fc.constantFrom('raw', 'pkcs8', 'spki') },
    algorithm: request({ name: fc.constantFrom('HMAC', 'RSA-PSS', 'ECDSA'), hash: odd }),
    usages: fc.subarray(['sign', 'verify']),
    ...{ handle: odd, data: fc.base64String(), signature: fc.base64String(), headers },
  }),
};

describe('what a guest sends', { timeout: 60_000 }, () => {
  let dir: string;
  let store: Store;
  let table: CapabilityTable;

  before(async () => {
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-failures-'));
    store = openSqliteStore(join(dir, 'store.sqlite'));
    table = createTable(assert.ifError);
  });
  after(async () => {
    await store[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  for (const [capability, requests] of Object.entries(REQUESTS)) {
    it(`makes "${capability}" answer, or fail with a code that is not ours`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.oneof({ weight: 9, arbitrary: requests }, odd), async (payload) => {
          const failure = await ask(capability, payload).then(() => undefined, readFailure);
          assert.doesNotMatch(failure?.code ?? '', /^HOST_/);
        }),
        { numRuns: 400 },
      );
    });
  }

  it('may be nested deeper than anybody can walk: that is said', async () => {
    const deep = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)) as unknown;
    await assert.rejects(ask('storage', { op: 'set', key: 'k', value: deep }), {
      code: 'EXTENSION_OUTPUT_INVALID',
      message: 'The request to "storage" is nested too deep',
      remedy: 'Send its parts one by one, or the whole as a text',
    });
  });

  it('is named where it does not fit, with what to do', async () => {
    const fetching = { url: 'https://api.example.com/', method: 'GET', headers: [] };
    const cases: readonly (readonly [string, object, string])[] = [
      ['fetch', { ...fetching, url: `https://${'x'.repeat(LIMITS.urlChars)}` }, 'url'],
      ['fetch', { ...fetching, method: 'TRACE' }, 'method'],
      ['fetch', { ...fetching, headers: [['x-note', 'a\u0001b']] }, 'headers.x-note'],
      ['fetch', { ...fetching, body: {} }, 'body'],
      ['storage', { op: 'set', key: 'k', value: 1, ttlMs: 0 }, 'ttlMs'],
      ['webhook', { scheme: { kind: 'mollie', apiKey: '' } }, 'scheme.apiKey'],
      ['crypto', { op: 'sign', handle: 'h', algorithm: { name: 'AES-GCM' } }, 'algorithm.name'],
    ];
    for (const [capability, payload, field] of cases) {
      const failure = await ask(capability, payload).then(() => undefined, readFailure);
      assert.equal(failure?.code, 'EXTENSION_OUTPUT_INVALID');
      assert.equal(failure?.details?.['field'], field);
      assert.ok(failure.message.includes(`"${field}"`), failure.message);
      assert.equal(typeof failure.remedy, 'string');
    }
  });

  /** As `createEndow` puts them together. */
  function createTable(onBug: OnBug): CapabilityTable {
    const powers = { secrets, nowMs: Date.now };
    const fetch = createFetchCapability({
      ...powers,
      policy: { hosts, lan: [], own: [] },
      trust: { fingerprints: [], ca: undefined },
      resolve: async () => ['93.184.215.14'],
      // Nothing listens there.
      detour: () => ({ address: '127.0.0.1', port: 1, plain: true }),
    }).serve;
    const recorder = new Recorder({
      ...{ store, nowMs: Date.now, onError: assert.ifError },
      vault: createVault(new Uint8Array(32)),
    });
    recorder.open({ callId: CALL_ID, instance: INSTANCE, journalled: true });
    const storing = { store, instance: INSTANCE, quotaBytes: 1_000_000, nowMs: Date.now };
    const { fetch: recorded = fetch, ...others } = recorder.wrap(
      {
        fetch,
        crypto: createSealedKeys(secrets),
        storage: createStorage(storing),
        webhook: createWebhookCheck({ ...powers, store, fetch }),
      },
      secrets.sealed,
    );
    const rules = [{ hosts, header: 'X-Once' }];
    const addressOf = (url: string): string => secrets.openUrl(url).url;
    const keyed = withOperationKeys(recorded, { rules, addressOf });
    return withTypedFailures({ ...others, fetch: keyed }, onBug);
  }

  function ask(capability: string, payload: unknown): Promise<CapabilityReply> {
    const scope = scopeOf({ callId: CALL_ID, instance: INSTANCE });
    // As it comes over the pipe.
    const sent: unknown = JSON.parse(JSON.stringify(payload));
    return table[capability]?.(sent, scope, () => assert.fail()) ?? assert.fail();
  }
});

describe('a bug of ours', () => {
  const bug = new TypeError('inner words');
  const failing = async (reply: () => CapabilityReply): Promise<unknown[]> => {
    const told: unknown[] = [];
    const onBug: OnBug = (...about) => void told.push(about);
    const table = withTypedFailures({ fetch: async () => reply() }, onBug);
    const scope = scopeOf({ callId: CALL_ID, instance: INSTANCE });
    const read = async (): Promise<void> => {
      const { body = [] } = (await table['fetch']?.(null, scope, () => assert.fail())) ?? {};
      for await (const chunk of body) assert.ok(chunk);
    };
    await assert.rejects(read(), {
      code: 'HOST_INTERNAL',
      message: 'The host failed while serving "fetch"',
    });
    return told;
  };
  const place = { instance: INSTANCE, capability: 'fetch', callId: CALL_ID };

  it('is told to the log, and not to the guest', async () => {
    const thrown = await failing(() => {
      throw bug;
    });
    assert.deepEqual(thrown, [[bug, place]]);
  });

  it('is told as well when it comes with the body', async () => {
    async function* body(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
      throw bug;
    }
    assert.deepEqual(await failing(() => ({ value: null, body: body() })), [[bug, place]]);
  });

  it('is logged some times a minute for an instance, and says when no more', () => {
    const lines: string[] = [];
    let nowMs = 0;
    const log = { error: (_about: object, line: string) => void lines.push(line) };
    const onBug = createBugLog(log as Parameters<typeof createBugLog>[0], () => nowMs);
    for (let times = 0; times < 100; times += 1) onBug(bug, place);
    assert.equal(lines.length, LIMITS.bugsLogged);
    assert.match(lines.at(-1) ?? '', /not logged for a minute/);
    onBug(bug, { ...place, instance: 'others/other/default' });
    nowMs += LIMITS.countWindowMs;
    onBug(bug, place);
    assert.deepEqual(lines.slice(LIMITS.bugsLogged), ['capability failed', 'capability failed']);
  });
});

function readFailure(error: unknown): HostError {
  assert.ok(error instanceof HostError, String(error));
  return error;
}
