// What a child's launcher is told to do: files, limits, filter, command. Built in the host, once per kind
// of child; the launcher decides nothing.

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { LIMITS } from '../limits.ts';
import { createFilter } from './filter.ts';
import type { KernelPowers } from './kernel.ts';
import { createRuleset } from './landlock.ts';
import type { Grant, Ruleset } from './landlock.ts';
import { numberOf } from './syscalls.ts';
import type { SystemCall } from './syscalls.ts';

/** What `launch.cjs` reads from its argument. */
export type Plan = {
  readonly numbers: Readonly<Partial<Record<SystemCall, number>>>;
  /** Resource number of `setrlimit` and the most that is allowed */
  readonly limits: readonly (readonly [number, number])[];
  /** The one capability that root keeps */
  readonly keptCapability: number;
  readonly ruleset?: Ruleset;
  /** `program` is base64 */
  readonly filter?: { readonly program: string; readonly pidAt: readonly number[] };
  /** The child's program and its arguments; the program's own name first */
  readonly command: readonly string[];
};

/** What a plan is made for. */
export type PlanSpec = {
  /** Files and folders that the child reads */
  readonly read: readonly string[];
  /** Folders whose names it may list, with all below them */
  readonly list: readonly string[];
  readonly mayStartProcesses: boolean;
  readonly command: readonly string[];
};

// asm-generic/resource.h
const RLIMIT = {
  fileBytes: 1,
  dataBytes: 2,
  coreBytes: 4,
  files: 7,
  lockedBytes: 8,
  queueBytes: 12,
};
/** Reads files of other users, as root does by itself. Landlock still says which. */
const CAP_DAC_READ_SEARCH = 2;

const NUMBERS_NEEDED = [
  'prctl',
  'prlimit64',
  'capget',
  'capset',
  'close_range',
  'fcntl',
  'seccomp',
  'landlock_create_ruleset',
  'landlock_add_rule',
  'landlock_restrict_self',
] as const satisfies readonly SystemCall[];

/** @returns `undefined` when this machine has neither Landlock nor seccomp */
export function createPlan(
  { machine, landlockAbi, seccomp }: KernelPowers,
  { read, list, mayStartProcesses, command }: PlanSpec,
): Plan | undefined {
  if (machine === undefined || (landlockAbi === 0 && !seccomp)) return undefined;
  const ruleset = createRuleset(landlockAbi, [
    ...read.map((path): Grant => ({ path, may: 'read' })),
    ...runtimeGrants(),
    ...(mayStartProcesses ? esbuildGrants() : []),
    ...list.map((path): Grant => ({ path, may: 'list' })),
  ]);
  const filter = seccomp ? createFilter(machine, { mayStartProcesses }) : undefined;
  return {
    numbers: Object.fromEntries(NUMBERS_NEEDED.map((name) => [name, numberOf(name, machine)])),
    limits: [
      [RLIMIT.coreBytes, 0],
      [RLIMIT.fileBytes, 0],
      [RLIMIT.lockedBytes, 0],
      [RLIMIT.queueBytes, 0],
      [RLIMIT.dataBytes, LIMITS.childDataMiB * 2 ** 20],
      [RLIMIT.files, mayStartProcesses ? LIMITS.builderFiles : LIMITS.cellFiles],
    ],
    keptCapability: CAP_DAC_READ_SEARCH,
    ...(ruleset === undefined ? {} : { ruleset }),
    ...(filter === undefined
      ? {}
      : { filter: { program: filter.program.toString('base64'), pidAt: filter.pidAt } }),
    command,
  };
}

let runtime: readonly Grant[] | undefined;

/** Node, its loader and the libraries that it has mapped: the child is the same program. */
export function runtimeGrants(): readonly Grant[] {
  runtime ??= readRuntime();
  return runtime;
}

function readRuntime(): readonly Grant[] {
  const mapped = new Set<string>();
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const [, access, , , , ...path] = line.split(/\s+/);
    const file = path.join(' ');
    if (access?.includes('x') === true && file.startsWith('/')) mapped.add(file);
  }
  const node = realpathSync(process.execPath);
  const isProgram = (path: string): boolean => path === node || /\/ld-[^/]*$/.test(path);
  return [
    { path: node, may: 'execute' },
    { path: '/etc/ld.so.cache', may: 'read' },
    { path: '/dev/null', may: 'read' },
    ...[...mapped].map((path): Grant => ({ path, may: isProgram(path) ? 'execute' : 'read' })),
  ];
}

/** The program that esbuild's JavaScript starts. */
export function esbuildGrants(): readonly Grant[] {
  const require = createRequire(import.meta.url);
  const home = createRequire(require.resolve('esbuild'));
  const platform = `@esbuild/${process.platform}-${process.arch}`;
  const program = join(dirname(home.resolve(`${platform}/package.json`)), 'bin', 'esbuild');
  return existsSync(program) ? [{ path: program, may: 'execute' }] : [];
}
