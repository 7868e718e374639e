// What a host does about a process that works on after its answer: a real host, a real cell, its audit.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { getPriority } from 'node:os';
import { it } from 'node:test';

import { Cell } from '../../../host/cells/cell.ts';
import type { CellEnd } from '../../../host/cells/cell.ts';
import { Watchdog } from '../../../host/cells/watch.ts';
import { LIMITS } from '../../../host/limits.ts';
import { other, startTestHost } from '../../helpers/host.ts';

// Each of its turns is short: on a busy machine too it ends by what it uses between calls, not by its turns.
const BURN =
  'const burn = () => { let sum = 0; for (let at = 0; at < 3e6; at += 1) sum += at; setTimeout(burn, 1); };';

it(
  'ends a process that goes on working after its call was answered',
  { timeout: 60_000 },
  async () => {
    await using host = await startTestHost({
      'others/burns': { 'extension.ts': other("if (input) burn(); return 'answered';", BURN) },
    });
    await host.enable('others/burns');
    const killed = host.nextChange('cell.killed');
    const started = host.nextChange('cell.started');
    assert.equal((await host.call('others/burns', 'execute', true)).body.result, 'answered');
    const { cause, detail, key } = (await killed).data;
    assert.deepEqual([cause, key], ['idle-cpu', 'own:others/burns']);
    const [, share] = /^used (\d+) % of a core with no call running$/.exec(detail) ?? [];
    assert.ok(Number(share) > LIMITS.idleCpuShare * 100, detail);
    // A process in its place is started behind the host: both wanting one core, the host is first.
    const pid = Number((await started).subject);
    assert.equal(getPriority(pid), Math.min(19, getPriority() + LIMITS.childNiceness));
    assert.equal((await host.call('others/burns', 'execute', false)).body.result, 'answered');
    const { body } = await host.request('GET', '/audit?limit=20');
    const lines = body.entries
      .filter(({ actor }: any) => actor === 'host')
      .map(({ action, subject, outcome }: any) => `${action} ${subject} ${outcome}`);
    assert.deepEqual(lines.toReversed(), [
      'cell.killed own:others/burns idle-cpu',
      'instance.struck others/burns/default EXTENSION_CPU_EXCEEDED',
    ]);
  },
);

/** Faster than time, and still no step at which the watchdog takes itself for late. */
const THREE_LOOKS_MS = LIMITS.watchMs * 3;

/** A process that never answers, watched by a clock that moves so far per look; resolves with its end. */
async function watchSilent(script: string, stepMs: number): Promise<CellEnd> {
  const stdio = ['ignore', 'pipe', 'pipe', 'pipe'] as const;
  const child: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: [...stdio] });
  const { promise, resolve } = Promise.withResolvers<CellEnd>();
  const cell = new Cell(child, (_cell, end) => resolve(end));
  const nothing = new Proxy({}, { get: () => () => undefined });
  cell.open(
    { memoryMiB: 64, cpuMs: LIMITS.cpuMs, scripts: [] },
    nothing as Parameters<Cell['open']>[1],
  );
  cell.greeted = true;
  cell.running = 1;
  let nowMs = 1;
  const watchdog = new Watchdog(
    () => [cell],
    () => (nowMs += stepMs),
  );
  const end = await promise;
  watchdog.stop();
  return end;
}

it('leaves a silent process more time when the machine gave it none', async () => {
  const { cause, detail } = await watchSilent('setInterval(() => {}, 1e6)', THREE_LOOKS_MS);
  assert.equal(cause, 'silent');
  const [, silentMs] = /for (\d+) ms/.exec(detail) ?? [];
  assert.ok(Number(silentMs) > LIMITS.cpuMs + LIMITS.starvedGraceMs, detail);
});

it('ends a silent process once it has used the CPU of its turns', async () => {
  const { cause, detail } = await watchSilent('for (;;);', LIMITS.watchMs);
  assert.equal(cause, 'silent');
  const [, silentMs] = /for (\d+) ms/.exec(detail) ?? [];
  assert.ok(Number(silentMs) > LIMITS.cpuMs + LIMITS.silenceGraceMs, detail);
  assert.ok(Number(silentMs) < LIMITS.cpuMs + LIMITS.starvedGraceMs, detail);
});
