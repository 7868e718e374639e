// One extension in a real cell, called without HTTP.

import { Cancellation } from '../../host/broker/cancellation.ts';
import { Runner } from '../../host/broker/runner.ts';
import { BUILDER_MAIN, createBuilder } from '../../host/build/builder.ts';
import { packPlatform } from '../../host/build/messages.ts';
import { CELL_MAIN } from '../../host/cells/cell.ts';
import { Supervisor } from '../../host/cells/supervisor.ts';
import { HostError } from '../../host/errors.ts';
import { spawnChild } from '../../host/jail/spawn.ts';
import { loadScripts } from '../../host/lifecycle/compiled.ts';

/** Starts it; `call` resolves with the result's JSON text. */
export async function startSandbox(
  folder: string,
): Promise<{ call(inputText: string): Promise<string>; stop(): Promise<void> }> {
  const builder = createBuilder({
    spawnBuilder: () => spawnChild({ main: BUILDER_MAIN, read: [folder], mayStartProcesses: true }),
    modulesFor: () => [],
  });
  const supervisor = new Supervisor({
    spawnCell: () => spawnChild({ main: CELL_MAIN, read: [], mayStartProcesses: false }),
    platform: () => builder.buildPlatform().then(packPlatform),
    nowMs: Date.now,
    onCell: () => undefined,
  });
  const result = await builder.build(folder);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const cell = await supervisor.acquire('bench');
  const runner = new Runner({
    instance: 'others/echo/default',
    generation: result.bundle.hash,
    cell,
    spec: { cpuMs: 500, memoryMiB: 64, scripts: loadScripts(result.bundle) },
    table: {},
    mapStack: (stack) => stack,
    nowMs: Date.now,
    events: { log: () => undefined, ended: () => undefined, finished: () => undefined },
  });
  await runner.loaded;
  return {
    async call(inputText) {
      const { text } = await runner.run({
        callId: 'bench',
        operationId: 'bench',
        attempt: 1,
        handler: 'execute',
        inputText,
        deadlineMs: Date.now() + 30_000,
        dryRun: false,
        cancellation: new Cancellation(),
      });
      return text;
    },
    async stop() {
      runner.dispose(new HostError('CALLER_NOT_RUNNING', 'The bench is over'));
      await supervisor[Symbol.asyncDispose]();
      await builder[Symbol.asyncDispose]();
    },
  };
}
