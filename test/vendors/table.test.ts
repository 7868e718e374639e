// `npm run vendors` as a person runs it: no operation fails, and no description refuses a request.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';

const MAIN = join(import.meta.dirname, 'main.ts');

it('every operation of every shipped extension works in the sandbox', { timeout: 180_000 }, () => {
  const run = spawnSync(process.execPath, [MAIN], { encoding: 'utf8' });
  const failed = run.stdout.split('\n').filter((line) => line.includes('FAILS'));
  const refused = run.stderr.split('\n').filter((line) => line.startsWith('refused by'));
  assert.deepEqual({ failed, refused }, { failed: [], refused: [] });
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /18 extensions, \d+ operations work, 0 fail/);
});
