// What a real cell process still holds once its instances are loaded.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { setInterval } from 'node:timers/promises';

import { BUILDER_MAIN, createBuilder } from '../../../host/build/builder.ts';
import { unpackPlatform } from '../../../host/build/messages.ts';
import { Cell, CELL_MAIN } from '../../../host/cells/cell.ts';
import type { SlotEvents } from '../../../host/cells/cell.ts';
import { spawnChild } from '../../../host/jail/spawn.ts';

const INSTANCES = 10;
const CODE_MIB = 4;
/** An isolate with the platform in it, and room for what comes and goes. */
const ISOLATE_MIB = 4;

/** Lets the cell collect its own garbage all the time: what then remains is held. */
const COLLECT = `const { setFlagsFromString } = require('node:v8');
setFlagsFromString('--expose-gc');
setInterval(require('node:vm').runInNewContext('gc'), 20);
setFlagsFromString('--no-expose-gc');
`;

it(
  'a cell holds the code of an instance once, and nothing of the frame that it came in',
  { timeout: 60_000, skip: process.platform !== 'linux' && 'reads /proc' },
  async () => {
    await using builder = createBuilder({
      spawnBuilder: async () =>
        spawnChild({ main: BUILDER_MAIN, read: [], mayStartProcesses: true }),
      modulesFor: () => [],
    });
    const platform = unpackPlatform((await builder.buildOwn('platform')).payload);
    const program = `${COLLECT}${platform.cell}`;
    const child = spawnChild({ main: CELL_MAIN, program, read: [], mayStartProcesses: false });
    const cell = new Cell(child, () => undefined);
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => cell.kill({ cause: 'stopped', detail: 'measured' }));
    await cell.greet(platform.greeting);
    await load(cell);
    const before = await residentMiB(cell.pid);
    for (let at = 0; at < INSTANCES; at += 1) await load(cell);
    const most = before + INSTANCES * (CODE_MIB + ISOLATE_MIB);
    for await (const _ of setInterval(50)) if ((await residentMiB(cell.pid)) < most) break;
  },
);

/** An instance whose code is mostly a comment: V8 keeps it as source and makes nothing of it. */
async function load(cell: Cell): Promise<void> {
  const text = 'x'.repeat(CODE_MIB * 2 ** 20);
  const code = `(function (module) { module.exports = { default: {} }; /* ${text} */ })`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const events = { loaded: resolve, loadFailed: reject, gone: reject };
  cell.open(
    { memoryMiB: 64, cpuMs: 500, scripts: [{ name: 'extension.js', role: 'extension', code }] },
    events as unknown as SlotEvents,
  );
  await assert.doesNotReject(promise);
}

async function residentMiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
  return Number(/^Rss:\s+(\d+)/m.exec(text)?.[1]) / 1_024;
}
