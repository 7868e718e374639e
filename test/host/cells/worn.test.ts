// Which cell a key gets, with cells that only say hello.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';

import type { LoadSpec, SlotEvents } from '../../../host/cells/cell.ts';
import { Supervisor } from '../../../host/cells/supervisor.ts';
import { LIMITS } from '../../../host/limits.ts';
import { startFakeCell } from '../../helpers/fake-cell.ts';

const SPEC: LoadSpec = { memoryMiB: 64, cpuMs: 100, scripts: [] };

const start = (spawnCell: () => ChildProcess = () => startFakeCell()): Supervisor =>
  new Supervisor({
    spawnCell,
    platform: async () => ({ cell: '', greeting: Buffer.alloc(0) }),
    steadyMs: () => performance.now(),
    onCell: () => undefined,
  });

it('gives a key a fresh cell once the last one has run its number of calls', async () => {
  await using supervisor = start();
  const first = await supervisor.acquire('own:a');
  first.served = LIMITS.callsPerCell - 1;
  assert.equal(await supervisor.acquire('own:a'), first);
  first.served = LIMITS.callsPerCell;
  const second = await supervisor.acquire('own:a');
  assert.notEqual(second, first);
  assert.equal(await supervisor.acquire('own:a'), second);
});

it('gives a key a fresh cell before the numbers of its isolates run out', async () => {
  await using supervisor = start();
  const first = await supervisor.acquire('own:a');
  const open = (): void => first.close(first.open(SPEC, {} as SlotEvents));
  for (let at = 1; at < LIMITS.startsPerCell; at += 1) open();
  assert.equal(await supervisor.acquire('own:a'), first);
  open();
  const second = await supervisor.acquire('own:a');
  assert.notEqual(second, first);
  // Those that had it already may still start.
  for (let at = LIMITS.startsPerCell; at < 0xffff; at += 1) open();
});

it('replaces a spare that was taken only after a rest', async ({ mock }) => {
  await using supervisor = start();
  supervisor.warm();
  mock.timers.enable({ apis: ['setTimeout'] });
  const cell = await supervisor.acquire('own:a');
  const other = await supervisor.acquire('own:b');
  assert.deepEqual(supervisor.pids, [cell.pid, other.pid]);
  mock.timers.tick(LIMITS.spareRestMs - 1);
  await setImmediate();
  assert.equal(supervisor.pids.length, 2);
  mock.timers.tick(1);
  await setImmediate();
  assert.equal(supervisor.pids.length, 3);
});

it(
  'stops at once while a cell starts, and tells whoever waits for it',
  {
    timeout: 5_000,
  },
  async () => {
    const supervisor = start(() => startFakeCell({ hangs: true }));
    supervisor.warm();
    const waiting = assert.rejects(supervisor.acquire('own:a'), { code: 'HOST_DRAINING' });
    await setImmediate();
    assert.equal(supervisor.pids.length, 1);
    await supervisor[Symbol.asyncDispose]();
    await waiting;
    assert.deepEqual(supervisor.pids, []);
  },
);
