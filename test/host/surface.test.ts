import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Ajv2020 } from 'ajv/dist/2020.js';

import { manifestFor, other, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

const CONFIGURED = `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({
    name: z.string().min(2).meta({ label: 'Your name', description: 'As it is printed' }),
    size: z.int().min(1).max(9).default(3),
    mode: z.enum(['a', 'b']).optional(),
    loud: z.boolean().default(false),
    token: secret({ label: 'Token', startsWith: 'tk_' }),
  }),
  async execute(input, ctx) { return { input, config: ctx.config }; },
});
`;

describe('the admin surface', { timeout: 60_000 }, () => {
  let host: TestHost;
  before(async () => {
    host = await startTestHost({
      'others/my-echo': { 'extension.ts': other('return { input, call: ctx.call.handler };') },
      'others/configured': { 'extension.ts': CONFIGURED },
      'servers/broken-manifest': { 'manifest.json': '{\n  "apiVersion": 1,\n  "nope": true\n}' },
      'gateways/links': { 'extension.ts': "import '../../../etc/passwd';\nexport default {};" },
    });
  });
  after(() => host[Symbol.asyncDispose]());

  it('lists every folder, a broken one as well', async () => {
    const { body } = await host.request('GET', '/extensions');
    assert.deepEqual(body, {
      servers: ['broken-manifest'],
      gateways: ['links'],
      others: ['configured', 'my-echo'],
    });
  });

  it('lists one category, and refuses an unknown one in the words of the seed', async () => {
    assert.deepEqual((await host.request('GET', '/extensions/servers')).body, {
      servers: ['broken-manifest'],
    });
    const { status, body } = await host.request('GET', '/extensions/boats');
    assert.equal(status, 400);
    assert.equal(body.detail, 'Invalid category. Must be one of: servers, gateways, others');
  });

  it('hands out the schema of manifest.json, and refuses a LAN grant that is no range', async () => {
    const schema: any = await (await fetch(`${host.url}/manifest.schema.json`)).json();
    assert.equal(schema.properties.apiVersion.const, 1);
    const { status, body } = await host.request('POST', '/extensions/others/my-echo/enable', {
      grants: { lan: [{ cidr: '10.0.0.0/33', reason: 'test' }] },
    });
    assert.deepEqual([status, body.details.field], [400, 'grants.lan.0.cidr']);
  });

  it('finds a name whatever its case and hyphens', async () => {
    for (const name of ['my-echo', 'MyEcho', 'MYECHO', 'my_echo']) {
      const { body } = await host.request('GET', `/extensions/others/${name}/metadata`);
      assert.deepEqual(body, {
        name: 'my-echo',
        description: 'The my-echo of a test',
        version: '1.0.0',
        author: 'Test',
        type: 'other',
      });
    }
    const { status, body } = await host.request('GET', '/extensions/others/Absent/metadata');
    assert.equal(status, 404);
    assert.equal(body.detail, 'Extension others/Absent not found');
  });

  it('names line and column of a manifest problem', async () => {
    const { body } = await host.request('GET', '/extensions/servers/broken-manifest');
    assert.equal(body.state, 'broken');
    const unknown = body.problems.find(({ message }: any) => message.includes('nope'));
    assert.deepEqual([unknown.file, unknown.line, unknown.column], ['manifest.json', 3, 3]);
    const { status, body: problem } = await host.request(
      'GET',
      '/extensions/servers/broken-manifest/metadata',
    );
    assert.equal(status, 422);
    assert.equal(problem.code, 'EXTENSION_MANIFEST_INVALID');
  });

  it('refuses an import from outside the folder and quotes nothing of it', async () => {
    const { status, body } = await host.request('GET', '/extensions/gateways/links/config');
    assert.equal(status, 422);
    assert.equal(body.code, 'EXTENSION_BUILD_FAILED');
    assert.match(body.detail, /extension\.ts:1:8: Cannot import .* lies outside/);
    assert.doesNotMatch(JSON.stringify(body), /root:/);
  });

  it('shows config fields as the seed does', async () => {
    const { body } = await host.request('GET', '/extensions/others/configured/config');
    assert.deepEqual(body, [
      {
        name: 'name',
        type: 'text',
        label: 'Your name',
        description: 'As it is printed',
        required: true,
      },
      { name: 'size', type: 'number', label: 'size', description: '', required: false, default: 3 },
      {
        name: 'mode',
        type: 'select',
        label: 'mode',
        description: '',
        required: false,
        options: [
          { value: 'a', label: 'a' },
          { value: 'b', label: 'b' },
        ],
      },
      {
        name: 'loud',
        type: 'boolean',
        label: 'loud',
        description: '',
        required: false,
        default: false,
      },
      { name: 'token', type: 'password', label: 'Token', description: '', required: true },
    ]);
  });

  it('refuses to enable without the config it needs, naming the field', async () => {
    const { status, body } = await host.request('POST', '/extensions/others/configured/enable');
    assert.equal(status, 409);
    assert.equal(body.code, 'CALLER_CONFIG_MISSING');
    assert.deepEqual(body.details.fields, ['name', 'token']);
  });

  it('names every config field that does not fit', async () => {
    const put = (values: object) =>
      host.request('PUT', '/extensions/others/configured/config', values);
    const short = await put({ name: 'x', size: 10, token: 'tk_1' });
    assert.equal(short.status, 422);
    assert.deepEqual(
      short.body.details.fields.map(({ field }: any) => field),
      ['name', 'size'],
    );
    const unknown = await put({ name: 'Bo', colour: 'red', token: 'tk_1' });
    assert.match(unknown.body.detail, /"colour": is not a field of this extension/);
    const secret = await put({ name: 'Bo', token: 'wrong-secret' });
    assert.match(secret.body.detail, /"token": must start with "tk_"/);
    assert.doesNotMatch(JSON.stringify(secret.body), /wrong-secret/);
  });

  it('keeps a secret write-only, and the guest holds a stand-in', async () => {
    const put = await host.request('PUT', '/extensions/others/configured/config', {
      name: 'Bo',
      token: 'tk_live_secret',
    });
    assert.equal(put.body.config.token, '********');
    const kept = await host.request('PUT', '/extensions/others/configured/config', {
      name: 'Bo Two',
      token: '********',
    });
    assert.equal(kept.body.configVersion, 2);
    await host.enable('others/configured');
    const { body } = await host.call('others/configured', 'execute', { a: 1 });
    const { token, ...config } = body.result.config;
    assert.deepEqual(config, { name: 'Bo Two', size: 3, loud: false });
    assert.match(token, /^sealed:[A-Za-z0-9]{22}$/);
  });

  it('calls a handler and gives its cost', async () => {
    await host.enable('others/my-echo');
    const { status, body } = await host.call('others/my-echo', 'execute', { x: [1, 'ü', null] });
    assert.equal(status, 200);
    assert.deepEqual(body.result, { input: { x: [1, 'ü', null] }, call: 'execute' });
    assert.match(body.callId, /^call_/);
    assert.equal(typeof body.receipt.wallMs, 'number');
    assert.ok(body.receipt.cpuMs > 0);
    assert.ok(body.receipt.heapPeakBytes > 100_000);
    const record = await host.request('GET', `/calls/${body.callId}`);
    assert.deepEqual(record.body.input, { x: [1, 'ü', null] });
    assert.equal(record.body.state, 'done');
    const replay = await host.request('POST', `/calls/${body.callId}/replay`);
    assert.deepEqual(replay.body.result, body.result);
  });

  it('names the handlers there are when one is not', async () => {
    const { status, body } = await host.call('others/my-echo', 'explode');
    assert.equal(status, 404);
    assert.equal(body.code, 'CALLER_HANDLER_UNKNOWN');
    assert.deepEqual(body.details.handlers, ['execute']);
    assert.equal((await host.call('others/my-echo', 'constructor')).status, 404);
    const unkept = await host.call('others/my-echo', 'actions.%00');
    assert.deepEqual([unkept.status, unkept.body.code], [404, 'CALLER_HANDLER_UNKNOWN']);
    const guards = await host.request('GET', '/deliveries?kind=resume');
    assert.deepEqual(guards.body.deliveries, []);
  });

  it('gives a repeat with the same Idempotency-Key the stored outcome', async () => {
    const send = (input: unknown) =>
      host.request(
        'POST',
        '/extensions/others/my-echo/calls/execute',
        { input },
        { 'idempotency-key': 'k1' },
      );
    const first = await send(1);
    assert.deepEqual((await send(1)).body, first.body);
    const other = await send(2);
    assert.equal(other.status, 409);
    assert.equal(other.body.code, 'CALLER_CONFLICT');
  });

  it('runs a dry run each time, and leaves its key to the real call', async () => {
    const send = async (dryRun: boolean, input = 1): Promise<string> => {
      const body = { input, dryRun };
      const path = '/extensions/others/my-echo/calls/execute';
      const answer = await host.request('POST', path, body, { 'idempotency-key': 'k-dry' });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.body.callId;
    };
    const dry = [await send(true), await send(true, 2)];
    const real = await send(false);
    assert.equal(await send(false), real);
    assert.equal(new Set([...dry, real, await send(true)]).size, 4);
  });

  it('refuses calls after disable', async () => {
    await host.request('POST', '/extensions/others/my-echo/disable');
    const { status, body } = await host.call('others/my-echo', 'execute');
    assert.deepEqual([status, body.code], [409, 'CALLER_NOT_RUNNING']);
    await host.enable('others/my-echo');
  });

  it('runs several instances of one extension, each with its own config', async () => {
    const base = '/extensions/others/configured/instances';
    assert.equal((await host.request('POST', base, { instance: 'second' })).status, 201);
    assert.equal((await host.request('POST', base, { instance: 'second' })).status, 409);
    assert.equal((await host.request('POST', base, { instance: 'No Good' })).status, 400);
    await host.request('PUT', `${base}/second/config`, { name: 'Zoe', token: 'tk_2' });
    await host.request('POST', `${base}/second/enable`);
    const { body } = await host.request('POST', `${base}/second/calls/execute`, { input: 1 });
    assert.equal(body.result.config.name, 'Zoe');
    assert.equal((await host.request('DELETE', `${base}/second`)).status, 204);
    assert.equal((await host.request('GET', `${base}/second`)).status, 404);
  });

  it('asks for a token, and for the right role', async () => {
    const bare = await fetch(`${host.url}/api/v1/admin/extensions`);
    assert.equal(bare.status, 401);
    assert.equal(bare.headers.get('content-type'), 'application/problem+json; charset=utf-8');
    assert.match(bare.headers.get('www-authenticate') ?? '', /^Bearer/);
    const made = await host.request('POST', '/tokens', { name: 'reader', role: 'viewer' });
    const reader = { authorization: `Bearer ${made.body.secret}` };
    assert.equal((await host.request('GET', '/extensions', undefined, reader)).status, 200);
    const refused = await host.request(
      'POST',
      '/extensions/others/my-echo/disable',
      undefined,
      reader,
    );
    assert.deepEqual([refused.status, refused.body.code], [403, 'CALLER_FORBIDDEN']);
    assert.equal((await host.request('DELETE', `/tokens/${made.body.id}`)).status, 204);
    assert.equal((await host.request('GET', '/extensions', undefined, reader)).status, 401);
    const { body } = await host.request('GET', '/audit');
    assert.ok(body.entries.some(({ outcome }: any) => outcome === 'forbidden'));
    assert.ok(body.entries.some(({ action }: any) => action === 'instance.enable'));
  });

  it('names the wrong field of a request', async () => {
    const path = '/extensions/others/my-echo/calls/execute';
    const extra = await host.request('POST', path, { input: 1, inputs: 2 });
    assert.equal(extra.status, 400);
    assert.match(extra.body.detail, /body "inputs" must NOT have additional properties/);
    const range = await host.request('POST', path, { deadlineMs: 0 });
    assert.match(range.body.detail, /body "deadlineMs" must be >= 1/);
    const broken = await fetch(`${host.url}/api/v1/admin${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer test-admin-token-0001`,
        'content-type': 'application/json',
      },
      body: '{"input":',
    });
    assert.equal(broken.status, 400);
    assert.equal(((await broken.json()) as any).code, 'CALLER_INPUT_INVALID');
  });

  it('describes itself and its health', async () => {
    assert.deepEqual(await (await fetch(`${host.url}/healthz`)).json(), { ok: true });
    const ready: any = await (await fetch(`${host.url}/readyz`)).json();
    assert.equal(ready.ready, true);
    const api: any = await (await fetch(`${host.url}/openapi.json`)).json();
    assert.match(api.openapi, /^3\.1/);
    const paths = Object.keys(api.paths);
    for (const path of [
      '/api/v1/admin/extensions',
      '/api/v1/admin/extensions/{category}/{name}/instances/{instance}/calls/{handler}',
      '/api/v1/admin/stream',
    ]) {
      assert.ok(paths.includes(path), path);
    }
  });

  it('checks every request by a sound schema', async () => {
    const api: any = await (await fetch(`${host.url}/openapi.json`)).json();
    const ajv = new Ajv2020({ strict: false, validateFormats: false, allowUnionTypes: true });
    ajv.addSchema(api, 'api');
    const operations: any[] = Object.values(api.paths).flatMap((path: any) => Object.values(path));
    const schemas = operations.flatMap(({ parameters = [], requestBody = { content: {} } }) =>
      [...parameters, ...Object.values<any>(requestBody.content)].map(({ schema }) => schema),
    );
    assert.ok(schemas.length > 100, `${schemas.length} schemas`);
    for (const schema of schemas) {
      assert.ok(ajv.validateSchema(schema), `${JSON.stringify(schema)}: ${ajv.errorsText()}`);
      assert.doesNotThrow(() => ajv.compile(schema), JSON.stringify(schema));
    }
  });

  it('installs an upload, refuses a bad one, and removes it', async () => {
    const { create } = await import('tar');
    const { mkdir, readFile, writeFile } = await import('node:fs/promises');
    const folder = `${host.dir}/pack/uploaded`;
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/manifest.json`, JSON.stringify(manifestFor('others/uploaded')));
    await writeFile(`${folder}/extension.ts`, other('return "from an upload";'));
    await create({ gzip: true, file: `${host.dir}/up.tgz`, cwd: `${host.dir}/pack` }, ['uploaded']);
    const upload = async (bytes: Uint8Array) => {
      const form = new FormData();
      form.append('archive', new Blob([new Uint8Array(bytes)]), 'up.tgz');
      const response = await fetch(`${host.url}/api/v1/admin/extensions`, {
        method: 'POST',
        headers: { authorization: 'Bearer test-admin-token-0001' },
        body: form,
      });
      return { status: response.status, body: (await response.json()) as any };
    };
    const bad = await upload(new TextEncoder().encode('no archive'));
    assert.deepEqual([bad.status, bad.body.code], [400, 'CALLER_INPUT_INVALID']);
    const good = await upload(await readFile(`${host.dir}/up.tgz`));
    assert.deepEqual([good.status, good.body.name, good.body.problems], [201, 'uploaded', []]);
    await host.enable('others/uploaded');
    assert.equal((await host.call('others/uploaded', 'execute')).body.result, 'from an upload');
    assert.equal((await host.request('DELETE', '/extensions/others/uploaded')).status, 409);
    await host.request('POST', '/extensions/others/uploaded/disable');
    assert.equal((await host.request('DELETE', '/extensions/others/uploaded')).status, 204);
    assert.equal((await host.request('GET', '/extensions/others/uploaded')).status, 404);
  });
});
