// What an instance does with its grants: counted, shown with the reason, locked to what was observed.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { manifestFor, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

const EXTENSION = `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ host: z.string(), token: secret({ label: 'Token' }) }),
  async execute(input, ctx) {
    const replies = [];
    for (const { url, init } of input.requests) {
      try {
        replies.push((await ctx.fetch(url.replace('$TOKEN', ctx.config.token), init)).status);
      } catch (error) {
        replies.push({ code: error.code, details: error.details });
      }
    }
    return replies;
  },
} as any);
`;
const TOKEN = 'tk_secret_0123456789';
const seen: { method: string; url: string; headers: IncomingHttpHeaders }[] = [];
const server = createServer((request, response) => {
  seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
  request.resume().on('end', () => response.end('ok'));
});

describe('usage of an instance', { timeout: 60_000 }, () => {
  let host: TestHost;
  let origin = '';
  const run = async (...requests: { url: string; init?: object }[]): Promise<any[]> => {
    const { body } = await host.call('others/talks', 'execute', { requests });
    assert.ok(Array.isArray(body.result), JSON.stringify(body));
    return body.result;
  };
  const usage = async (): Promise<any> =>
    (await host.request('GET', '/extensions/others/talks/usage')).body;

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const hosts = ['{config.host}', 'api.example.com'];
    host = await startTestHost({
      'others/talks': {
        'extension.ts': EXTENSION,
        'manifest.json': JSON.stringify(
          manifestFor('others/talks', {
            capabilities: { fetch: { hosts, idempotency: { '{config.host}': 'Idempotency-Key' } } },
            secrets: { token: { hosts: ['{config.host}'], in: ['path', 'header'] } },
          }),
        ),
      },
    });
    const lan = [{ cidr: '127.0.0.0/8', reason: 'test', http: true }];
    await host.enable('others/talks', { host: '127.0.0.1', token: TOKEN }, { lan });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });

  it('counts what was used by method, host and shape of the path, without ids and secrets', async () => {
    await run(
      { url: `${origin}/v1/things/17?page=2` },
      { url: `${origin}/v1/things/4d7e91f2-0c1b-4f2e-9b39-1d2b3c4d5e6f` },
      { url: `${origin}/v1/things`, init: { method: 'POST', body: 'x' } },
      { url: `${origin}/bot/$TOKEN/send` },
    );
    const { used, secrets } = await usage();
    const shown = used.map((each: any) => [each.count, each.method, each.host, each.path]);
    assert.deepEqual(
      shown.toSorted((a: string[], b: string[]) => String(a[3]).localeCompare(String(b[3]))),
      [
        [1, 'GET', origin, '/bot/{id}/send'],
        [1, 'POST', origin, '/v1/things'],
        [2, 'GET', origin, '/v1/things/{id}'],
      ],
    );
    assert.deepEqual(secrets, [
      { field: 'token', hosts: ['{config.host}'], in: ['path', 'header'] },
    ]);
    assert.ok(!JSON.stringify(await usage()).includes(TOKEN));
  });

  it('counts every refusal with its rule, who set it and the line that would allow it', async () => {
    await run({ url: 'https://other.example.com/a' }, { url: 'https://other.example.com/b' });
    await run({ url: `${host.url}/healthz` });
    const { denied } = await usage();
    const [own, other] = denied.toSorted((a: any, b: any) => (a.rule < b.rule ? 1 : -1));
    assert.deepEqual(
      [other.rule, other.count, other.setBy, other.allowedBy, other.target],
      [
        'host-not-granted',
        2,
        'the manifest and its grants',
        'capabilities.fetch.hosts: ["other.example.com"]',
        'https://other.example.com',
      ],
    );
    assert.deepEqual(
      [own.rule, own.count, own.setBy, own.allowedBy],
      ['own-listener', 1, 'the host', null],
    );
    const view = await host.request('GET', '/extensions/others/talks/instances/default');
    assert.equal(view.body.deniedRequests, 3);
  });

  it('proposes the grant that was used and names what it drops', async () => {
    const { proposal } = await usage();
    assert.deepEqual(proposal.drops, ['api.example.com']);
    assert.deepEqual(proposal.grants.fetch, { hosts: ['{config.host}'] });
    assert.equal(proposal.grants.lock.length, 3);
    assert.equal(proposal.grants.lan[0].cidr, '127.0.0.0/8');
  });

  it('locked to what was observed, refuses a first use and asks an admin once', async () => {
    const locked = await host.request('POST', '/extensions/others/talks/lock');
    assert.equal(locked.status, 200, JSON.stringify(locked.body));
    assert.deepEqual(locked.body.missingGrants, {});
    const asked = host.nextChange('egress.asked');
    const count = seen.length;
    const [known, first, again] = await run(
      { url: `${origin}/v1/things/99` },
      { url: `${origin}/v1/things/99`, init: { method: 'DELETE' } },
      { url: `${origin}/v1/things/98`, init: { method: 'DELETE' } },
    );
    assert.equal(known, 200);
    for (const refused of [first, again]) {
      assert.deepEqual([refused.code, refused.details.rule], ['EGRESS_DENIED', 'outside-lock']);
      assert.match(refused.details.allowedBy, /^grants\.lock: \{"method":"DELETE"/);
    }
    assert.equal(seen.length, count + 1);
    assert.deepEqual((await asked).data, {
      method: 'DELETE',
      host: origin,
      path: '/v1/things/{id}',
    });
    const { body } = await host.request('GET', '/requests');
    assert.deepEqual(
      body.requests.map((each: any) => [each.instance, each.method, each.path, each.count]),
      [['others/talks/default', 'DELETE', '/v1/things/{id}', 2]],
    );
  });

  it('allows what the admin allows, and nothing else', async () => {
    const [request] = (await host.request('GET', '/requests')).body.requests;
    const allowed = await host.request('POST', `/requests/${request.id}/allow`);
    assert.equal(allowed.status, 200);
    assert.deepEqual((await host.request('GET', '/requests')).body.requests, []);
    const [deleted, other] = await run(
      { url: `${origin}/v1/things/99`, init: { method: 'DELETE' } },
      { url: `${origin}/v1/others`, init: { method: 'DELETE' } },
    );
    assert.equal(deleted, 200);
    assert.equal(other.details.rule, 'outside-lock');
    const [dismissed] = (await host.request('GET', '/requests')).body.requests;
    assert.equal((await host.request('POST', `/requests/${dismissed.id}/dismiss`)).status, 200);
    assert.deepEqual((await host.request('GET', '/requests')).body.requests, []);
    assert.equal((await host.request('POST', `/requests/${dismissed.id}/allow`)).status, 404);
    const [still] = await run({ url: `${origin}/v1/others`, init: { method: 'DELETE' } });
    assert.equal(still.details.rule, 'outside-lock');
  });

  it('stays locked when it is enabled again without grants, until the lock is lifted', async () => {
    await host.request('POST', '/extensions/others/talks/enable');
    const [refused] = await run({ url: `${origin}/elsewhere` });
    assert.equal(refused.details.rule, 'outside-lock');
    const lifted = await host.request('DELETE', '/extensions/others/talks/lock');
    assert.deepEqual(lifted.body.grants.fetch.hosts, ['{config.host}', 'api.example.com']);
    assert.equal(lifted.body.grants.lock, undefined);
    assert.deepEqual(await run({ url: `${origin}/elsewhere` }), [200]);
  });

  it('refuses to lock to nothing, and to be decided upon by a viewer', async () => {
    const made = await host.request('POST', '/extensions/others/talks/instances', {
      instance: 'b',
    });
    assert.equal(made.status, 201);
    const lock = await host.request('POST', '/extensions/others/talks/instances/b/lock');
    assert.deepEqual([lock.status, lock.body.code], [409, 'CALLER_CONFLICT']);
    const viewer = await host.request('POST', '/tokens', { name: 'v', role: 'viewer' });
    const authorization = `Bearer ${viewer.body.secret}`;
    const answer = await host.request('POST', '/requests/req_x/allow', undefined, {
      authorization,
    });
    assert.equal(answer.status, 403);
  });

  it('sends a key of the operation with what may come twice, unless it has one of its own', async () => {
    const post = { url: `${origin}/v1/things`, init: { method: 'POST', body: 'x' } };
    const own = { ...post.init, headers: { 'idempotency-key': 'mine' } };
    const keysOf = async (operation: string): Promise<unknown[]> => {
      seen.length = 0;
      await host.request(
        'POST',
        '/extensions/others/talks/calls/execute',
        {
          input: { requests: [{ url: `${origin}/v1/things` }, post, post, { ...post, init: own }] },
        },
        { 'idempotency-key': operation },
      );
      return seen.map(({ headers }) => headers['idempotency-key']);
    };
    const [get, first, second, mine] = await keysOf('operation-1');
    assert.equal(get, undefined);
    assert.match(String(first), /^[0-9a-f]{32}$/);
    assert.notEqual(first, second);
    assert.equal(mine, 'mine');
    const [, other] = await keysOf('operation-2');
    assert.notEqual(first, other);
  });
});
