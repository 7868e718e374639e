// Starts a child with as few powers as this machine can take from it. Who runs in it is not known here.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { getPriority, setPriority } from 'node:os';
import { join } from 'node:path';

import { LIMITS } from '../limits.ts';
import { wrapInBubblewrap } from './bubblewrap.ts';
import { readKernelPowers } from './kernel.ts';
import type { KernelPowers } from './kernel.ts';
import { createPlan } from './plan.ts';

/** The folder that holds host, sdk, plugins and node_modules. */
export const APP_FOLDER = join(import.meta.dirname, '..', '..');

/** What a child is and what it may touch. */
export type ChildSpec = {
  /** Its entry file */
  readonly main: string;
  /** Its code as one CommonJS text, when it need not be loaded from `main` file by file */
  readonly program?: string;
  /** Files and folders it may read besides the product's own code. */
  readonly read: readonly string[];
  /** The builder starts esbuild; a cell starts nothing. */
  readonly mayStartProcesses: boolean;
};

/** Folders with code; the data folder, which may lie beside them, is not among them. */
const CODE = ['host', 'sdk', 'node_modules', 'package.json'];

/** isolated-vm's loader looks here to tell two C libraries apart. */
const SYSTEM = ['/etc/alpine-release'];

/** The last step of nice(2). */
const LOWEST_PRIORITY = 19;

const LAUNCHER = join(import.meta.dirname, 'launch.cjs');

/**
 * Starts a child inside the walls that this machine has, with an empty environment and fd 3 as its only
 * pipe. Node's permission model is the innermost wall, and the only one where there is no other.
 *
 * Native addons stay allowed: isolated-vm is one. stdout and stderr are pipes that the parent reads.
 */
export function spawnChild(
  spec: ChildSpec,
  kernel: KernelPowers = readKernelPowers(),
): ChildProcess {
  return prepareChild(spec, kernel)();
}

/** The same in two steps: what is decided once for many children is decided now, each call starts one. */
export function prepareChild(
  spec: ChildSpec,
  kernel: KernelPowers = readKernelPowers(),
): () => ChildProcess {
  const [program = process.execPath, ...args] = decideCommand(spec, kernel);
  return () => {
    const child = spawn(program, args, {
      cwd: APP_FOLDER,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    // At once, while the child has one thread: those that it makes inherit it. Undefined when it failed.
    if (child.pid !== undefined) lowerPriority(child.pid);
    return child;
  };
}

/** Puts a child behind this process wherever both want the same core. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, Math.min(getPriority() + LIMITS.childNiceness, LOWEST_PRIORITY));
  } catch (error) {
    // It has ended already; whoever started it hears of that by its exit.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function decideCommand(
  { main, program = '', read, mayStartProcesses }: ChildSpec,
  kernel: KernelPowers,
): readonly string[] {
  const readable = [...CODE.map((name) => join(APP_FOLDER, name)), ...SYSTEM, ...read];
  const flags = [
    '--permission',
    '--allow-addons',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    ...(mayStartProcesses ? ['--allow-child-process'] : []),
    // The permission model warns on every start that addons are allowed: known and wanted.
    '--no-warnings',
    // A cell's own heap holds frames only; guests have heaps of their own.
    '--max-old-space-size=256',
    // The machine's own configuration lies outside of what a child may read.
    '--openssl-config=/dev/null',
  ];
  const code = program === '' ? [main] : ['--input-type=commonjs', '--eval', program];
  const command = [process.execPath, ...flags, ...code];
  // esbuild finds node_modules by listing the folder that holds it.
  const list = mayStartProcesses ? [APP_FOLDER] : [];
  const plan = createPlan(kernel, { read: readable, list, mayStartProcesses, command });
  const walled =
    plan === undefined
      ? command
      : [process.execPath, '--no-warnings', LAUNCHER, JSON.stringify(plan)];
  if (kernel.bubblewrap === undefined) return walled;
  // What the kernel has of the finer walls is built inside of the coarse one.
  const launcher = plan === undefined ? [] : [LAUNCHER];
  const spec = { read: [...readable, ...launcher], mayStartProcesses, command: walled };
  return wrapInBubblewrap(kernel.bubblewrap, spec);
}
