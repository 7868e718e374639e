// Attack: answer, and loop in a finalizer that the collector calls later.
// Would work: a finalizer is no call, so no limit of a call covers it.
// Stopped by: the meter of CPU between calls, which ends the process.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { other, startTestHost } from '../helpers/host.ts';

const BODY = `if (input === 'again') return 'fine';
  if (typeof FinalizationRegistry === 'undefined') return 'absent';
  const registry = new FinalizationRegistry(() => { for (;;); });
  for (let at = 0; at < 1_000; at += 1) registry.register({ at }, at);
  (globalThis as any).registry = registry;
  const churn = (): void => { const junk: unknown[] = []; for (let at = 0; at < 20_000; at += 1) junk.push({ at }); setTimeout(churn, 1); };
  churn();
  return 'answered';`;

it('ends a process whose finalizers loop after the answer', { timeout: 60_000 }, async () => {
  await using host = await startTestHost({
    'others/attack': { 'extension.ts': other(BODY) },
    'others/neighbour': { 'extension.ts': other("return 'fine';") },
  });
  await host.enable('others/attack');
  await host.enable('others/neighbour');
  const struck = host.nextChange('instance.struck');
  const { body } = await host.call('others/attack', 'execute');
  assert.match(body.result, /^(?:answered|absent)$/);
  if (body.result === 'answered') {
    assert.equal((await struck).data.cause.code, 'EXTENSION_CPU_EXCEEDED');
  }
  assert.equal((await host.call('others/neighbour', 'execute')).body.result, 'fine');
  assert.equal((await host.call('others/attack', 'execute', 'again')).body.result, 'fine');
});
