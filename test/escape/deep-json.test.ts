// Attack: answer with arrays in arrays, as deep as the guest can write them.
// Would work: a parser that recurses runs out of stack in the host.
// Stopped by: a parser that keeps its depth in the heap, and a size.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('takes or refuses a result of any depth, and lives', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `for (let depth = 1 << 16; ; depth >>= 1) { let value: any = depth; for (let at = 0; at < depth; at += 1) value = [value]; try { JSON.stringify(value); return value; } catch { /* Too deep for this stack. */ } }`,
  );
  assert.ok(
    outcome.code === undefined || outcome.code.startsWith('EXTENSION_'),
    String(outcome.detail),
  );
  if (outcome.code === undefined) assert.equal(Array.isArray(outcome.result), true);
});
