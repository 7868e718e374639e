// Canaries: a secret of its own in every config, requests that succeed, fail and repeat it, then one search
// over everything that the run produced. Only the host itself may hold one in the clear.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { pino } from 'pino';

import { egressTo } from '../helpers/egress.ts';
import {
  assertNone,
  assertNoneInChildren,
  assertNoneInFiles,
  memoryOf,
} from '../helpers/canaries.ts';
import { manifestFor, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

// Put together at run time: a search through memory must not find this file's own text.
const canary = (name: string): string => ['canary', name, '7f3a91c2e5b8'].join('-');
const CANARIES = [
  canary('header'),
  canary('json'),
  canary('hmac'),
  canary('unused'),
  canary('given'),
];
const [HEADER = '', JSON_KEY = '', HMAC = '', UNUSED = '', GIVEN = ''] = CANARIES;

const EXTENSION = `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ a: secret({ label: 'A' }), b: secret({ label: 'B' }), c: secret({ label: 'C' }), d: secret({ label: 'D' }) }),
  async execute(_input, ctx) {
    const { a, b, c, d } = ctx.config;
    const V = 'https://api.example.com';
    const echo = await ctx.fetch(V + '/echo', { headers: { authorization: 'Bearer ' + a } });
    const said = await echo.text();
    ctx.log.info(said, { said, a, d });
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ b }) };
    const repeated = await (await ctx.fetch(V + '/echo', json)).json();
    const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(c), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const signature = new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode('x'))).toHex();
    const { token } = await (await ctx.fetch(V + '/token')).json();
    await ctx.storage.set('token', { token, said });
    const used = await (await ctx.fetch(V + '/echo', { headers: { authorization: token } })).text();
    const refused = await ctx.fetch('https://other.example.com/?' + a).catch((error) => ({ message: error.message, details: error.details }));
    const broken = await ctx.fetch(V + '/cut', { headers: { authorization: a } }).catch((error) => error.message);
    return { said, repeated, signature, token, used, refused, broken, config: ctx.config };
  },
  async health(ctx) { throw new Error('failed with ' + ctx.config.a); },
} as any);
`;

describe('secrets of a run', { timeout: 120_000 }, () => {
  let host: TestHost;
  const lines: string[] = [];
  const replies: string[] = [];
  const sent: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      sent.push(`${request.headers.authorization} ${body}`);
      if (request.url === '/cut') return void request.socket.destroy();
      if (request.url === '/token') return void response.end(JSON.stringify({ token: GIVEN }));
      response.end(body === '' ? `you are ${request.headers.authorization}` : body);
    });
  });
  const request = async (method: string, path: string, body?: unknown): Promise<any> => {
    const answer = await host.request(method, path, body);
    replies.push(JSON.stringify([answer.body, [...answer.headers]]));
    return answer.body;
  };

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const hosts = ['api.example.com'];
    host = await startTestHost(
      {
        'others/canaries': {
          'extension.ts': EXTENSION,
          'manifest.json': JSON.stringify(
            manifestFor('others/canaries', {
              capabilities: { fetch: { hosts }, storage: { quotaBytes: 10_000 } },
              secrets: {
                a: { hosts, in: ['header'] },
                b: { hosts, in: ['json'] },
                given: { hosts, in: ['header'], earned: { path: '/token', json: 'token' } },
              },
            }),
          ),
        },
      },
      {
        log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
        egress: egressTo(port),
      },
    );
    const base = '/extensions/others/canaries';
    await request('PUT', `${base}/config`, { a: HEADER, b: JSON_KEY, c: HMAC, d: UNUSED });
    await request('POST', `${base}/enable`);
    const { callId, result } = await request('POST', `${base}/calls/execute`, {});
    assert.match(result?.used ?? '', /\[secret:given\]/, JSON.stringify(result));
    await request('POST', `${base}/calls/health`, {});
    for (const path of [base, `${base}/config`, `${base}/instances`, `${base}/usage`]) {
      await request('GET', path);
    }
    for (const path of ['/calls', `/calls/${callId}`, '/audit', '/requests']) {
      await request('GET', path);
    }
    await request('PUT', `${base}/config`, { a: '', b: 5, c: HMAC });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  it('reached the vendor, so that there was something to leak', () => {
    const all = sent.join('\n');
    for (const each of [HEADER, JSON_KEY, GIVEN]) assert.ok(all.includes(each), each);
  });

  it('are in no reply, and replies show where they were', () => {
    assert.match(replies.join('\n'), /\[secret:a\]/);
    assertNone(CANARIES, 'a reply', replies.join('\n'));
  });

  it('are in no log line of the host at its loudest', () => {
    assert.match(lines.join(''), /\[secret:a\]/);
    assertNone(CANARIES, 'a log line', lines.join(''));
  });

  it('are in no file that the host keeps: database, write-ahead log, bundles', () => {
    const files = assertNoneInFiles(CANARIES, join(host.dir, 'data'));
    assert.ok(files.some((name) => name.startsWith('cofferdam.db')));
  });

  it('are in no environment, command line or memory of a cell', (test) => {
    const searched = assertNoneInChildren(CANARIES);
    if (searched === undefined) {
      console.log('skip: there is no /proc on this machine');
      return test.skip();
    }
    if (searched === 0) console.log('skip: memory of other processes is not readable here');
    // The search itself works: the host, which has to hold them, is found out.
    else assert.ok(memoryOf(process.pid).some((block) => block.includes(HEADER)));
  });
});
