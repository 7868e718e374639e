// Requests that the guest does not tie to a call: a signature with a host-held key, the global fetch. They
// are charged to the call that has run longest, and must outlive it: another one may wait for them.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { manifestFor, other, startTestHost } from '../../helpers/host.ts';

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
