// Attack: queue two microtasks in each microtask.
// Would work: the queue is emptied outside of the timeout of a call, and doubles.
// Stopped by: a turn that ends with its microtasks, within one timeout and heap.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a flood of microtasks', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const again = (): void => { queueMicrotask(again); queueMicrotask(again); }; again(); await new Promise(() => {});`,
  );
  assert.match(outcome.code ?? '', /CPU_EXCEEDED|MEMORY_EXCEEDED/);
});
