// Attack: read where the code lies by import.meta and the names of CommonJS.
// Would work: a bundle keeps the paths of the machine that built it.
// Stopped by: a build in a virtual namespace, and a script that is no module.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('says nothing of where its file lies', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const meta: any = import.meta; return [meta.url, meta.filename, meta.dirname, typeof meta.resolve, new Error('x').stack?.includes('/tmp/')].map((each) => each ?? null);`,
  );
  assert.deepEqual(outcome.result, [null, null, null, 'undefined', false]);
});
