// Attack: reach a neighbour's stored values by keys that climb, break or wrap.
// Would work: keys that are joined to a path or a prefix can leave it.
// Stopped by: a column of its own for the instance, which no key is part of.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { manifestFor, other, startTestHost } from '../helpers/host.ts';

it('reads no value of a neighbour by any key', { timeout: 60_000 }, async () => {
  const capabilities = { storage: { quotaBytes: 10_000 } };
  const files = (name: string, body: string): Record<string, string> => ({
    'extension.ts': other(body),
    'manifest.json': JSON.stringify(manifestFor(name, { capabilities })),
  });
  await using host = await startTestHost({
    'others/owner': files(
      'others/owner',
      "await ctx.storage.set('secret', 'canary-41'); return 1;",
    ),
    'others/thief': files(
      'others/thief',
      `const keys = ['secret', '../owner/secret', 'others/owner/default/secret', '%', '_ecret', '*', "' OR 1=1 --", '\\\\u0000secret', '__proto__', 'SECRET'];
      const read = await Promise.all(keys.map((key) => ctx.storage.get(key).catch((error: any) => error.code)));
      const listed = await Promise.all(['', '%', '../', 's', "' OR ''='"].map((prefix) => ctx.storage.list(prefix).catch((error: any) => error.code)));
      return JSON.stringify([read, listed]);`,
    ),
  });
  await host.enable('others/owner');
  await host.enable('others/thief');
  assert.equal((await host.call('others/owner', 'execute')).body.result, 1);
  const { body } = await host.call('others/thief', 'execute');
  assert.equal(typeof body.result, 'string', body.detail);
  assert.doesNotMatch(body.result, /canary-41/);
});
