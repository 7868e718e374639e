// Attack: stream a body in chunks of 1 MiB, through an array that lies about its parts, to a vendor that reads none.
// Would work: the window counted chunks, not bytes, so that each upload could hold 16 MiB of the host, and far more from larger isolates.
// Stopped by: a chunk over the agreed size ends the upload.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';

import { manifestFor, other, startTestHost } from '../helpers/host.ts';

const ATTACK = other(
  `
  const pause = () => new Promise((resolve) => setTimeout(resolve, 1));
  const body = new ReadableStream({ pull: (to) => pause().then(() => to.enqueue(new Liar(1))) });
  try {
    await ctx.fetch(input, { method: 'POST', body, duplex: 'half' });
    return 'sent';
  } catch (error) {
    return error.code;
  }
`,
  `
  const LARGE = new Uint8Array(1024 * 1024);
  class Liar extends Uint8Array { subarray() { return LARGE; } }
`,
);

it('ends an upload whose chunks are larger than agreed', { timeout: 60_000 }, async () => {
  const vendor = createServer(() => undefined);
  await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
  const { port } = vendor.address() as AddressInfo;
  await using host = await startTestHost({
    'others/attack': {
      'extension.ts': ATTACK,
      'manifest.json': JSON.stringify(
        manifestFor('others/attack', {
          capabilities: { fetch: { hosts: [`127.0.0.1:${port}`], reason: 'test' } },
        }),
      ),
    },
  });
  const lan = [{ cidr: '127.0.0.0/8', reason: 'test', http: true }];
  await host.enable('others/attack', undefined, {
    fetch: { hosts: [`127.0.0.1:${port}`] },
    lan,
  });
  const { body } = await host.call('others/attack', 'execute', `http://127.0.0.1:${port}/`);
  vendor.close();
  vendor.closeAllConnections();
  assert.equal(body.result, 'EXTENSION_QUOTA_EXCEEDED', JSON.stringify(body));
});
