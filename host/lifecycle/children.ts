// Starts and stops the processes that compile and run strangers' code, each behind the walls of this
// machine. Called once by main.ts; who runs in a cell is not known here.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import type { Logger } from 'pino';

import type { Builder, PageAssets } from '../build/build.ts';
import { BUILDER_MAIN, createBuilder } from '../build/builder.ts';
import { createOwnBuilds } from '../build/own-builds.ts';
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
export type ChildrenPowers = Pick<SupervisorPowers, 'onCell'> & {
  readonly nowMs: () => number;
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
  /** Compiles the host's own pages. */
  readonly pages: () => Promise<PageAssets>;
  readonly supervisor: Supervisor;
  readonly walls: WallCheck;
  /** `held`, or why the kernel bounds no child by a cgroup. */
  readonly cgroup: string;
  /** Kills all of them; callers drain first. */
  stop(): Promise<void>;
};

/** Where own builds are kept: the launcher has Node keep the host's compiled code there too. */
const KEPT_FOLDER = join(APP_FOLDER, 'node_modules', '.cache', 'cofferdam');

/** Starts the builder when it is first needed, and a warm cell at once. */
export async function startChildren(powers: ChildrenPowers): Promise<Children> {
  const { pid, kernel, roots, shippedRoot, allowUnjailed, nowMs, onCell, log } = powers;
  const onError = (error: unknown): void => log.error({ err: error }, 'cgroup of a child');
  const groups = await openChildGroups(createGroupFiles(), { pid, onError });
  const spawnBuilder = (read: readonly string[], program = ''): ChildProcess => {
    const spec = { main: BUILDER_MAIN, program, read, mayStartProcesses: true };
    const child = spawnChild(spec, kernel);
    const group = groups.enclose(child, LIMITS.builderMiB);
    child.once('exit', () => void group?.remove());
    return child;
  };
  const own = createOwnBuilds({
    ...{ root: APP_FOLDER, folder: KEPT_FOLDER, nowMs },
    onError: (error) => log.debug({ err: error }, 'own build not kept'),
    spawnBuilder: () => spawnBuilder([]),
  });
  const builder = createBuilder({
    spawnBuilder: async () => spawnBuilder(roots, (await own.platform()).builder),
    modulesFor: (folder) =>
      folder.startsWith(shippedRoot) ? [join(APP_FOLDER, 'node_modules')] : [],
  });
  const walls = createWallCheck(() => probeWalls(kernel));
  let startCell: (() => ChildProcess) | undefined;
  const supervisor = new Supervisor({
    admit: async (key) => {
      if (key.startsWith(UNTRUSTED_CELL) && !allowUnjailed) await walls.assertHeld();
    },
    spawnCell: (program) => {
      const spec = { main: CELL_MAIN, program, read: [], mayStartProcesses: false };
      startCell ??= prepareChild(spec, kernel);
      return startCell();
    },
    enclose: (child, memoryMiB) => groups.enclose(child, memoryMiB),
    platform: own.platform,
    steadyMs: () => performance.now(),
    onCell,
  });
  supervisor.warm();
  return {
    ...{ builder, supervisor, walls, cgroup: groups.state },
    pages: own.pages,
    async stop() {
      await supervisor[Symbol.asyncDispose]();
      await builder[Symbol.asyncDispose]();
      await groups.close();
    },
  };
}
