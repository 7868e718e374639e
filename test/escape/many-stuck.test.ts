// Attack: four extensions at once, each stuck in a native that nothing inside can stop.
// Would work: they take every core of a small machine, and the host waits with them.
// Stopped by: a process for each, behind the host wherever both want a core, and SIGKILL.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { other, startTestHost } from '../helpers/host.ts';

const STUCK = 'let n = 7n ** 3_000_000n; for (let at = 0; at < 20; at += 1) n *= n; return 1;';
const NAMES = ['a', 'b', 'c', 'd'].map((name) => `others/${name}`);

it('answers a neighbour while four extensions are stuck', { timeout: 120_000 }, async () => {
  await using host = await startTestHost({
    'others/neighbour': { 'extension.ts': other("return 'fine';") },
    ...Object.fromEntries(NAMES.map((name) => [name, { 'extension.ts': other(STUCK) }])),
  });
  await host.enable('others/neighbour');
  for (const name of NAMES) await host.enable(name);
  let running = NAMES.length;
  const attacks = NAMES.map((name) =>
    host.call(name, 'execute', null, { deadlineMs: 20_000 }).finally(() => (running -= 1)),
  );
  let answered = 0;
  while (running > 0) {
    assert.equal((await host.call('others/neighbour', 'execute')).body.result, 'fine');
    answered += 1;
  }
  for (const { body } of await Promise.all(attacks)) {
    assert.match(body.code, /CPU_EXCEEDED|MEMORY_EXCEEDED|CRASHED/);
  }
  assert.ok(answered > NAMES.length, String(answered));
});
