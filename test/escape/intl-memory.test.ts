// Attack: make formatters and segmenters without end.
// Would work: they reached 1.1 GB under a heap limit of 64 MB: ICU's memory is not counted.
// Stopped by: a look at resident memory, and the limit of a turn.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a flood of Intl objects', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const kept: any[] = []; for (;;) kept.push(new Intl.DateTimeFormat('de', { dateStyle: 'full' }), new Intl.Collator('zh'), new Intl.Segmenter('th'));`,
  );
  assert.match(outcome.code ?? '', /MEMORY_EXCEEDED|CPU_EXCEEDED|CRASHED/);
});
