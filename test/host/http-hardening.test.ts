// Holes that the corpus of attacks on the surface had found, each closed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { exchange } from '../attack/http-wire.ts';
import { startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

const SET = `import { defineOther, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ name: z.string() }),
  async execute(_input, ctx) { return ctx.config.name; },
});
`;

describe('the surface', { timeout: 60_000 }, () => {
  let host: TestHost;
  before(async () => {
    host = await startTestHost({
      'others/set': { 'extension.ts': SET },
    });
  });
  after(() => host[Symbol.asyncDispose]());
  const send = (text: string): ReturnType<typeof exchange> =>
    exchange(host.url, Buffer.from(text, 'latin1'), { watched: true });

  it('refuses a parameter that no route knows, and names it', async () => {
    const { status, body } = await host.request('GET', '/extensions?limit=-1');
    assert.deepEqual(
      [status, body.code, body.details.field],
      [400, 'CALLER_INPUT_INVALID', 'limit'],
    );
    assert.match(body.remedy, /^Leave "limit" away/);
  });

  it('refuses JSON in another encoding than UTF-8, and takes it in UTF-8', async () => {
    const put = (charset: string): Promise<{ status: number }> =>
      host.request(
        'PUT',
        '/extensions/others/set/config',
        { name: 'a' },
        {
          'content-type': `application/json; charset=${charset}`,
        },
      );
    assert.equal((await put('utf-16')).status, 415);
    assert.equal((await put('UTF-8')).status, 200);
  });

  it('answers a request without a host with a problem, and ends the connection', async () => {
    const reply = await send('GET /healthz HTTP/1.1\r\n\r\n');
    assert.deepEqual([reply.status, reply.closed], [400, true]);
    assert.equal(JSON.parse(reply.body).details.field, 'host');
  });

  it('ends the connection of one that wants another protocol', async () => {
    const reply = await send(
      'GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n',
    );
    assert.deepEqual([reply.status, reply.closed], [200, true]);
  });

  it('lets one of two writers win who read the same version', async () => {
    const path = '/extensions/others/set/instances/default';
    const etag = (await host.request('GET', path)).headers.get('etag') ?? '';
    const write = (name: string): Promise<{ status: number; body: any }> =>
      host.request('PUT', `${path}/config`, { name }, { 'if-match': etag });
    const [first, second] = await Promise.all([write('a'), write('b')]);
    assert.deepEqual([first?.status, second?.status].toSorted(), [200, 412]);
    const lost = first?.status === 412 ? first : second;
    assert.equal(lost?.body.code, 'CALLER_CONFLICT');
  });

  it('takes an earlier version back only from who read the current one', async () => {
    const path = '/extensions/others/set/instances/default';
    const read = await host.request('PUT', `${path}/config`, { name: 'c' });
    const version = read.body.configVersion;
    const roll = (ifMatch: string): ReturnType<TestHost['request']> =>
      host.request('POST', `${path}/config/rollback`, { version }, { 'if-match': ifMatch });
    const late = await roll(`"${version - 1}"`);
    assert.deepEqual([late.status, late.body.code], [412, 'CALLER_CONFLICT']);
    assert.deepEqual(late.body.details, { configVersion: version });
    const back = await roll(`"${version}"`);
    assert.deepEqual([back.status, back.headers.get('etag')], [200, `"${version + 1}"`]);
    assert.equal((await roll('3')).body.details.field, 'if-match');
  });

  it('refuses an if-match that is no version', async () => {
    const path = '/extensions/others/set/config';
    const { status, body } = await host.request('PUT', path, { name: 'a' }, { 'if-match': 'W/x' });
    assert.deepEqual([status, body.details.field], [400, 'if-match']);
  });
});
