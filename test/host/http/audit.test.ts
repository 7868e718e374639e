// Every change and every refusal stands in the audit, whichever route it came by; what it answers to whom.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { createAuditTrail } from '../../../host/http/audit.ts';
import { LIMITS } from '../../../host/limits.ts';
import type { AuditRow } from '../../../host/store/audit.ts';
import { ADMIN_TOKEN, startTestHost } from '../../helpers/host.ts';
import type { Answer, TestHost } from '../../helpers/host.ts';

const SERVER = `import { defineServer, secret, z } from 'cofferdam/sdk';
const done = async () => ({ status: 'done', remoteId: '1' });
export default defineServer({
  config: z.object({ key: secret({ label: 'Key' }), word: z.string() }),
  async testConnection() { return { ok: true }; },
  async create(service) { if (service.id === 'bad') throw new Error('no'); return done(); },
  suspend: done, unsuspend: done, terminate: done,
  async usage() { return {}; },
} as any);
`;
const KEY = 'sk_canary_0123456789';

/** Routes that change something and are no line of the audit when they do, and where they stand instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'POST /api/v1/admin/extensions/{category}/{name}/compare': 'runs without effects; GET /calls',
  'POST /api/v1/events': 'GET /deliveries',
};

type Operation = { readonly method: string; readonly path: string; readonly action?: string };

describe('the audit', { timeout: 120_000 }, () => {
  let host: TestHost;
  before(async () => {
    host = await startTestHost({ 'servers/box': { 'extension.ts': SERVER } });
  });
  after(() => host[Symbol.asyncDispose]());
  const read = async (query: string): Promise<any[]> =>
    (await host.request('GET', `/audit?limit=500&${query}`)).body.entries;
  const newest = async (): Promise<number> => (await read(''))[0]?.id ?? 0;
  const since = async (id: number, query = ''): Promise<any[]> =>
    (await read(query)).filter((entry) => entry.id > id).toReversed();
  const makeToken = async (role: string, more: object = {}): Promise<any> =>
    (await host.request('POST', '/tokens', { name: role, role, ...more })).body;

  it('has a line of every change with who, what, to what and how it ended', async () => {
    const base = '/extensions/servers/Box';
    const two = `${base}/instances/two`;
    const config = { key: KEY, word: 'one' };
    const id = await newest();
    const steps: readonly (readonly [string, string, unknown, string, string, object?])[] = [
      ['PUT', `${base}/config`, config, 'instance.config', 'default', { fields: ['key', 'word'] }],
      ['POST', `${base}/config/rollback`, { version: 1 }, 'instance.config.rollback', 'default'],
      ['POST', `${base}/test`, {}, 'instance.test', 'default'],
      ['POST', `${base}/enable`, {}, 'instance.enable', 'default'],
      ['POST', `${base}/calls/create`, { input: { id: 's' } }, 'call', 'default'],
      [
        'POST',
        `${base}/lock`,
        { lock: [{ method: 'GET', host: 'x', path: '/' }] },
        'instance.lock',
        'default',
      ],
      ['POST', `${base}/restart`, {}, 'instance.restart', 'default'],
      ['POST', `${base}/disable`, {}, 'instance.disable', 'default'],
      ['POST', `${base}/instances`, { instance: 'two' }, 'instance.create', 'two'],
      ['PATCH', two, { trusted: true }, 'instance.patch', 'two', { trusted: true }],
      ['DELETE', two, undefined, 'instance.remove', 'two'],
    ];
    for (const [method, path, body] of steps) {
      const { status, body: reply } = await host.request(method, path, body);
      assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(reply)}`);
    }
    const lines = await since(id);
    assert.deepEqual(
      lines.map(({ actor, role, action, subject, outcome }) => [
        ...[actor, role, action, subject, outcome],
      ]),
      steps.map(([, , , action, instance]) => [
        ...['tok_admin', 'admin', action, `servers/box/${instance}`, 'done'],
      ]),
    );
    for (const [at, [, , , , , details]] of steps.entries()) {
      if (details !== undefined) assert.deepEqual(lines[at].details, details);
    }
    assert.ok(!JSON.stringify(lines).includes(KEY));
  });

  it('has a line of every route that changes something, done or failed', async () => {
    for (const { method, path, action } of await mutating(host)) {
      const route = `${method} ${path}`;
      if (action === undefined) {
        assert.ok(ELSEWHERE[route] !== undefined, `${route} changes something and has no action`);
        continue;
      }
      const id = await newest();
      const { status, body } = await send(host, ADMIN_TOKEN, { method, path });
      const [line, ...more] = await since(id);
      assert.deepEqual([line?.actor, line?.action, more], ['tok_admin', action, []], route);
      assert.equal(line.outcome, status < 300 ? 'done' : body.code, route);
      assert.ok(line.subject.length > 0, route);
    }
  });

  it('has a line of a call that failed, and none of one that changes nothing', async () => {
    await host.enable('servers/box', { key: KEY, word: 'x' });
    const id = await newest();
    const failed = await host.call('servers/box', 'create', { id: 'bad' });
    await host.call('servers/box', 'usage', { id: 's' });
    await host.call('servers/box', 'create', { id: 's' }, { dryRun: true });
    const lines = await since(id);
    assert.deepEqual(
      lines.map(({ action, outcome, details }) => [action, outcome, details]),
      [['call', 'EXTENSION_THREW', { handler: 'create', callId: failed.body.callId }]],
    );
  });

  it('has a line of every refusal of a token, by role and by scope', async () => {
    const viewer = await makeToken('viewer');
    const narrow = await makeToken('admin', { scope: ['servers/box/other'] });
    for (const token of [viewer, narrow]) {
      for (const { method, path } of await mutating(host)) {
        const { status } = await send(host, token.secret, { method, path });
        const [line] = await read(`actor=${token.id}`);
        if (status !== 403) continue;
        const route = path.replaceAll(/\{(\w+)\}/g, ':$1');
        assert.deepEqual(
          [line.role, line.action, line.outcome],
          [token.role, `${method} ${route}`, 'forbidden'],
        );
        assert.match(line.subject, path.includes('{name}') ? /^servers\/box/ : /^\/api\/v1\//);
      }
    }
    assert.ok((await read(`actor=${viewer.id}&outcome=forbidden`)).length > 25);
    assert.ok((await read(`actor=${narrow.id}&outcome=forbidden`)).length > 20);
  });

  it('keeps refusals without a token up to a bound of their address, and says so once', async () => {
    const id = await newest();
    for (let at = 0; at < LIMITS.authFailures + 5; at += 1) {
      await send(host, 'wrong', { method: 'GET', path: '/api/v1/admin/extensions?token=abc' });
    }
    const lines = (await since(id)).map(({ actor, role, action, subject, outcome }) => [
      ...[actor, role, action, subject, outcome],
    ]);
    const path = '/api/v1/admin/extensions';
    const line = ['127.0.0.1', 'none', `GET ${path}`, path];
    assert.deepEqual(lines, [
      ...Array.from({ length: LIMITS.authFailures }, () => [...line, 'unauthenticated']),
      [...line, 'rate-limited'],
    ]);
  });

  it('finds lines by filters, pages through them, and names a filter that does not fit', async () => {
    const all = await read('action=instance&subject=servers/box/default');
    assert.ok(all.length > 5);
    const paged: any[] = [];
    let next: number | null | undefined;
    do {
      const place: string = next === undefined ? '' : `&before=${next}`;
      const { body } = await host.request(
        'GET',
        `/audit?action=instance&subject=servers/box/default&limit=3${place}`,
      );
      paged.push(...body.entries);
      next = body.next;
    } while (next !== null);
    assert.deepEqual(paged, all);
    const at = all[2].at;
    assert.deepEqual(
      await read(`action=instance&subject=servers/box/default&until=${at}`),
      all.filter((entry) => entry.at < at),
    );
    for (const [query, field] of [
      ['since=2026-06-31T00:00:00Z', 'since'],
      ['until=today', 'until'],
      ['who=me', 'who'],
    ]) {
      const { status, body } = await host.request('GET', `/audit?${query}`);
      assert.deepEqual(
        [status, body.code, body.details.field],
        [400, 'CALLER_INPUT_INVALID', field],
      );
    }
  });

  it('is exported in lines, all of what fits, the same as its pages', async () => {
    const headers = { accept: 'text/plain, application/x-ndjson;q=0.9' };
    const authorization = `Bearer ${ADMIN_TOKEN}`;
    const reply = await fetch(`${host.url}/api/v1/admin/audit?subject=servers/box`, {
      headers: { ...headers, authorization },
    });
    assert.equal(reply.headers.get('content-type'), 'application/x-ndjson');
    const text = await reply.text();
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(lines, await read('subject=servers/box'));
    assert.ok(!text.includes(KEY));
  });
});

describe('the trail of a server', () => {
  const request: any = {
    actor: { id: 'tok', role: 'viewer', scope: null },
    method: 'GET',
    url: '/x',
    params: {},
    routeOptions: { url: '/x', config: {} },
  };

  it('keeps a bounded number of refusals of one token in a minute, and counts the rest', () => {
    const lines: AuditRow[] = [];
    let unaudited = 0;
    let now = LIMITS.purgeEveryMs;
    const trail = createAuditTrail({
      store: {
        addAudit: async (line) => void lines.push(line),
        purgeAudit: async () => 0,
      },
      host: { subject: () => '' },
      metrics: { unaudited: () => void (unaudited += 1) },
      log: {} as never,
      nowMs: () => now,
    });
    const refusal = { code: 'CALLER_FORBIDDEN', message: 'no' } as const;
    for (let at = 0; at < LIMITS.auditedFailures + 7; at += 1) trail.failed(request, refusal);
    assert.deepEqual([lines.length, unaudited], [LIMITS.auditedFailures, 7]);
    now += LIMITS.countWindowMs;
    trail.failed(request, refusal);
    assert.equal(lines.length, LIMITS.auditedFailures + 1);
  });

  it('keeps a bounded number of refusals of strangers, from however many addresses they come', () => {
    const lines: AuditRow[] = [];
    let unaudited = 0;
    const trail = createAuditTrail({
      store: { addAudit: async (line) => void lines.push(line), purgeAudit: async () => 0 },
      host: { subject: () => '' },
      metrics: { unaudited: () => void (unaudited += 1) },
      log: {} as never,
      nowMs: () => 0,
    });
    const refusal = { code: 'CALLER_UNAUTHENTICATED', message: 'no' } as const;
    for (let at = 0; at < LIMITS.auditedStrangers; at += 1) {
      const stranger = { ...request, actor: undefined, ip: `2001:db8::${at}` };
      trail.failed(stranger, refusal);
      trail.throttled(stranger);
    }
    assert.deepEqual([lines.length, unaudited], [LIMITS.auditedStrangers, LIMITS.auditedStrangers]);
  });

  it('forgets what is over its time, at most once in a while', async () => {
    const purged: object[] = [];
    const now = Date.UTC(2026, 0, 31);
    const trail = createAuditTrail({
      store: {
        addAudit: async () => undefined,
        purgeAudit: async (options) => purged.push(options),
      },
      host: { subject: () => '' },
      metrics: { unaudited: () => undefined },
      log: {} as never,
      nowMs: () => now,
    });
    trail.done(request, 'a');
    trail.done(request, 'b');
    await new Promise((resolve) => setImmediate(resolve));
    const iso = (ms: number): string => new Date(now - ms).toISOString();
    assert.deepEqual(purged, [
      {
        before: iso(LIMITS.auditKeptMs),
        strangersBefore: iso(LIMITS.auditStrangersKeptMs),
        limit: LIMITS.auditPurged,
      },
    ]);
  });
});

/** Every guarded operation that is no reading, with what the audit calls it. */
async function mutating({ url }: TestHost): Promise<Operation[]> {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, any>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { 'x-roles': roles, 'x-audit': action }]) =>
      roles === undefined || method === 'get' || method === 'head'
        ? []
        : [{ method: method.toUpperCase(), path, action }],
    ),
  );
}

async function send(
  { url }: TestHost,
  token: string,
  { method, path }: Operation,
): Promise<Pick<Answer, 'status' | 'body'>> {
  const values: Record<string, string> = {
    category: 'servers',
    name: 'box',
    instance: 'default',
    handler: 'create',
    callId: 'call_none',
    id: 'none',
  };
  const filled = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => values[name] ?? '');
  const hasBody = method !== 'GET' && method !== 'DELETE';
  const reply = await fetch(url + filled, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
    },
    ...(hasBody ? { body: '{}' } : {}),
  });
  const text = await reply.text();
  return { status: reply.status, body: text === '' ? {} : JSON.parse(text) };
}
