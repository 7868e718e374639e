// Attack: ask the storage to keep sixteen million small things, again and again.
// Would work: each was checked by itself before the size was looked at: the host stood still for seconds.
// Stopped by: a bound for the text of a request, looked at before it is parsed.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { manifestFor, other, startTestHost } from '../helpers/host.ts';

const ATTACK = other(`
  const many = Array.from({ length: 1_000_000 }, () => ({ a: 1 }));
  try {
    await ctx.storage.compareAndSet('key', many, 1);
    return 'kept';
  } catch (error) {
    return error.message;
  }
`);

it('refuses a request that would take seconds to check', { timeout: 60_000 }, async () => {
  const capabilities = { storage: { quotaBytes: 1_000_000 } };
  await using host = await startTestHost({
    'others/attack': {
      'extension.ts': ATTACK,
      'manifest.json': JSON.stringify(
        manifestFor('others/attack', {
          capabilities,
          limits: { cpuMs: 5_000, memoryMiB: 256 },
        }),
      ),
    },
  });
  await host.enable('others/attack');
  const { body } = await host.call('others/attack', 'execute');
  assert.equal(body.result, 'A request to "storage" is over 262144 characters');
});
