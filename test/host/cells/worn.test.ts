// Which cell a key gets, with cells that only say hello.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { it } from 'node:test';

import { Supervisor } from '../../../host/cells/supervisor.ts';
import { FRAME } from '../../../host/frames.ts';
import { LIMITS } from '../../../host/limits.ts';

let pids = 1_000_000_000;

function startFakeCell(): ChildProcess {
  const pipe = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const hello = Buffer.alloc(11);
  hello.writeUInt32LE(7, 0);
  hello.writeUInt8(FRAME.hello, 4);
  setImmediate(() => pipe.emit('data', hello));
  pids += 1;
  return Object.assign(new EventEmitter(), {
    pid: pids,
    stdio: [null, null, null, pipe],
    stdout: null,
    stderr: null,
    kill: () => true,
  }) as unknown as ChildProcess;
}

it('gives a key a fresh cell once the last one has run its number of calls', async () => {
  await using supervisor = new Supervisor({
    spawnCell: startFakeCell,
    platform: async () => Buffer.alloc(0),
    nowMs: Date.now,
    onCell: () => undefined,
  });
  const first = await supervisor.acquire('own:a');
  first.served = LIMITS.callsPerCell - 1;
  assert.equal(await supervisor.acquire('own:a'), first);
  first.served = LIMITS.callsPerCell;
  const second = await supervisor.acquire('own:a');
  assert.notEqual(second, first);
  assert.equal(await supervisor.acquire('own:a'), second);
});
