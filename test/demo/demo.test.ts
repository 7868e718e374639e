// The quick form of `npm run demo`: it must end in agreement, and must not when an error was planted.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';

import { runMonth } from './month.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

it('a month of a small hosting company agrees to the cent', { timeout: 300_000 }, () => {
  const run = spawnSync(process.execPath, [MAIN, '--quick', '7'], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /everything agrees to the cent/);
});

it('a lost webhook, a cent too much, a lost event and a lost server are all found', async () => {
  const plants = ['webhook', 'money', 'reward', 'server'] as const;
  const { problems } = await runMonth({ customers: 9, seed: 7, plants });
  const all = problems.join('\n');
  // The ledger never heard of one payment, and says of another that it is not what was asked.
  assert.match(
    all,
    /invoice renewal-\d+ at \S+: books \["succeeded",\d+,0,true,null\], ledger null/,
  );
  assert.match(all, /invoice renewal-\d+ at mollie: .*"amount: \d+ was paid, \d+ was asked/);
  assert.match(all, /mollie took and gave back (\d+) and \d+, books (?!\1)\d+ and/);
  assert.match(all, /partner \w+: books/);
  assert.match(all, /\w+ lacks \S+ active/);
});
