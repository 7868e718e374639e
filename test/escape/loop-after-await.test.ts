// Attack: loop for ever after an await.
// Would work: isolated-vm's timeout covers one synchronous entry, and a continuation is none.
// Stopped by: turns: every continuation runs inside an entry that has a timeout.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a loop in a continuation', { timeout: 60_000 }, async () => {
  const { code, neighbour } = await attack(`await null; for (;;);`);
  assert.equal(code, 'EXTENSION_CPU_EXCEEDED');
  assert.equal(neighbour, 'fine');
});
