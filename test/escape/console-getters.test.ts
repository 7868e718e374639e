// Attack: log an object whose getter, toJSON or trap loops.
// Would work: whoever formats a line runs them, outside of any call.
// Stopped by: formatting inside the turn.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a getter that loops while it is logged', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `console.log({ deep: [{ get evil() { for (;;); } }] }); return 'logged';`,
  );
  assert.ok(
    outcome.code === 'EXTENSION_CPU_EXCEEDED' || outcome.result === 'logged',
    String(outcome.detail),
  );
});
