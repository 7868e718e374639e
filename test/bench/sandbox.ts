// One extension in a real cell, called without HTTP.

import { join } from 'node:path';

import { Cancellation } from '../../host/cancellation.ts';
import { Deadline } from '../../host/deadline.ts';
import { Runner } from '../../host/broker/runner.ts';
import type { RunnerEvents } from '../../host/broker/runner.ts';
import { BUILDER_MAIN, createBuilder } from '../../host/build/builder.ts';
import { unpackPlatform } from '../../host/build/messages.ts';
import type { Cell } from '../../host/cells/cell.ts';
import type { CapabilityTable } from '../../host/capabilities/capability.ts';
import { CELL_MAIN } from '../../host/cells/cell.ts';
import { Supervisor } from '../../host/cells/supervisor.ts';
import { HostError } from '../../host/errors.ts';
import { APP_FOLDER, spawnChild } from '../../host/jail/spawn.ts';
import { loadScripts, withOwnCaches } from '../../host/lifecycle/compiled.ts';
import { LIMITS } from '../../host/limits.ts';

/** A compiled extension and the cells it can run in. */
export type Sandbox = {
  readonly supervisor: Supervisor;
  /** Calls the isolate that is always there; resolves with the result's JSON text. */
  call(inputText: string): Promise<string>;
  /** Starts an isolate in the cell of `key`, calls it once, and frees it. */
  startFresh(inputText: string, key?: string): Promise<void>;
  /** Starts an isolate in the cell of `key`, calls it once, and keeps it; resolves with its cell. */
  keepFresh(inputText: string, key: string): Promise<Cell>;
  stop(): Promise<void>;
};

/** Builds the folder and starts its first isolate. */
export async function startSandbox(folder: string, table: CapabilityTable = {}): Promise<Sandbox> {
  const modules = join(APP_FOLDER, 'node_modules');
  const builder = createBuilder({
    spawnBuilder: async () =>
      spawnChild({ main: BUILDER_MAIN, read: [folder], mayStartProcesses: true }),
    modulesFor: () => [modules],
  });
  const platform = unpackPlatform((await builder.buildOwn('platform')).payload);
  const supervisor = new Supervisor({
    spawnCell: (program) =>
      spawnChild({ main: CELL_MAIN, program, read: [], mayStartProcesses: false }),
    platform: async () => platform,
    steadyMs: () => performance.now(),
    onCell: () => undefined,
  });
  const result = await builder.build(folder);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  let scripts = loadScripts(result.bundle);
  const open = (cell: Cell, warmed?: RunnerEvents['warmed']): Runner =>
    new Runner({
      instance: 'others/echo/default',
      generation: result.bundle.hash,
      cell,
      spec: { cpuMs: 500, memoryMiB: 64, scripts },
      table,
      mapStack: (stack) => stack,
      events: {
        log: () => undefined,
        ended: () => undefined,
        finished: () => undefined,
        ...(warmed === undefined ? {} : { warmed }),
      },
    });
  const caches = Promise.withResolvers<readonly Uint8Array[]>();
  const runner = open(await supervisor.acquire('bench'), caches.resolve);
  await runner.loaded;
  for (let at = 0; at < LIMITS.callsUntilWarm; at += 1) await call(runner, 'null');
  scripts = loadScripts(withOwnCaches(result.bundle, 'this one', await caches.promise));
  return {
    supervisor,
    call: (inputText) => call(runner, inputText),
    async startFresh(inputText, key = 'bench') {
      const fresh = open(await supervisor.acquire(key));
      await call(fresh, inputText);
      fresh.dispose(new HostError('CALLER_NOT_RUNNING', 'It was started to be measured'));
    },
    async keepFresh(inputText, key) {
      const cell = await supervisor.acquire(key);
      await call(open(cell), inputText);
      return cell;
    },
    async stop() {
      runner.dispose(new HostError('CALLER_NOT_RUNNING', 'The bench is over'));
      await supervisor[Symbol.asyncDispose]();
      await builder[Symbol.asyncDispose]();
    },
  };
}

async function call(runner: Runner, inputText: string): Promise<string> {
  const { text } = await runner.run({
    callId: 'bench',
    operationId: 'bench',
    attempt: 1,
    handler: 'execute',
    inputText,
    deadline: new Deadline(Date.now(), 30_000),
    dryRun: false,
    cancellation: new Cancellation(),
  });
  return text;
}
