// Attack: answer differently the second time that a value is read.
// Would work: a check and its use are two reads.
// Stopped by: text: what is checked is what is used.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('passes on what it has checked, whatever a getter says next', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `let reads = 0; return { get amount() { reads += 1; return reads === 1 ? 1 : { evil: 'x'.repeat(100) }; } };`,
  );
  assert.deepEqual(outcome.result, { amount: 1 });
});
