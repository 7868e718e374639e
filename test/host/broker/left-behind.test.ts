// A request that nobody waits for when its call ends, such as the loser of a race, goes with it.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';

import { egressTo } from '../../helpers/egress.ts';
import { manifestFor, other, startTestHost } from '../../helpers/host.ts';

const MANIFEST = manifestFor('others/race', {
  capabilities: { fetch: { hosts: ['api.example.com'], reason: 'test' } },
});
const RACE = other(`
  const large = new Array(500_000).fill(1.5);
  void ctx.fetch('https://api.example.com/').then(() => large.length);
  return 'done';
`);
/** Together more than twice the heap of an isolate. */
const CALLS = 40;

it('what waits for a request is forgotten with its call', { timeout: 60_000 }, async () => {
  const vendor = createServer(() => undefined);
  await new Promise<void>((ready) => vendor.listen(0, '127.0.0.1', ready));
  await using host = await startTestHost(
    { 'others/race': { 'manifest.json': JSON.stringify(MANIFEST), 'extension.ts': RACE } },
    { egress: egressTo((vendor.address() as AddressInfo).port) },
  );
  try {
    await host.enable('others/race');
    for (let at = 0; at < CALLS; at += 1) {
      const { body } = await host.call('others/race', 'execute');
      assert.equal(body.result, 'done', JSON.stringify(body));
    }
  } finally {
    vendor.closeAllConnections();
    vendor.close();
  }
});
