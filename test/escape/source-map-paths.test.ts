// Attack: throw from the depth of the bundle and read the mapped stack.
// Would work: a source map holds the paths of the machine that built it.
// Stopped by: maps that name the author's own files only, applied by the host.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it(
  'shows the file of the author in a stack, and no path of the host',
  { timeout: 60_000 },
  async () => {
    const outcome = await attack(
      `const fail = (): never => { throw new Error('broken on purpose'); }; return fail();`,
    );
    assert.equal(outcome.code, 'EXTENSION_THREW');
    assert.match(outcome.detail ?? '', /broken on purpose/);
  },
);
