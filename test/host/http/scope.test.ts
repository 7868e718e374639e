// A token that is narrowed to one extension, or to one instance, reaches and sees nothing of another,
// over every route that /openapi.json describes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { ADMIN_TOKEN, manifestFor, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

/** Stands in everything that belongs to the other extension. */
const SECRET = 'canary';

const CODE = `import { defineOther, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ word: z.string() }),
  async testConnection() { return { ok: true }; },
  async execute(input, { config, log, fetch }) { if (input?.url) await fetch(input.url); log.info(config.word); return { input, word: config.word }; },
  on: { async 'invoice.paid'(event, { log }) { log.info(JSON.stringify(event)); } },
} as any);
`;
const files = (name: string): Record<string, string> => ({
  'extension.ts': CODE,
  'manifest.json': JSON.stringify(
    manifestFor(`others/${name}`, {
      capabilities: {
        events: ['invoice.paid'],
        fetch: { hosts: ['api.example.com'], reason: 'for its test' },
      },
    }),
  ),
});

type Operation = { method: string; path: string; scope: string; body: boolean };

describe('a narrowed token', { timeout: 120_000 }, () => {
  let host: TestHost;
  let ids: { call: string; delivery: string; request: string };
  const tokens: Record<string, string> = {};
  const send = (
    token: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; text: string; body: any }> =>
    sendTo(host, tokens[token] ?? '', { method, path, body });

  before(async () => {
    host = await startTestHost({
      'others/mine': files('mine'),
      [`others/${SECRET}`]: files(SECRET),
    });
    for (const name of ['mine', SECRET]) {
      const made = await host.request('POST', `/extensions/others/${name}/instances`, {
        instance: 'two',
      });
      assert.equal(made.status, 201);
      for (const each of [`others/${name}`, `others/${name}/instances/two`]) {
        await host.enable(each, { word: `${name} word` });
      }
    }
    for (const [name, role, scope] of [
      ['admin', 'admin', ['others/mine']],
      ['operator', 'operator', ['others/mine']],
      ['viewer', 'viewer', ['others/mine']],
      ['panel', 'panel', ['others/mine']],
      ['one', 'admin', ['others/Mine/two']],
    ] as const) {
      const { status, body } = await host.request('POST', '/tokens', { name, role, scope });
      assert.deepEqual([status, body.scope], [201, [scope[0].toLowerCase()]]);
      tokens[name] = body.secret;
    }
    tokens['all'] = ADMIN_TOKEN;
    const called = await host.call(`others/${SECRET}`, 'execute', { of: SECRET });
    const lock = [{ method: 'GET', host: 'api.example.com', path: '/known' }];
    await host.request('POST', `/extensions/others/${SECRET}/lock`, { lock });
    await host.call(`others/${SECRET}`, 'execute', { url: 'https://api.example.com/unknown' });
    const event = { type: 'invoice.paid', data: { of: SECRET } };
    assert.equal((await send('all', 'POST', '/api/v1/events', event)).body.deliveries, 4);
    const list = await host.request('GET', `/deliveries?target=others/${SECRET}/default`);
    const asked = await host.request('GET', '/requests');
    ids = {
      call: called.body.callId,
      delivery: list.body.deliveries[0].id,
      request: asked.body.requests[0].id,
    };
  });
  after(() => host[Symbol.asyncDispose]());

  it('reaches no route of another extension, and is shown nothing of it', async () => {
    for (const token of ['admin', 'one', 'operator', 'viewer', 'panel']) {
      for (const operation of await operations(host)) {
        const { method, path, body, scope } = operation;
        const reply = await send(
          token,
          method,
          filled(path, ids),
          body ? bodyFor(path) : undefined,
        );
        const what = `${token} ${method} ${path} → ${reply.status} ${reply.text.slice(0, 300)}`;
        assert.ok(!reply.text.includes(SECRET), what);
        // What names another in its path, or is about the whole host, is refused before anything else.
        if (scope !== 'narrowed')
          assert.deepEqual([reply.status, reply.body.code], FORBIDDEN, what);
        if (path.includes('{callId}') || path.includes('{id}')) {
          assert.equal(reply.status, 403, what);
        }
      }
    }
    const view = await host.request('GET', `/extensions/others/${SECRET}`);
    assert.deepEqual(
      view.body.instances.map(({ enabled, configVersion }: any) => [enabled, configVersion]),
      [
        [true, 1],
        [true, 1],
      ],
    );
  });

  it('is closed to what is about the whole host', async () => {
    const whole = (await operations(host)).filter(({ scope }) => scope === 'host');
    assert.deepEqual(whole.map(({ method, path }) => `${method} ${path}`).toSorted(), [
      'DELETE /api/v1/admin/tokens/{id}',
      'GET /api/v1/admin/tokens',
      'GET /metrics',
      'PATCH /api/v1/admin/extensions/{category}/{name}/instances/{instance}',
      'POST /api/v1/admin/extensions',
      'POST /api/v1/admin/tokens',
    ]);
  });

  it('goes on working within its scope, by any spelling of a name', async () => {
    const base = '/api/v1/admin/extensions/others';
    const statusOf = async (token: string, method: string, path: string, body?: unknown) =>
      (await send(token, method, `${base}/${path}`, body)).status;
    assert.equal(await statusOf('viewer', 'GET', 'MI-NE'), 200);
    assert.equal(await statusOf('operator', 'POST', 'mine/disable'), 200);
    assert.equal(await statusOf('operator', 'POST', 'mine/enable'), 200);
    assert.equal(await statusOf('panel', 'POST', 'mine/calls/execute', { input: 1 }), 200);
    assert.equal(await statusOf('one', 'PUT', 'mine/instances/two/config', { word: 'x' }), 200);
    assert.equal(await statusOf('operator', 'POST', 'mine/instances', { instance: 'new' }), 201);
    assert.equal(await statusOf('admin', 'DELETE', 'mine/instances/new'), 204);
  });

  it('narrowed to one instance touches neither its neighbour nor their extension', async () => {
    const base = '/api/v1/admin/extensions/others/mine';
    for (const [method, path, body] of [
      ['PUT', '/config', { word: 'x' }],
      ['POST', '/enable', {}],
      ['GET', '/instances/default', undefined],
      ['GET', '/usage', undefined],
      ['POST', '/calls/execute', { input: 1 }],
      ['POST', '/instances', { instance: 'three' }],
      ['POST', '/rollback', { generation: 'a'.repeat(64) }],
      ['POST', '/compare', {}],
      ['PATCH', '/instances/two', { trusted: true }],
      ['DELETE', '', undefined],
    ] as const) {
      const { status, body: problem } = await send('one', method, base + path, body);
      assert.deepEqual([status, problem.code], FORBIDDEN, `${method} ${path}`);
    }
    const { body } = await send('one', 'GET', base);
    assert.deepEqual(
      body.instances.map(({ instance }: any) => instance),
      ['two'],
    );
    const { body: listed } = await send('one', 'GET', `${base}/instances`);
    assert.deepEqual(
      listed.instances.map(({ instance }: any) => instance),
      ['two'],
    );
  });

  it('lists what is its own, and no more', async () => {
    const own = await send(
      'panel',
      'POST',
      '/api/v1/admin/extensions/others/mine/calls/execute',
      {},
    );
    const { body: calls } = await send('viewer', 'GET', '/api/v1/admin/calls?limit=200');
    assert.ok(calls.calls.some(({ callId }: any) => callId === own.body.callId));
    const targets = (list: any[], key: string): string[] => [
      ...new Set(list.map((each) => each[key].split('/').slice(0, 2).join('/'))),
    ];
    assert.deepEqual(targets(calls.calls, 'instance'), ['others/mine']);
    const { body: sent } = await send('viewer', 'GET', '/api/v1/admin/deliveries');
    assert.deepEqual(targets(sent.deliveries, 'target'), ['others/mine']);
    assert.deepEqual((await send('viewer', 'GET', '/api/v1/admin/extensions')).body, {
      servers: [],
      gateways: [],
      others: ['mine'],
    });
    const { body: audit } = await send('admin', 'GET', '/api/v1/admin/audit');
    assert.deepEqual(targets(audit.entries, 'subject'), ['others/mine']);
    const { body: session } = await send('one', 'GET', '/api/v1/admin/session');
    assert.deepEqual([session.role, session.scope], ['admin', ['others/mine/two']]);
  });

  it('tells events to the instances of its scope only', async () => {
    const told = { type: 'invoice.paid', data: { invoiceId: 'i' } };
    assert.equal((await send('panel', 'POST', '/api/v1/events', told)).body.deliveries, 2);
  });

  it('streams the changes of its scope only', async () => {
    const abort = new AbortController();
    const reply = await fetch(`${host.url}/api/v1/admin/stream`, {
      headers: { authorization: `Bearer ${tokens['viewer']}` },
      signal: abort.signal,
    });
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.ok(reader !== undefined);
    await host.request('PUT', `/extensions/others/${SECRET}/config`, { word: 'again' });
    await host.request('PUT', '/extensions/others/mine/config', { word: 'again' });
    let text = '';
    while (!text.includes('instance.config')) text += (await reader.read()).value ?? '';
    assert.match(text, /others\/mine\/default/);
    assert.ok(!text.includes(SECRET), text);
    abort.abort();
  });

  it('is refused with a scope that names nothing, by entry and with a remedy', async () => {
    for (const [entry, words] of [
      ['others/nobody', /there is no extension "others\/nobody"/],
      ['panels/mine', /there is no extension "panels\/mine"/],
      ['others', /"others" is neither an extension nor an instance/],
      ['others/mine/two/x', /neither an extension nor an instance/],
      ['others/mine/..', /neither an extension nor an instance/],
    ] as const) {
      const wish = { name: 'x', role: 'viewer', scope: ['others/mine', entry] };
      const { status, body } = await host.request('POST', '/tokens', wish);
      assert.deepEqual(
        [status, body.code, body.details.field],
        [400, 'CALLER_INPUT_INVALID', 'scope.1'],
      );
      assert.match(body.detail, words);
      assert.match(body.remedy, /category\/name/);
    }
    const none = await host.request('POST', '/tokens', { name: 'x', role: 'viewer', scope: [] });
    assert.deepEqual([none.status, none.body.details.field], [400, 'scope']);
  });
});

const FORBIDDEN = [403, 'CALLER_FORBIDDEN'];

async function sendTo(
  host: TestHost,
  token: string,
  { method, path, body }: { method: string; path: string; body: unknown },
): Promise<{ status: number; text: string; body: any }> {
  const abort = new AbortController();
  const reply = await fetch(host.url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: abort.signal,
  });
  const type = reply.headers.get('content-type') ?? '';
  // A stream has no end: what is asked of it has a test of its own.
  if (type.startsWith('text/event-stream')) abort.abort();
  const text = abort.signal.aborted ? '' : await reply.text();
  return { status: reply.status, text, body: type.includes('json') ? JSON.parse(text) : undefined };
}

/** Every guarded operation of /openapi.json. */
async function operations(host: TestHost): Promise<Operation[]> {
  const { paths } = (await (await fetch(`${host.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, any>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { 'x-scope': scope, requestBody }]) =>
      scope === undefined
        ? []
        : [{ method: method.toUpperCase(), path, scope, body: requestBody !== undefined }],
    ),
  );
}

/** What the schema of a route lets through. */
function bodyFor(path: string): object {
  return path.endsWith('/resolve') ? { as: 'done' } : {};
}

/** A path that means the other extension in all its parts. */
function filled(
  path: string,
  { call, delivery, request }: { call: string; delivery: string; request: string },
): string {
  const values: Record<string, string> = {
    category: 'others',
    name: SECRET,
    instance: 'two',
    handler: 'execute',
    callId: call,
    id: path.includes('deliveries') ? delivery : path.includes('requests') ? request : 'tok_admin',
  };
  return path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => values[name] ?? '');
}
