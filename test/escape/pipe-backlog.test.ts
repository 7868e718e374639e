// Attack: ask for large replies and keep the cell too busy to take them in.
// Would work: what was thrown about a full pipe reached nobody, and ended the host.
// Stopped by: a cell that leaves too much unread is ended; calls in it fail.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { manifestFor, other, startTestHost } from '../helpers/host.ts';

const ATTACK = other(`
  const big = 'x'.repeat(60_000);
  for (let at = 0; at < 16; at += 1) await ctx.storage.set('key' + at, big);
  const burn = () => { let sum = 0; for (let at = 0; at < 2e8; at += 1) sum += at; return sum; };
  const asked = Array.from({ length: 250 }, () => ctx.storage.list('').then(burn));
  return (await Promise.allSettled(asked)).length;
`);

it('a cell that does not read ends by itself, not the host', { timeout: 60_000 }, async () => {
  const capabilities = { storage: { quotaBytes: 2 * 1024 * 1024 } };
  await using host = await startTestHost({
    'others/attack': {
      'extension.ts': ATTACK,
      'manifest.json': JSON.stringify(
        manifestFor('others/attack', { capabilities, limits: { cpuMs: 5_000 } }),
      ),
    },
    'others/neighbour': { 'extension.ts': other("return 'fine';") },
  });
  await host.enable('others/neighbour');
  await host.enable('others/attack');
  const { body } = await host.call('others/attack', 'execute', null, { deadlineMs: 2_000 });
  assert.match(body.code ?? '', /^(?:EXTENSION|HOST)_/, JSON.stringify(body).slice(0, 500));
  const { body: after } = await host.call('others/neighbour', 'execute');
  assert.equal(after.result, 'fine');
});
