// Which walls hold on this machine: starts a child confined as a cell is and lets it try every denied
// action. Says what it saw, nothing else: a wall that is absent is called absent.

import { readdirSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { KernelPowers } from './kernel.ts';
import { APP_FOLDER, spawnChild } from './spawn.ts';

/** One thing that a cell must not be able to do. */
export type Wall = {
  readonly promise: string;
  readonly held: boolean;
  /** What holds it here, or what is missing. */
  readonly layer: string;
};

/** Layers in the order in which an action meets them. */
type Layer = 'seccomp' | 'Landlock' | 'bubblewrap' | 'permission model' | 'empty environment';

/** Tried in this order; what refuses it where that layer is there. */
const LAYERS: Readonly<Record<string, readonly Layer[]>> = {
  'read a file of the system': ['Landlock', 'bubblewrap', 'permission model'],
  'list other processes': ['Landlock', 'bubblewrap', 'permission model'],
  'read the environment of the host': ['Landlock', 'bubblewrap', 'permission model'],
  'read the data folder of the host': ['Landlock', 'bubblewrap', 'permission model'],
  'write a file': ['Landlock', 'bubblewrap', 'permission model'],
  'open a database': ['Landlock', 'bubblewrap'],
  // The permission model knows addons allowed or not, and a cell has one.
  'load a native addon from elsewhere': ['Landlock', 'bubblewrap'],
  'start a process': ['seccomp', 'Landlock', 'bubblewrap', 'permission model'],
  'find a secret in its own environment': ['empty environment'],
  'connect over TCP': ['seccomp', 'Landlock', 'bubblewrap', 'permission model'],
  'send over UDP': ['seccomp', 'bubblewrap', 'permission model'],
  'connect to a unix socket': ['seccomp', 'bubblewrap', 'permission model'],
  'signal the host': ['Landlock', 'bubblewrap'],
};

/** Which of them this machine has. */
function layersOf({ landlockAbi, seccomp, bubblewrap }: KernelPowers): ReadonlySet<Layer> {
  return new Set<Layer>([
    ...(seccomp ? (['seccomp'] as const) : []),
    ...(landlockAbi > 0 ? (['Landlock'] as const) : []),
    ...(bubblewrap === undefined ? [] : (['bubblewrap'] as const)),
    'permission model',
    'empty environment',
  ]);
}

/** Tries every denied action from inside. @throws {HostError} `HOST_INTERNAL` when the child says nothing */
export async function probeWalls(kernel: KernelPowers): Promise<Wall[]> {
  const folder = await mkdtemp(join(tmpdir(), 'cofferdam-walls-'));
  const server = createServer((socket) => socket.destroy());
  const unix = createServer((socket) => socket.destroy());
  try {
    await writeFile(join(folder, 'canary'), 'x');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const socket = join(folder, 'socket');
    await new Promise<void>((resolve) => unix.listen(socket, resolve));
    // A real addon, outside of what a cell may read: it would load if it could be reached.
    const addon = join(folder, 'addon.node');
    await copyFile(addonFile(), addon);
    const results = await ask({ port, hostPid: process.pid, folder, socket, addon }, kernel);
    const present = layersOf(kernel);
    return Object.entries(LAYERS).map(([promise, layers]) => {
      const held = results[promise] === false;
      const named = layers.filter((layer) => present.has(layer)).join(', ');
      return { promise, held, layer: held ? named : 'none' };
    });
  } finally {
    server.close();
    unix.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The addon that cells load anyway. */
function addonFile(): string {
  const { platform, arch } = process;
  const libc = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const musl = platform === 'linux' && libc.header?.glibcVersionRuntime === undefined;
  const build = `abi${process.versions.modules}.${musl ? 'musl' : 'glibc'}`;
  const folder = join(APP_FOLDER, 'node_modules/isolated-vm/prebuilds', `${platform}-${arch}`);
  const names = readdirSync(folder).filter((name) => name.endsWith('.node'));
  const name = names.find((each) => each.includes(build)) ?? names[0] ?? '';
  return join(folder, name);
}

function ask(target: object, kernel: KernelPowers): Promise<Readonly<Record<string, unknown>>> {
  const main = join(import.meta.dirname, 'probe.ts');
  const child = spawnChild({ main, read: [], mayStartProcesses: false }, kernel);
  const pipe = child.stdio[3] as Socket;
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMITS.cellStartMs);
    pipe.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    // Its end is reported by `exit`, with what it has said until then.
    pipe.on('error', () => undefined);
    pipe.write(`${JSON.stringify(target)}\n`);
    child.once('exit', () => {
      clearTimeout(timer);
      try {
        resolve(JSON.parse(text) as Record<string, unknown>);
      } catch (error) {
        reject(
          new HostError('HOST_INTERNAL', 'The probe of the walls ended without an answer', {
            cause: error,
          }),
        );
      }
    });
  });
}

/** What this machine's walls allow: tried once, when it is first asked. */
export type WallCheck = {
  /** Promises that do not hold; empty when all do. */
  open(): Promise<readonly string[]>;
  /** @throws {HostError} `HOST_UNJAILED` naming the promises that do not hold */
  assertHeld(): Promise<void>;
};

/** Tries the walls of this machine at most once. */
export function createWallCheck(probe: () => Promise<readonly Wall[]>): WallCheck {
  let tried: Promise<readonly string[]> | undefined;
  const open = (): Promise<readonly string[]> => {
    tried ??= probe().then((walls) =>
      walls.filter(({ held }) => !held).map(({ promise }) => promise),
    );
    return tried;
  };
  return {
    open,
    async assertHeld() {
      const promises = await open();
      if (promises.length === 0) return;
      const list = promises.join(', ');
      throw new HostError(
        'HOST_UNJAILED',
        `Untrusted code is not run on this machine: a cell could ${list}`,
        {
          remedy:
            'Run "npx cofferdam doctor" to see what is missing, or set COFFERDAM_ALLOW_UNJAILED=1 to run it all the same',
          details: { notHeld: promises },
        },
      );
    },
  };
}
