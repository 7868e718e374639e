// Attack: double a string, flatten it, keep all.
// Would work: strings are cheap to double, and flat ones lie outside of the young heap.
// Stopped by: V8's longest string and the heap limit.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends the doubling of strings', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const kept: string[] = []; for (;;) { let text = 'x'.repeat(1 << 20); try { for (;;) { text += text; kept.push(text.replaceAll('xy', 'z')); } } catch (error: any) { if (!(error instanceof RangeError)) throw error; } }`,
  );
  assert.match(outcome.code ?? '', /MEMORY_EXCEEDED|CPU_EXCEEDED|CRASHED/);
});
