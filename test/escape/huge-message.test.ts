// Attack: throw an error with ten million characters.
// Would work: whoever passes errors on copies, logs and stores them.
// Stopped by: a bound on what is kept of a message, cut inside.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { LIMITS } from '../../host/limits.ts';
import { attack } from './attack.ts';

it('keeps a bounded part of a message', { timeout: 60_000 }, async () => {
  const outcome = await attack(`throw new Error('x'.repeat(10_000_000));`);
  assert.equal(outcome.code, 'EXTENSION_THREW');
  assert.ok(
    (outcome.detail?.length ?? 0) <= LIMITS.errorMessageChars + 200,
    String(outcome.detail?.length),
  );
});
