// A lock is widened and lifted by admins only, whichever route an operator tries.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { manifestFor, other, startTestHost } from '../../helpers/host.ts';
import type { TestHost } from '../../helpers/host.ts';

const BASE = '/extensions/others/asks';
const kind = (path: string): object => ({ method: 'GET', host: 'a.example.com', path });
const ONE = kind('/one');
const TWO = kind('/two');

describe('a lock that an admin has set', { timeout: 60_000 }, () => {
  let host: TestHost;
  let operator = {};
  before(async () => {
    const capabilities = { fetch: { hosts: ['a.example.com'], reason: 'for its test' } };
    host = await startTestHost({
      'others/asks': {
        'extension.ts': other('await ctx.fetch(input.url);'),
        'manifest.json': JSON.stringify(manifestFor('others/asks', { capabilities })),
      },
    });
    await host.enable('others/asks');
    await host.request('POST', `${BASE}/lock`, { lock: [ONE, TWO] });
    const { body } = await host.request('POST', '/tokens', { name: 'op', role: 'operator' });
    operator = { authorization: `Bearer ${body.secret}` };
  });
  after(() => host[Symbol.asyncDispose]());
  const lockOf = async (): Promise<unknown> =>
    (await host.request('GET', `${BASE}/instances/default`)).body.grants.lock;

  it('is not lifted by grants that do not speak of it', async () => {
    for (const body of [{}, { grants: {} }, { grants: { fetch: { hosts: ['a.example.com'] } } }]) {
      assert.equal((await host.request('POST', `${BASE}/enable`, body, operator)).status, 200);
      assert.deepEqual(await lockOf(), [ONE, TWO]);
    }
  });

  it('is not widened by an operator, on any route', async () => {
    const wider = [ONE, TWO, kind('/three')];
    for (const [method, path, body] of [
      ['POST', `${BASE}/lock`, { lock: wider }],
      ['POST', `${BASE}/enable`, { grants: { lock: wider } }],
      ['DELETE', `${BASE}/lock`, undefined],
    ] as const) {
      const { status, body: problem } = await host.request(method, path, body, operator);
      assert.deepEqual([status, problem.code], [403, 'CALLER_FORBIDDEN'], `${method} ${path}`);
      assert.deepEqual(await lockOf(), [ONE, TWO]);
    }
  });

  it('is narrowed by an operator, and widened again by an admin', async () => {
    const narrow = await host.request('POST', `${BASE}/lock`, { lock: [ONE] }, operator);
    assert.deepEqual([narrow.status, await lockOf()], [200, [ONE]]);
    await host.enable('others/asks', undefined, { lock: [ONE, TWO] });
    assert.deepEqual(await lockOf(), [ONE, TWO]);
  });
});
