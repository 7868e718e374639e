// Attack: clone an object whose getter loops.
// Would work: whoever copies runs getters.
// Stopped by: copying inside the turn.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a getter that loops while it is cloned', { timeout: 60_000 }, async () => {
  const outcome = await attack(`return structuredClone({ get evil() { for (;;); } });`);
  assert.equal(outcome.code, 'EXTENSION_CPU_EXCEEDED');
});
