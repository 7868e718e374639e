// Attack: answer with a Proxy whose traps loop.
// Would work: whoever lists or reads the result runs the traps.
// Stopped by: JSON.stringify inside the turn.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a trap that loops while the result is read', { timeout: 60_000 }, async () => {
  const outcome = await attack(`return new Proxy({ a: 1 }, { ownKeys() { for (;;); } });`);
  assert.equal(outcome.code, 'EXTENSION_CPU_EXCEEDED');
});
