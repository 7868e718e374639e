// Attack: measure time finely within a turn.
// Would work: a clock of nanoseconds reads caches: side channels need nothing else.
// Stopped by: clocks of 1 ms that stand still within a turn, and no Temporal.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('has no clock that moves within a turn', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const reads: number[] = []; let sum = 0;
    for (let at = 0; at < 50; at += 1) { for (let spin = 0; spin < 1e5; spin += 1) sum += spin; reads.push(Date.now(), new Date().getTime(), performance.now() % 1); }
    const stamps = [new Event('x').timeStamp, new Event('y').timeStamp];
    return [new Set(reads.filter((_, at) => at % 3 === 0)).size, new Set(reads.filter((_, at) => at % 3 === 2)).size, stamps[0] === stamps[1], sum > 0];`,
  );
  assert.deepEqual(outcome.result, [1, 1, true, true]);
});
