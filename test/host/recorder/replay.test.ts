// Recorded calls run again: with the answers they had, without an effect, on today's code or another.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { packFiles, upload } from '../../helpers/archive.ts';
import { egressTo } from '../../helpers/egress.ts';
import { manifestFor, other, startTestHost } from '../../helpers/host.ts';
import type { Answer, TestHost } from '../../helpers/host.ts';

const code = (more: string): string => `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ key: secret({ label: 'Key' }) }),
  async execute(input, { fetch, storage, config, call }) {
    const seen = await storage.increment('runs');
    const headers = { authorization: 'Bearer ' + config.key };
    const body = JSON.stringify({ note: input.note, operation: call.operationId });
    const made = await (await fetch('https://api.example.com/notes', { method: 'POST', headers, body })).json();
    ${more}
    if (input.note === 'bad') throw new Error('No such note');
    return { made, seen, oneTime: { password: 'p4ss-w0rd-' + (40 + 2) } };
  },
});
`;

const MANIFEST = manifestFor('others/notes', {
  capabilities: {
    fetch: { hosts: ['api.example.com'], idempotency: { 'api.example.com': 'X-Once' } },
    storage: { quotaBytes: 1_000 },
  },
  secrets: { key: { hosts: ['api.example.com'], in: ['header'] } },
});

const CLOCK = `import { defineServer } from 'cofferdam/sdk';
export default defineServer({
  async create(service, { fetch }) {
    const begun = Date.now();
    await fetch('https://api.example.com/vms', { method: 'POST', body: '{}' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { status: 'done', properties: { begun, ended: new Date().toISOString() } };
  },
  async suspend() { return { status: 'done' }; },
  async unsuspend() { return { status: 'done' }; },
  async terminate() { return { status: 'done' }; },
});
`;

const KEY = 'key-CANARY-7f3a91';

describe('a replay', { timeout: 60_000 }, () => {
  let host: TestHost;
  let vendor: Server;
  let posts = 0;

  before(async () => {
    vendor = createServer((request, response) => {
      posts += 1;
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: posts, saw: request.headers.authorization }));
    }).listen(0, '127.0.0.1');
    await once(vendor, 'listening');
    const { port } = vendor.address() as AddressInfo;
    host = await startTestHost(
      {
        'others/notes': {
          'manifest.json': JSON.stringify(MANIFEST),
          'extension.ts': code(''),
        },
        'servers/clock': {
          'manifest.json': JSON.stringify(
            manifestFor('servers/clock', {
              capabilities: { fetch: { hosts: ['api.example.com'] } },
            }),
          ),
          'extension.ts': CLOCK,
        },
      },
      {
        egress: egressTo(port),
      },
    );
    await host.enable('others/notes', { key: KEY });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    vendor.closeAllConnections();
    vendor.close();
  });

  const replay = (callId: string, body?: object): Promise<Answer> =>
    host.request('POST', `/calls/${callId}/replay`, body);
  const generations = async (): Promise<string[]> =>
    (await host.request('GET', '/extensions/others/notes')).body.generations.map(
      ({ generation }: any) => generation,
    );

  it('gives the recorded answers, also to keys of the operation, and sends nothing', async () => {
    const call = await host.call('others/notes', 'execute', { note: 'a' });
    const { status, body } = await replay(call.body.callId);
    assert.equal(status, 200);
    const { oneTime: _once, ...result } = call.body.result;
    const { oneTime: _again, ...again } = body.result;
    assert.deepEqual(again, result);
    assert.deepEqual(body.replay, { mode: 'recorded', same: true, differences: [] });
    assert.equal(posts, 1);
    assert.notEqual(body.callId, call.body.callId);
  });

  it('shows what a call asked, without secrets and without what is shown once', async () => {
    const { body } = await host.request('GET', '/calls?instance=others/notes/default');
    const { body: call } = await host.request('GET', `/calls/${body.calls.at(-1).callId}`);
    const [storage, fetched] = call.requests;
    assert.deepEqual(storage.reply, { value: 1 });
    assert.equal(fetched.payload.method, 'POST');
    assert.doesNotMatch(JSON.stringify(call), /CANARY|p4ss-w0rd/);
  });

  it('hides requests from a viewer', async () => {
    const { body: token } = await host.request('POST', '/tokens', { name: 'eye', role: 'viewer' });
    const { body } = await host.request('GET', '/calls');
    const reply = await fetch(`${host.url}/api/v1/admin/calls/${body.calls[0].callId}`, {
      headers: { authorization: `Bearer ${token.secret}` },
    });
    const call = (await reply.json()) as object;
    assert.deepEqual(['input' in call, 'requests' in call], [true, false]);
  });

  it('repeats a failure with the answers of that time', async () => {
    const failed = await host.call('others/notes', 'execute', { note: 'bad' });
    assert.equal(failed.status, 502);
    const before = posts;
    const again = await replay(failed.body.callId);
    assert.deepEqual([again.status, again.body.code], [502, 'EXTENSION_THREW']);
    assert.deepEqual(again.body.details.replay.differences, []);
    assert.equal(posts, before);
  });

  it('says what new code would do otherwise, and refuses what was not recorded', async () => {
    const call = await host.call('others/notes', 'execute', { note: 'b' });
    const before = posts;
    const [old] = await generations();
    const more = `await fetch('https://api.example.com/more', { method: 'POST' }).catch(() => null);`;
    await host.write('others/notes', 'extension.ts', code(more));
    await host.request('POST', '/extensions/others/notes/restart');
    const { body } = await replay(call.body.callId);
    assert.deepEqual(body.replay, {
      mode: 'recorded',
      same: false,
      differences: ['new: fetch POST https://api.example.com/more'],
    });
    assert.equal(posts, before);
    const onOld = await replay(call.body.callId, { generation: old });
    assert.equal(onOld.body.replay.same, true);
  });

  it('runs for real when asked to', async () => {
    const call = await host.call('others/notes', 'execute', { note: 'c' });
    const before = posts;
    const { body } = await replay(call.body.callId, { mode: 'live' });
    assert.equal(body.replay, undefined);
    assert.equal(posts, before + 2);
    const { body: record } = await host.request('GET', `/calls/${body.callId}`);
    assert.equal(record.replayOf, call.body.callId);
  });

  it('reads the clock that a call with effects has read then', async () => {
    await host.enable('servers/clock');
    const call = await host.call('servers/clock', 'create', { id: 's1', properties: {} });
    const { body } = await replay(call.body.callId);
    assert.deepEqual(body.replay, { mode: 'recorded', same: true, differences: [] });
    assert.deepEqual(body.result, call.body.result);
  });

  it('keeps recordings sealed in the store', async () => {
    await host.call('others/notes', 'execute', { note: 'CANARY-NOTE-55' });
    // Every write is in the file or its log once the call is listed from the store.
    await host.running.stop();
    const bytes = await Promise.all(
      ['cofferdam.db', 'cofferdam.db-wal'].map((name) =>
        readFile(join(host.dir, 'data', name)).catch(() => Buffer.alloc(0)),
      ),
    );
    const all = Buffer.concat(bytes);
    assert.deepEqual(
      [all.includes('CANARY-NOTE-55'), all.includes('p4ss-w0rd-42')],
      [false, false],
    );
    assert.equal(all.includes('others/notes/default'), true);
  });
});

describe('an update that is compared', { timeout: 60_000 }, () => {
  const next = (body: string, version: string): Promise<Buffer> =>
    packFiles('greeter', {
      'manifest.json': JSON.stringify(manifestFor('others/greeter', { version })),
      'extension.ts': other(body),
    });

  it('comes in when it does what was recorded, and is held back when not', async () => {
    await using host = await startTestHost();
    const place = async (archive: Buffer, query = ''): Promise<any> => {
      const { status, body } = await upload(host.url, archive, query);
      assert.equal(status, 201, JSON.stringify(body));
      return body;
    };
    const greet = async (): Promise<unknown> =>
      (await host.call('others/greeter', 'execute', { name: 'Ada' })).body.result;

    await place(await next("return 'Hello ' + input.name;", '1.0.0'));
    await host.enable('others/greeter');
    assert.equal(await greet(), 'Hello Ada');

    const same = await place(await next('return `Hello ${input.name}`;', '1.0.1'), '?compare=10');
    assert.deepEqual([same.comparison.compared, same.comparison.differing], [1, []]);
    const { body: running } = await host.request('GET', '/extensions/others/greeter');
    assert.equal(running.instances[0].generation, same.comparison.generation);

    const held = await place(await next("return 'Bye ' + input.name;", '2.0.0'), '?compare=10');
    const [difference] = held.comparison.differing;
    assert.deepEqual(
      [difference.handler, difference.differences],
      ['execute', ['the result differs']],
    );
    assert.equal(await greet(), 'Hello Ada');

    const { generation } = held.comparison;
    const path = '/extensions/others/greeter';
    const compared = await host.request('POST', `${path}/compare`, { generation, last: 1 });
    assert.equal(compared.body.differing.length, 1);
    assert.equal((await host.request('POST', `${path}/rollback`, { generation })).status, 200);
    assert.equal(await greet(), 'Bye Ada');
  });
});
