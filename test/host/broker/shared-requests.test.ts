// Requests that the guest does not tie to a call: a signature with a host-held key, the global fetch. They
// belong to the call in whose turn they are made, hurt no other, and must outlive it: another one may wait
// for them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { manifestFor, other, startTestHost } from '../../helpers/host.ts';
import type { Answer, TestHost } from '../../helpers/host.ts';

const MANIFEST = manifestFor('others/pair', {
  capabilities: { fetch: { hosts: ['api.example.com'], reason: 'test' } },
});

it('a request of the global fetch is answered after the call it was charged to has ended', async () => {
  const waiting = new Map<string, ServerResponse>();
  const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
  const vendor = createServer((request, response) => {
    waiting.set(request.url ?? '', response);
    if (waiting.size === 2) resolve();
  });
  await new Promise<void>((ready) => vendor.listen(0, '127.0.0.1', ready));
  const { port } = vendor.address() as AddressInfo;
  await using host = await startTestHost(
    {
      'others/pair': {
        'manifest.json': JSON.stringify(MANIFEST),
        'extension.ts': other(
          "const ask = input === 'first' ? ctx.fetch : globalThis.fetch;" +
            'return await (await ask("https://api.example.com/" + input)).text();',
        ),
      },
    },
    { egress: egressTo(port) },
  );
  try {
    await host.enable('others/pair');
    const first = host.call('others/pair', 'execute', 'first');
    const second = host.call('others/pair', 'execute', 'second');
    await bothAsked;
    waiting.get('/first')?.end('1');
    assert.equal((await first).body.result, '1');
    waiting.get('/second')?.end('2');
    assert.equal((await second).body.result, '2');
  } finally {
    vendor.closeAllConnections();
    vendor.close();
  }
});

const PAY = `import { defineGateway } from 'cofferdam/sdk';
const send = (ask, path) => ask('https://api.example.com' + path, { method: 'POST' });
export default defineGateway({
  async pay() { return { kind: 'done' }; },
  async charge(_charge, { fetch, call }) {
    if (call.dryRun) await send(globalThis.fetch, '/dry');
    else await send(fetch, '/held');
    return { status: 'done', externalId: 'ch_1' };
  },
  async webhook() {
    await send(globalThis.fetch, '/told');
    return { facts: [] };
  },
} as any);
`;

describe('a charge that waits for its vendor', { timeout: 60_000 }, () => {
  let vendor: Server;
  let host: TestHost;
  let held: ServerResponse | undefined;
  let charge: Promise<Answer>;
  const seen: string[] = [];

  before(async () => {
    const { promise: isHeld, resolve } = Promise.withResolvers<undefined>();
    vendor = createServer(({ url = '' }, response) => {
      seen.push(url);
      if (url === '/held') {
        held = response;
        resolve(undefined);
      } else response.end();
    }).listen(0, '127.0.0.1');
    await once(vendor, 'listening');
    const { port } = vendor.address() as AddressInfo;
    const capabilities = { fetch: { hosts: ['api.example.com'] }, webhook: true };
    const manifest = JSON.stringify(manifestFor('gateways/pay', { capabilities }));
    const files = { 'manifest.json': manifest, 'extension.ts': PAY };
    host = await startTestHost({ 'gateways/pay': files }, { egress: egressTo(port) });
    await host.enable('gateways/pay');
    charge = send('one');
    await isHeld;
  });
  after(async () => {
    vendor.closeAllConnections();
    vendor.close();
    await host[Symbol.asyncDispose]();
  });

  it('lets no dry run beside it send anything', async () => {
    const { status, body } = await send('two', { dryRun: true });
    assert.equal(status, 502, JSON.stringify(body));
    assert.match(body.detail, /A dry run sends nothing/);
    assert.ok(!seen.includes('/dry'));
  });

  it('is told nothing of what a webhook beside it sends', async () => {
    const { status } = await host.request('POST', '/../../../hooks/gateways/pay/default', {});
    assert.equal(status, 200);
    held?.end();
    assert.equal((await charge).status, 200);
    const { body } = await host.request('GET', '/calls?instance=gateways/pay/default&state=done');
    const asked = await Promise.all(
      body.calls.map(async ({ callId, handler }: { callId: string; handler: string }) => {
        const { requests } = (await host.request('GET', `/calls/${callId}`)).body;
        return [handler, ...requests.map(({ payload }: any) => new URL(payload.url).pathname)];
      }),
    );
    assert.deepEqual(asked.toSorted(), [
      ['charge', '/held'],
      ['webhook', '/told'],
    ]);
  });

  function send(id: string, more: object = {}): Promise<Answer> {
    const amount = { amountMinor: 500, currency: 'EUR' };
    const input = { invoice: { id, total: amount, items: [] }, amount, agreement: {} };
    return host.call('gateways/pay', 'charge', input, more);
  }
});
