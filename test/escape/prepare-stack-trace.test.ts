// Attack: loop in Error.prepareStackTrace, then throw.
// Would work: V8 calls it for whoever reads the stack of the error, the host included.
// Stopped by: reading the error inside the turn; outside there is text only.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a stack trace that never gets ready', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `(Error as any).prepareStackTrace = () => { for (;;); }; throw new Error('x');`,
  );
  assert.equal(outcome.code, 'EXTENSION_CPU_EXCEEDED');
});
