// Attack: replace JSON and the prototypes that the bridge uses.
// Would work: a bridge that looks them up later calls what the guest put there.
// Stopped by: primordials captured before any guest code.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('cannot change what the bridge works with', { timeout: 60_000 }, async () => {
  const { result, neighbour } = await attack(
    `const seen: string[] = []; JSON.stringify = (() => { seen.push('s'); return '{}'; }) as any; Array.prototype.push = function () { seen[seen.length] = 'p'; return 0; } as any; await ctx.log.info('x'); return seen.length;`,
  );
  assert.equal(result, 0);
  assert.equal(neighbour, 'fine');
});
