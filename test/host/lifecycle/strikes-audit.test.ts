import assert from 'node:assert/strict';
import { it } from 'node:test';

import { LIMITS } from '../../../host/limits.ts';
import { other, startTestHost } from '../../helpers/host.ts';

it('audits every strike, rest and release of an instance, each with its cause', async () => {
  await using host = await startTestHost({
    'others/spin': { 'extension.ts': other('if (input) for (;;); return "fine";') },
  });
  await host.enable('others/spin');
  for (let at = 0; at < LIMITS.strikes; at += 1) await host.call('others/spin', 'execute', 1);
  assert.equal((await host.call('others/spin', 'execute', 0)).body.code, 'EXTENSION_QUARANTINED');
  await host.request('POST', '/extensions/others/spin/restart');
  const { body } = await host.request('GET', '/audit?limit=100');
  const lines = (
    body.entries as { actor: string; action: string; subject: string; outcome: string }[]
  )
    .filter(({ actor }) => actor === 'host')
    .map(({ action, subject, outcome }) => `${action} ${subject} ${outcome}`)
    .toReversed();
  const id = 'others/spin/default';
  assert.deepEqual(lines, [
    ...Array.from({ length: LIMITS.strikes }, () => `instance.struck ${id} EXTENSION_CPU_EXCEEDED`),
    `instance.quarantined ${id} EXTENSION_CPU_EXCEEDED`,
    `instance.released ${id} stopped or restarted`,
  ]);
});

it('audits the kill of a process with whose it was and why', async () => {
  await using host = await startTestHost({
    'others/stuck': {
      'extension.ts': other(
        'let n = 7n ** 3_000_000n; for (let i = 0; i < 20; i += 1) n = n * n; return String(n).length;',
      ),
    },
  });
  await host.enable('others/stuck');
  await host.call('others/stuck', 'execute', null, { deadlineMs: 10_000 });
  const { body } = await host.request('GET', '/audit?limit=100');
  const kill = body.entries.find(({ action }: { action: string }) => action === 'cell.killed');
  assert.deepEqual([kill?.subject, kill?.outcome], ['own:others/stuck', 'silent']);
});
