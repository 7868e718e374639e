// Attack: fill an array of four billion places.
// Would work: one native call takes all the memory of the machine.
// Stopped by: heap limit, resident memory, and SIGKILL.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a fill of four billion places', { timeout: 60_000 }, async () => {
  const outcome = await attack(`return new Array(2 ** 32 - 2).fill(1.5).length;`);
  assert.match(outcome.code ?? '', /CPU_EXCEEDED|MEMORY_EXCEEDED|CRASHED|THREW/);
});
