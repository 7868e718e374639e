import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import { manifestFor, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

const SECRET = 'tk_live_0123456789abcdef';
const EXTENSION = `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ host: z.string(), token: secret({ label: 'Token' }), stray: secret({ label: 'Stray' }).optional() }),
  async execute(input, ctx) { return run(input, ctx); },
} as any);
async function run({ url, init = {}, read = 'text', times = 1 }: any, ctx: any) {
  const fill = (value: any): any => JSON.parse(JSON.stringify(value).replaceAll('$TOKEN', ctx.config.token).replaceAll('$BASIC', btoa('user:' + ctx.config.token)));
  try {
    const response = await ctx.fetch(fill(url), fill(init));
    const body = read === 'bytes' ? (await response.bytes()).length : read === 'json' ? await response.json() : await response.text();
    return { status: response.status, url: response.url, redirected: response.redirected, headers: Object.fromEntries(response.headers), body };
  } catch (error: any) {
    return { error: error.code ?? error.name, message: error.message, remedy: error.details?.remedy, details: error.details };
  }
}
`;

describe('fetch of an extension', { timeout: 60_000 }, () => {
  let host: TestHost;
  let server: Server;
  let port = 0;
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] =
    [];

  const send = async (input: object): Promise<any> => {
    const { body } = await host.call('others/talks', 'execute', input);
    return body.result ?? body;
  };
  const local = (path: string): string => `http://127.0.0.1:${port}${path}`;

  before(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        seen.push({
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.headers,
          body,
        });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    host = await startTestHost({
      'others/talks': {
        'extension.ts': EXTENSION,
        'manifest.json': JSON.stringify(
          manifestFor('others/talks', {
            capabilities: { fetch: { hosts: ['{config.host}', 'api.example.com'] } },
            secrets: {
              token: { hosts: ['{config.host}'], in: ['header', 'basic', 'query', 'json'] },
            },
          }),
        ),
      },
    });
    await host.enable(
      'others/talks',
      { host: '127.0.0.1', token: SECRET },
      { lan: [{ cidr: '127.0.0.0/8', reason: 'test', http: true }] },
    );
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });

  it('reaches a granted host and reads what it says', async () => {
    const reply = await send({ url: local('/json'), read: 'json' });
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.body, { hello: 'wörld' });
    assert.equal(reply.headers['x-two'], 'a, b');
  });

  it('is refused everything else, with the rule and what would allow it', async () => {
    const cases: [string, string][] = [
      ['https://other.example.com/', 'host-not-granted'],
      ['https://api.example.com:8443/', 'port-not-granted'],
      [`https://user:pass@127.0.0.1:${port}/`, 'TypeError'],
      ['ftp://127.0.0.1/', 'scheme'],
      ['http://169.254.169.254/latest/meta-data', 'host-not-granted'],
    ];
    for (const [url, rule] of cases) {
      const reply = await send({ url });
      if (rule === 'TypeError') assert.equal(reply.error, 'TypeError');
      else {
        assert.equal(reply.error, 'EGRESS_DENIED', url);
        assert.equal(reply.details.rule, rule, url);
        assert.ok(reply.remedy.length > 10);
      }
    }
  });

  it('never reaches the host that runs it', async () => {
    const reply = await send({ url: `${host.url}/healthz` });
    assert.deepEqual([reply.error, reply.details.rule], ['EGRESS_DENIED', 'own-listener']);
  });

  it('puts a secret in only where the manifest says', async () => {
    seen.length = 0;
    await send({ url: local('/echo'), init: { headers: { authorization: 'Bearer $TOKEN' } } });
    await send({ url: local('/echo'), init: { headers: { authorization: 'Basic $BASIC' } } });
    await send({ url: local('/echo?key=$TOKEN') });
    await send({
      url: local('/echo'),
      init: {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"key":"$TOKEN"}',
      },
    });
    const [bearer, basic, query, json] = seen;
    assert.equal(bearer?.headers.authorization, `Bearer ${SECRET}`);
    assert.equal(
      basic?.headers.authorization,
      `Basic ${Buffer.from(`user:${SECRET}`).toString('base64')}`,
    );
    assert.equal(query?.url, `/echo?key=${SECRET}`);
    assert.deepEqual(JSON.parse(json?.body ?? ''), { key: SECRET });
  });

  it('is refused a secret in another place or towards another host, and nothing leaves', async () => {
    seen.length = 0;
    const form = await send({
      url: local('/echo'),
      init: {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'key=$TOKEN',
      },
    });
    assert.match(form.message, /secret "token" in place "form"/);
    const away = await send({
      url: 'https://api.example.com/',
      init: { headers: { 'x-key': '$TOKEN' } },
    });
    assert.match(away.message, /secret "token" towards this host/);
    const path = await send({ url: local('/echo/$TOKEN') });
    assert.match(path.message, /place "path"/);
    assert.deepEqual(seen, []);
  });

  it('gets secrets back blanked, in every usual form', async () => {
    const reply = await send({
      url: local('/leak'),
      init: { headers: { authorization: '$TOKEN' } },
    });
    assert.doesNotMatch(JSON.stringify(reply), new RegExp(SECRET));
    assert.match(reply.body, /\[secret:token\].*\[secret:token\]/s);
    assert.equal(reply.headers['x-leak'], '[secret:token]');
    assert.ok(!reply.body.includes(Buffer.from(SECRET).toString('base64')));
  });

  it('follows redirects within the grant and decides again at each', async () => {
    const fine = await send({ url: local('/redirect?to=/json') });
    assert.deepEqual([fine.status, fine.redirected, fine.url], [200, true, local('/json')]);
    const away = await send({ url: local('/redirect?to=http://169.254.169.254/') });
    assert.equal(away.error, 'EGRESS_DENIED');
    const loop = await send({ url: local('/redirect?to=/redirect%3Fto=/loop') });
    assert.equal(loop.status, 404);
    const manual = await send({ url: local('/redirect?to=/json'), init: { redirect: 'manual' } });
    assert.deepEqual([manual.status, manual.headers.location], [302, '/json']);
    const endless = await send({ url: local('/endless') });
    assert.equal(endless.error, 'EGRESS_LIMIT');
  });

  it('reads compressed and large bodies', async () => {
    assert.deepEqual((await send({ url: local('/gzip'), read: 'json' })).body, { zipped: true });
    const large = await send({ url: local('/large'), read: 'bytes' });
    assert.equal(large.body, 3_000_000);
  });

  it('gets an error with a code when the remote does not behave', async () => {
    assert.equal((await send({ url: local('/cut') })).error, 'REMOTE_UNREACHABLE');
    assert.equal((await send({ url: 'http://127.0.0.1:1/' })).error, 'REMOTE_UNREACHABLE');
    const { body } = await host.call(
      'others/talks',
      'execute',
      { url: local('/hang') },
      { deadlineMs: 300 },
    );
    assert.equal(
      body.code ?? body.result.error,
      body.code === undefined ? 'REMOTE_TIMED_OUT' : 'EXTENSION_TIMED_OUT',
    );
  });

  it('counts calls and bytes in the receipt', async () => {
    const { body } = await host.call('others/talks', 'execute', { url: local('/json') });
    const { calls, bytesIn, denied } = body.receipt.capabilities.fetch;
    assert.deepEqual([calls, denied], [1, 0]);
    assert.ok(bytesIn > 10);
  });

  it('signs with a key it never holds', async () => {
    await host.write(
      'others/talks',
      'extension.ts',
      EXTENSION.replace(
        'return run(input, ctx);',
        `const raw = new TextEncoder().encode(ctx.config.token);
         const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
         const data = new TextEncoder().encode('payload');
         const signature = new Uint8Array(await crypto.subtle.sign('HMAC', key, data));
         const good = await crypto.subtle.verify('HMAC', key, signature, data);
         signature[0] ^= 1;
         const bad = await crypto.subtle.verify('HMAC', key, signature, data);
         signature[0] ^= 1;
         let exported = 'refused';
         try { exported = JSON.stringify(await crypto.subtle.exportKey('raw', key)); } catch {}
         return { hex: signature.toHex(), good, bad, exported };`,
      ),
    );
    await host.request('POST', '/extensions/others/talks/restart');
    const { body } = await host.call('others/talks', 'execute');
    const hex = createHmac('sha256', SECRET).update('payload').digest('hex');
    assert.deepEqual(body.result, { hex, good: true, bad: false, exported: 'refused' });
  });
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://x');
  switch (url.pathname) {
    case '/json':
      response.setHeader('x-two', ['a', 'b']);
      response.setHeader('content-type', 'application/json');
      response.end('{"hello":"wörld"}');
      return;
    case '/echo':
      response.end('ok');
      return;
    case '/leak':
      response.setHeader('x-leak', SECRET);
      response.end(`${SECRET} and ${Buffer.from(SECRET).toString('base64')} and "${SECRET}"`);
      return;
    case '/redirect':
      response.writeHead(302, { location: url.searchParams.get('to') ?? '/' }).end();
      return;
    case '/endless':
      response.writeHead(302, { location: '/endless' }).end();
      return;
    case '/gzip':
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync('{"zipped":true}'));
      return;
    case '/large':
      response.end(Buffer.alloc(3_000_000, 'x'));
      return;
    case '/cut':
      request.socket.destroy();
      return;
    case '/hang':
      return;
    default:
      response.writeHead(404).end('not found');
  }
}
