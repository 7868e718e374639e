// A cell is killed: how long until its extension answers again, with a warm spare and without one.

import { inTurns } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { ECHO, Scope, writeExtension } from '../processes.ts';
import { startSandbox } from '../sandbox.ts';

/** From SIGKILL to the answer of the next call, the notice of the death included. */
export async function recoveryRows({ rounds }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const sandbox = await startSandbox(await writeExtension(await scope.folder(), 'echo', ECHO));
  scope.defer(() => sandbox.stop());
  const { supervisor } = sandbox;
  let key = 0;
  const kill = async (withSpare: boolean): Promise<number> => {
    key += 1;
    const cell = await sandbox.keepFresh('null', `own:${key}`);
    await untilSpare();
    const started = performance.now();
    const killed = supervisor.pids.filter((pid) => pid === cell.pid || !withSpare);
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    while (supervisor.pids.some((pid) => killed.includes(pid))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sandbox.keepFresh('null', `own:${key}`);
    return performance.now() - started;
  };
  /** A spare that has been started a while ago is ready: what a start costs is not to be measured here. */
  const untilSpare = async (): Promise<void> => {
    supervisor.warm();
    await new Promise((resolve) => setTimeout(resolve, 800));
  };
  const taken = await inTurns(rounds, { spare: () => kill(true), none: () => kill(false) });
  return [
    {
      what: "a killed cell's extension answers again, with a warm spare",
      unit: 'ms',
      target: { atMost: 10 },
      values: taken.spare,
    },
    {
      what: 'same, when the spare is killed with it',
      unit: 'ms',
      target: { atMost: 150 },
      values: taken.none,
    },
  ];
}
