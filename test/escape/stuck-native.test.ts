// Attack: multiply huge BigInts, which V8 cannot interrupt.
// Would work: neither a timeout nor process.exit ends such a native.
// Stopped by: the watchdog's SIGKILL from outside.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('kills a process that is stuck in a native', { timeout: 60_000 }, async () => {
  const { code, neighbour } = await attack(
    `let n = 7n ** 3000000n; for (let i = 0; i < 20; i += 1) n *= n; return String(n).length;`,
  );
  assert.match(code ?? '', /CPU|MEMORY|CRASHED/);
  assert.equal(neighbour, 'fine');
});
