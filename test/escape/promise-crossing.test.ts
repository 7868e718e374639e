// Attack: answer with a thenable whose `then` loops, one within the other.
// Would work: whoever awaits a stranger's value calls its `then`, outside of every limit.
// Stopped by: awaiting inside the isolate alone, in a turn; only text leaves it.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a thenable that loops when it is awaited', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `return { then(resolve: any) { resolve({ then() { for (;;); } }); } };`,
  );
  assert.equal(outcome.code, 'EXTENSION_CPU_EXCEEDED');
});
