// Large bodies through the sandbox, down and up: neither the host nor a cell may hold more than a window of
// them. Here it is 256 MiB each way; `FLAT_MIB=1024` makes it 1 GiB.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { residentMiB, startAttackHost } from '../attack/host.ts';
import type { AttackHost } from '../attack/host.ts';
import { manifestFor } from '../helpers/host.ts';

const BODY_MIB = Number(process.env['FLAT_MIB'] ?? 256);
const WARM_MIB = 32;
/** What a heap may do between two full collections, and the windows of both ends. */
const GROWTH_MIB_MAX = 64;
const MIB = 1024 * 1024;
const PART = Buffer.alloc(64 * 1024, 'a line of text that is no secret\n');

const EXTENSION = `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ key: secret({ label: 'Key' }) }),
  async execute({ url, mib }, { fetch }) {
    if (url.endsWith('/down')) {
      let bytes = 0;
      for await (const chunk of (await fetch(url + '?mib=' + mib)).body) bytes += chunk.length;
      return bytes;
    }
    let left = mib * 16;
    const part = new Uint8Array(64 * 1024).fill(97);
    const body = new ReadableStream({
      pull(controller) {
        if (left === 0) return controller.close();
        left -= 1;
        controller.enqueue(part);
      },
    });
    return Number(await (await fetch(url, { method: 'POST', body, duplex: 'half' })).text());
  },
} as any);
`;

const isLinux = process.platform === 'linux';

describe('bodies that cross the sandbox', { timeout: 280_000, skip: !isLinux }, () => {
  let host: AttackHost;
  let origin = '';
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/down') {
      request.resume();
      return void pour(response, Number(url.searchParams.get('mib')) * MIB);
    }
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => response.end(String(bytes)));
  });

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    host = await startAttackHost({ shipped: false });
    const hosts = [new URL(origin).host];
    const manifest = manifestFor('others/large', {
      capabilities: { fetch: { hosts } },
      secrets: { key: { hosts, in: ['header'] } },
      limits: { wallMs: 120_000 },
    });
    await host.write('others/large', 'manifest.json', JSON.stringify(manifest));
    await host.write('others/large', 'extension.ts', EXTENSION);
    const path = '/extensions/others/large';
    await host.request('PUT', `${path}/config`, { key: 'sk_live_Kp7q9Z4mXw2T' });
    const lan = [{ cidr: '127.0.0.1/32', reason: 'test', http: true }];
    const grants = { fetch: { hosts }, lan };
    const { status, text } = await host.request('POST', `${path}/enable`, { grants });
    assert.equal(status, 200, text);
  });
  after(async () => {
    await host.stop();
    server.closeAllConnections();
    server.close();
  });

  async function transfer(way: 'down' | 'up', mib: number): Promise<void> {
    const { status, text } = await host.request('POST', '/extensions/others/large/calls/execute', {
      input: { url: `${origin}/${way}`, mib },
      deadlineMs: 120_000,
    });
    assert.equal(status, 200, text);
    assert.equal(JSON.parse(text).result, mib * MIB);
  }

  for (const way of ['down', 'up'] as const) {
    it(`are not held: ${BODY_MIB} MiB ${way}`, async (test) => {
      await transfer(way, WARM_MIB);
      const family = [host.pid, ...childrenOf(host.pid)];
      const before = await Promise.all(family.map(residentMiB));
      const growths = family.map(() => 0);
      const look = async (): Promise<void> => {
        const now = await Promise.all(family.map(residentMiB));
        for (const [at, mib] of now.entries()) {
          growths[at] = Math.max(growths[at] ?? 0, mib - (before[at] ?? 0));
        }
      };
      const looking = setInterval(() => void look(), 50);
      try {
        await transfer(way, BODY_MIB);
      } finally {
        clearInterval(looking);
      }
      await look();
      const [hostGrowth = 0, ...cells] = growths.map(Math.round);
      test.diagnostic(`host +${hostGrowth} MiB, a cell at most +${Math.max(...cells)} MiB`);
      assert.ok(Math.max(hostGrowth, ...cells) <= GROWTH_MIB_MAX, JSON.stringify(growths));
    });
  }
});

async function pour(response: ServerResponse, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !response.destroyed; left -= PART.length) {
    if (!response.write(PART)) await once(response, 'drain');
  }
  response.end();
}

function childrenOf(parent: number): number[] {
  const file = `/proc/${parent}/task/${parent}/children`;
  const listed = readFileSync(file, 'latin1').split(' ').filter(Boolean).map(Number);
  return listed.flatMap((pid) => [pid, ...childrenOf(pid)]);
}
