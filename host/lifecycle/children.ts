// Starts and stops the processes that compile and run strangers' code, each behind the walls of this
// machine. Called once by main.ts; who runs in a cell is not known here.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import type { Logger } from 'pino';

import type { Builder } from '../build/build.ts';
import { BUILDER_MAIN, createBuilder } from '../build/builder.ts';
import { packPlatform } from '../build/messages.ts';
import { CELL_MAIN } from '../cells/cell.ts';
import { Supervisor, UNTRUSTED_CELL } from '../cells/supervisor.ts';
import type { SupervisorPowers } from '../cells/supervisor.ts';
import { openChildGroups } from '../jail/cgroup.ts';
import { createGroupFiles } from '../jail/group-files.ts';
import type { KernelPowers } from '../jail/kernel.ts';
import { APP_FOLDER, prepareChild, spawnChild } from '../jail/spawn.ts';
import { createWallCheck, probeWalls } from '../jail/walls.ts';
import type { WallCheck } from '../jail/walls.ts';
import { LIMITS } from '../limits.ts';

/** What children need from outside. */
export type ChildrenPowers = Pick<SupervisorPowers, 'nowMs' | 'onCell'> & {
  /** This process: its group is the one that is divided. */
  readonly pid: number;
  readonly kernel: KernelPowers;
  /** Folders with extensions; the builder reads nothing else. */
  readonly roots: readonly string[];
  /** The root whose extensions use the product's own packages. */
  readonly shippedRoot: string;
  /** Whether an admin lets untrusted code run where a wall is missing. */
  readonly allowUnjailed: boolean;
  readonly log: Logger;
};

/** The processes of a host. */
export type Children = {
  readonly builder: Builder;
  readonly supervisor: Supervisor;
  readonly walls: WallCheck;
  /** `held`, or why the kernel bounds no child by a cgroup. */
  readonly cgroup: string;
  /** Kills all of them; callers drain first. */
  stop(): Promise<void>;
};

/** Starts the builder when it is first needed, and a warm cell at once. */
export async function startChildren(powers: ChildrenPowers): Promise<Children> {
  const { pid, kernel, roots, shippedRoot, allowUnjailed, nowMs, onCell, log } = powers;
  const onError = (error: unknown): void => log.error({ err: error }, 'cgroup of a child');
  const groups = await openChildGroups(createGroupFiles(), { pid, onError });
  const builder = createBuilder({
    spawnBuilder: () => {
      const child = spawnChild(
        { main: BUILDER_MAIN, read: roots, mayStartProcesses: true },
        kernel,
      );
      const group = groups.enclose(child, LIMITS.builderMiB);
      child.once('exit', () => void group?.remove());
      return child;
    },
    modulesFor: (folder) =>
      folder.startsWith(shippedRoot) ? [join(APP_FOLDER, 'node_modules')] : [],
  });
  const walls = createWallCheck(() => probeWalls(kernel));
  let platform: Promise<Buffer> | undefined;
  let program = '';
  let startCell: (() => ChildProcess) | undefined;
  const buildPlatform = async (): Promise<Buffer> => {
    const built = await builder.buildPlatform();
    program = built.cell;
    return packPlatform(built);
  };
  const supervisor = new Supervisor({
    admit: async (key) => {
      if (key.startsWith(UNTRUSTED_CELL) && !allowUnjailed) await walls.assertHeld();
    },
    spawnCell: () => {
      // A cell starts after its platform has been built, so the program is there.
      const spec = { main: CELL_MAIN, program, read: [], mayStartProcesses: false };
      startCell ??= prepareChild(spec, kernel);
      return startCell();
    },
    enclose: (child, memoryMiB) => groups.enclose(child, memoryMiB),
    platform: () => (platform ??= buildPlatform()),
    nowMs,
    onCell,
  });
  supervisor.warm();
  return {
    ...{ builder, supervisor, walls, cgroup: groups.state },
    async stop() {
      await supervisor[Symbol.asyncDispose]();
      await builder[Symbol.asyncDispose]();
      await groups.close();
    },
  };
}
