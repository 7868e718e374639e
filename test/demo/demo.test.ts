// The quick form of `npm run demo`: it must end in agreement, whoever runs it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';

const MAIN = join(import.meta.dirname, 'main.ts');

it('a month of a small hosting company agrees to the cent', { timeout: 180_000 }, () => {
  const run = spawnSync(process.execPath, [MAIN, '--quick', '7'], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /everything agrees to the cent/);
});
