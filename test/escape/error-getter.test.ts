// Attack: throw an object whose message loops.
// Would work: whoever reports an error runs the getters of the thrower.
// Stopped by: reading it inside the turn and its timeout.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a getter that loops while its error is read', { timeout: 60_000 }, async () => {
  const { code, neighbour } = await attack(`throw { get message() { for (;;); } };`);
  assert.equal(code, 'EXTENSION_CPU_EXCEEDED');
  assert.equal(neighbour, 'fine');
});
