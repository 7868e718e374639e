// TLS of the fetch capability against real servers: who is trusted, what a refusal shows, HTTP/2.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Cancellation } from '../../../host/cancellation.ts';
import { Deadline } from '../../../host/deadline.ts';
import { LIMITS } from '../../../host/limits.ts';
import { createTestFetch } from '../../helpers/fetch.ts';
import type { TestFetch } from '../../helpers/fetch.ts';

const file = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../fixtures/tls', name), 'utf8');
const ca = file('ca.pem');
const identity = { key: file('panel.key'), cert: file('panel.pem') };
const fingerprint = new X509Certificate(identity.cert).fingerprint256;
const LARGE = 3 * 1024 * 1024;

async function listen<T extends Server>(server: T): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('TLS of fetch', { timeout: 60_000 }, () => {
  let received = 0;
  const server = createServer(identity, (request, response) => {
    received += 1;
    response.end(request.httpVersion);
  });
  let port = 0;
  before(async () => {
    port = await listen(server);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = (trust: { fingerprints?: string[]; ca?: string }): TestFetch =>
    createTestFetch(['panel.example', 'other.example'], {
      trust: { fingerprints: trust.fingerprints ?? [], ca: trust.ca },
    });

  it('trusts a CA from the config, for the names of its certificates', async () => {
    await using fetch = open({ ca });
    const reply = await fetch.send(`https://panel.example:${port}/`);
    assert.deepEqual([reply.status, reply.text], [200, '1.1']);
  });

  it('refuses another name of the same server, and sends nothing', async () => {
    await using fetch = open({ ca });
    const before = received;
    await assert.rejects(fetch.send(`https://other.example:${port}/`), {
      code: 'REMOTE_CERTIFICATE',
    });
    assert.equal(received, before);
  });

  it('trusts a pinned fingerprint, however it is written', async () => {
    for (const print of [fingerprint, fingerprint.replaceAll(':', '').toLowerCase()]) {
      await using fetch = open({ fingerprints: [print] });
      assert.equal((await fetch.send(`https://panel.example:${port}/`)).status, 200);
    }
  });

  it('refuses any other certificate than the pinned one, also one that a CA would vouch for', async () => {
    await using fetch = open({ fingerprints: ['00'.repeat(32)], ca });
    await assert.rejects(fetch.send(`https://panel.example:${port}/`), {
      code: 'REMOTE_CERTIFICATE',
      details: { sha256: fingerprint, hostname: 'panel.example' },
    });
  });

  it('shows the fingerprint that was presented, and nothing was sent', async () => {
    await using fetch = open({});
    const before = received;
    await assert.rejects(
      fetch.send(`https://panel.example:${port}/`),
      (error: { code: string; remedy: string }) => {
        assert.equal(error.code, 'REMOTE_CERTIFICATE');
        assert.match(error.remedy, new RegExp(fingerprint));
        return true;
      },
    );
    assert.equal(received, before);
  });
});

describe('HTTP/2 of fetch', { timeout: 60_000 }, () => {
  let server: Http2SecureServer;
  let port = 0;
  let sessions = 0;
  before(async () => {
    const options = { ...identity, allowHTTP1: true, maxSendHeaderBlockLength: 256 * 1024 };
    server = createSecureServer(options, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.url === '/large') return void response.end(Buffer.alloc(LARGE, 'x'));
        if (request.url === '/headers') response.setHeader('x-big', 'x'.repeat(60 * 1024));
        if (request.url === '/more-headers') {
          for (let at = 0; at < 9; at += 1) response.setHeader(`x-${at}`, 'x'.repeat(8_000));
        }
        response.setHeader('set-cookie', ['a=1', 'b=2']);
        response.setHeader('x-host', request.headers[':authority'] ?? 'none');
        response.end(`${request.httpVersion} ${Buffer.concat(chunks).toString()}`);
      });
    });
    server.on('session', () => (sessions += 1));
    port = await listen(server);
  });
  after(() => server.close());
  const open = (): TestFetch =>
    createTestFetch(['panel.example'], { trust: { fingerprints: [], ca } });

  it('is used where the server offers it', async () => {
    await using fetch = open();
    const reply = await fetch.send(`https://panel.example:${port}/`, {
      method: 'POST',
      body: { text: 'hello' },
    });
    assert.deepEqual([reply.status, reply.text], [200, '2.0 hello']);
    const named = (name: string): string[] =>
      reply.headers.filter(([each]) => each === name).map(([, value]) => value);
    assert.deepEqual(named('set-cookie'), ['a=1', 'b=2']);
    assert.deepEqual(named('x-host'), [`panel.example:${port}`]);
    assert.deepEqual(
      reply.headers.filter(([name]) => name.startsWith(':')),
      [],
    );
  });

  it('carries many requests over one connection', async () => {
    await using fetch = open();
    await fetch.send(`https://panel.example:${port}/`);
    const before = sessions;
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => fetch.send(`https://panel.example:${port}/`)),
    );
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    assert.equal(sessions, before);
  });

  it('streams a large body whole', async () => {
    await using fetch = open();
    assert.equal((await fetch.send(`https://panel.example:${port}/large`)).text.length, LARGE);
  });

  it('takes headers up to the bound and none over it', async () => {
    await using fetch = open();
    assert.ok(60 * 1024 < LIMITS.responseHeaderBytes && 9 * 8_000 > LIMITS.responseHeaderBytes);
    assert.equal((await fetch.send(`https://panel.example:${port}/headers`)).status, 200);
    await assert.rejects(fetch.send(`https://panel.example:${port}/more-headers`), {
      code: 'EGRESS_LIMIT',
    });
  });

  it('gives a request up when its call ends, and goes on with the next one', async () => {
    await using fetch = open();
    const cancellation = new Cancellation();
    const given = fetch.send(
      `https://panel.example:${port}/large`,
      {},
      { cancellation, deadline: new Deadline(Date.now(), 5_000) },
    );
    cancellation.cancel();
    await assert.rejects(given, { code: 'CALLER_CANCELLED' });
    assert.equal((await fetch.send(`https://panel.example:${port}/`)).status, 200);
  });
});
