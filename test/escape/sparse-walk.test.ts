// Attack: search an array of four billion holes.
// Would work: indexOf on it is one native call of minutes, which no timeout ends.
// Stopped by: the watchdog's SIGKILL from outside.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('kills a walk over four billion holes', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const holes: any = { length: 2 ** 53 - 1 }; return Array.prototype.indexOf.call(new Proxy(holes, {}), 1) + Array.prototype.lastIndexOf.call({ length: 2 ** 53 - 1 }, 1);`,
  );
  assert.match(outcome.code ?? '', /CPU_EXCEEDED|CRASHED/);
});
