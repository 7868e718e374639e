// Asks this machine's kernel which walls it has. Changes nothing; called once by whoever starts children.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { numberOf } from './syscalls.ts';
import type { Machine, SystemCall } from './syscalls.ts';

/** What a jail can be made of here. */
export type KernelPowers = {
  /** Undefined where no table of system calls exists: not Linux, or another processor. */
  readonly machine: Machine | undefined;
  /** Version of Landlock; 0 when the kernel has none or keeps it from us. */
  readonly landlockAbi: number;
  readonly seccomp: boolean;
  /** Path of bubblewrap; looked for only where Landlock or seccomp is absent. */
  readonly bubblewrap: string | undefined;
};

const SECCOMP_GET_ACTION_AVAILABLE = 2;
const SECCOMP_RETURN_ERRNO = 0x0005_0000;
const LANDLOCK_VERSION = 1;

let known: KernelPowers | undefined;

/** The walls of this machine. The first call costs about 2 ms, later ones nothing. */
export function readKernelPowers(): KernelPowers {
  known ??= ask();
  return known;
}

function ask(): KernelPowers {
  const { platform, arch } = process;
  const machine = platform === 'linux' && (arch === 'x64' || arch === 'arm64') ? arch : undefined;
  const call = machine === undefined ? undefined : createSystemCall(machine);
  const landlockAbi = Math.max(0, call?.('landlock_create_ruleset', 0, 0, LANDLOCK_VERSION) ?? 0);
  const action = Buffer.alloc(4);
  action.writeUInt32LE(SECCOMP_RETURN_ERRNO);
  const seccomp = call?.('seccomp', SECCOMP_GET_ACTION_AVAILABLE, 0, action) === 0;
  const complete = landlockAbi > 0 && seccomp;
  const bubblewrap = complete ? undefined : findBubblewrap();
  return { machine, landlockAbi, seccomp, bubblewrap };
}

/** Makes a system call; a negative answer is a refusal. */
export type SystemCaller = (name: SystemCall, ...values: readonly (number | Buffer)[]) => number;

/** @returns `undefined` when this Node has no foreign function interface */
function createSystemCall(machine: Machine): SystemCaller | undefined {
  const ffi = process.getBuiltinModule('node:ffi');
  // Absent in a build without it, under --no-experimental-ffi, and on Node before 26.
  if (ffi === undefined) return undefined;
  const { functions } = ffi.dlopen(null, {
    syscall: { return: 'i64', arguments: ['i64', 'i64', 'i64', 'i64', 'i64', 'i64', 'i64'] },
  });
  return (name, ...values) => {
    const given = Array.from({ length: 6 }, (_, index) => {
      const value = values[index] ?? 0;
      return typeof value === 'number' ? BigInt(value) : ffi.getRawPointer(value);
    });
    const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = given;
    return Number(functions.syscall(BigInt(numberOf(name, machine)), a, b, c, d, e, f));
  };
}

/** Where bubblewrap is installed; `undefined` where it is not, and outside Linux. */
export function findBubblewrap(): string | undefined {
  return process.platform === 'linux' ? findProgram('bwrap') : undefined;
}

function findProgram(name: string): string | undefined {
  // Not `PATH`: what stands between us and strangers' code is not for the environment to choose.
  return ['/usr/bin', '/usr/local/bin', '/bin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}
