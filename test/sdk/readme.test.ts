import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { TEST_ROOT } from '../helpers/folder.ts';
import { LIMITS } from '../../host/limits.ts';

const ROOT = join(import.meta.dirname, '../..');

const GATEWAY_TEST = `
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTestContext } from 'cofferdam/sdk/testing';
import extension from './extension.ts';

it('pays, and tells what was paid', async () => {
  const storage = new Map();
  let ref = '';
  const fetch = async (_url, { body, headers }) => {
    ({ ref } = JSON.parse(body));
    assert.ok(headers['idempotency-key'].length > 10);
    assert.equal(JSON.parse(body).value, '19.99');
    return Response.json({ id: 'p1', url: 'https://pay.example.com/p1' });
  };
  let replayed = false;
  const webhooks = { verify: async () => ({ replayed }) };
  const config = { apiKey: 'sealed:a', signingKey: 'sealed:b' };
  const context = () => createTestContext({ config, fetch, storage, webhooks });
  const amount = { amountMinor: 1999, currency: 'EUR' };
  const invoice = { id: '42', total: amount, items: [] };
  const user = { id: '7', email: 'ada@example.com' };
  const page = await extension.pay({ invoice, amount, user, returnUrl: 'https://panel.example' }, context());
  assert.deepEqual(page, { kind: 'redirect', url: 'https://pay.example.com/p1', externalId: 'p1' });
  const body = JSON.stringify({ id: 'p1', status: 'paid', value: '19.99', currency: 'EUR', ref });
  const request = { body, headers: {}, method: 'POST' };
  const { facts } = await extension.webhook(request, context());
  assert.deepEqual(facts, [{ externalId: 'p1', kind: 'payment', state: 'succeeded', ...amount, invoiceId: '42' }]);
  replayed = true;
  assert.deepEqual(await extension.webhook(request, context()), { facts: [] });
});
`;

const SERVER_TEST = `
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTestContext } from 'cofferdam/sdk/testing';
import extension from './extension.ts';

it('is pending until the vendor is ready', async () => {
  let state = 'building';
  const fetch = async () => Response.json({ state, password: state === 'building' ? null : 'once' });
  const context = createTestContext({ config: { apiKey: 'sealed:a' }, fetch });
  const service = { id: '5', user: { id: '7', email: 'a@b.c' }, product: { id: 'p', name: 'VM', settings: {} }, checkout: {}, properties: {} };
  assert.equal((await extension.create(service, context)).status, 'pending');
  assert.deepEqual(await extension.reconcile({ operation: 'create', service }, context), { status: 'pending' });
  state = 'running';
  const done = await extension.reconcile({ operation: 'create', service }, context);
  assert.deepEqual(done, { status: 'done', remoteId: '5', oneTime: { password: 'once' } });
});
`;

describe('what the pages show authors and panels', { timeout: 120_000 }, () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-readme-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const run = async (args: readonly string[]): Promise<[number | null, string]> => {
    const launch = join(ROOT, 'host/cli/launch.js');
    const env = { PATH: process.env['PATH'], HOME: dir };
    const child = spawn(process.execPath, [launch, ...args], { cwd: dir, env });
    let out = '';
    child.stdout.on('data', (text) => (out += text));
    child.stderr.on('data', (text) => (out += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return [code, out];
  };

  it('is an extension that checks and passes its own test', async () => {
    const page = await readFile(join(ROOT, 'sdk/README.md'), 'utf8');
    const [manifest, code, test] = [...page.matchAll(/```(?:json|ts)\n(.*?)```/gs)].map(
      ([, text = '']) => text,
    );
    assert(manifest !== undefined && code !== undefined && test !== undefined);
    const folder = join(dir, 'others/my-news');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'manifest.json'), manifest);
    await writeFile(join(folder, 'extension.ts'), code);
    await writeFile(join(folder, 'extension.test.ts'), test);
    assert.deepEqual(await run(['check', folder]), [0, 'No problem found\n']);
    const [status, out] = await run(['test', folder]);
    assert.equal(status, 0, out);
    assert.match(out, /pass 1/);
  });

  it('has a gateway that believes what is verified, and a server that finishes what is slow', async () => {
    const page = await readFile(join(ROOT, 'sdk/README.md'), 'utf8');
    const [, , gateway = '', server = ''] = [...page.matchAll(/```ts\n(.*?)```/gs)].map(
      ([, text = '']) => text,
    );
    for (const [path, code, test] of [
      ['gateways/my-pay', gateway, GATEWAY_TEST],
      ['servers/my-vms', server, SERVER_TEST],
    ] as const) {
      const [category, name] = path.split('/');
      const folder = join(dir, path);
      await mkdir(folder, { recursive: true });
      const manifest = {
        ...{ apiVersion: 1, name, description: 'Of the guide', version: '1.0.0' },
        ...{ author: 'Test', license: 'MIT', category },
        capabilities: {
          fetch: { hosts: ['api.example.com'], reason: 'test' },
          storage: { quotaBytes: 65_536 },
          ...(category === 'gateways' ? { webhook: true } : {}),
        },
        secrets: {
          apiKey: { hosts: ['api.example.com'], in: ['header'] },
          ...(category === 'gateways'
            ? { signingKey: { hosts: ['api.example.com'], in: ['header'] } }
            : {}),
        },
      };
      await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
      await writeFile(join(folder, 'extension.ts'), code);
      await writeFile(join(folder, 'extension.test.ts'), test);
      assert.deepEqual(await run(['check', folder]), [0, 'No problem found\n']);
      const [status, out] = await run(['test', folder]);
      assert.equal(status, 0, out);
      assert.match(out, /pass 1/);
    }
  });

  it('names limits as they are', async () => {
    const page = await readFile(join(ROOT, 'sdk/README.md'), 'utf8');
    const limits: Readonly<Record<string, unknown>> = LIMITS;
    const rows = [...page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| ([^|]+) \|/gm)];
    assert.ok(rows.length > 5);
    for (const [, names = '', said = ''] of rows) {
      const known = [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
      const numbers = [...said.matchAll(/\d+/g)].map(([text]) => Number(text));
      const most = known.length === 1 ? [limits[`${known[0]}Max`] ?? []].flat() : [];
      const wanted = [...known.map((name) => limits[name]), ...(numbers.length > 1 ? most : [])];
      assert.deepEqual(numbers, wanted, names);
    }
  });

  it('verifies a signed message by the lines of the first page, and refuses a changed one', async () => {
    const page = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, script = ''] = /```js\n(.*?)```/s.exec(page) ?? [];
    const file = join(dir, 'verify.mjs');
    await writeFile(file, script);
    const { isFromCofferdam } = await import(file);
    const key = Buffer.from('0123456789abcdef0123456789abcdef');
    const secret = `whsec_${key.toString('base64')}`;
    const sign = (seconds: number, body: string): Record<string, string> => {
      const text = `msg_1.${seconds}.${body}`;
      const signature = createHmac('sha256', key).update(text).digest('base64');
      return {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${signature}`,
      };
    };
    const seconds = Math.floor(Date.now() / 1_000);
    assert.equal(isFromCofferdam(sign(seconds, '{}'), '{}', secret), true);
    assert.equal(isFromCofferdam(sign(seconds, '{}'), '{"a":1}', secret), false);
    assert.equal(isFromCofferdam(sign(seconds - 400, '{}'), '{}', secret), false);
    assert.equal(isFromCofferdam({}, '{}', secret), false);
  });
});
