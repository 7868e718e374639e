// Attack: match a pattern that backtracks for ever.
// Would work: a regular expression is one native call.
// Stopped by: V8, which looks for its end while it backtracks.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a regular expression that backtracks', { timeout: 60_000 }, async () => {
  const outcome = await attack(`return /^(a+)+$/.test('a'.repeat(60) + '!');`);
  assert.equal(outcome.code, 'EXTENSION_CPU_EXCEEDED');
});
