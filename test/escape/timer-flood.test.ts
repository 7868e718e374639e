// Attack: set timers without end.
// Would work: each is an entry in the tables of the process that keeps them.
// Stopped by: a number of timers per instance.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { LIMITS } from '../../host/limits.ts';
import { attack } from './attack.ts';

it('refuses timers over a number', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `let set = 0; try { for (;;) { setTimeout(() => {}, 1e6); set += 1; } } catch (error: any) { return [set, error.message]; }`,
  );
  assert.deepEqual(outcome.result, [
    LIMITS.timersPerInstance,
    `More than ${LIMITS.timersPerInstance} timers are set: clear some first`,
  ]);
});
