// Attack: call Math.max with a hundred million arguments.
// Would work: arguments lie on no heap that is counted: it reached 1.4 GB.
// Stopped by: V8's stack guard, and a look at resident memory.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a call with a hundred million arguments', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const many = new Array(1e8).fill(1); return Math.max.apply(null, many);`,
  );
  assert.match(outcome.code ?? '', /MEMORY_EXCEEDED|CPU_EXCEEDED|CRASHED|THREW/);
});
