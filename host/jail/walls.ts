// Which walls hold on this machine: starts a child confined as a cell is and lets it try every denied
// action. Says what it saw, nothing else: a wall that is absent is called absent.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { spawnChild } from './spawn.ts';

/** One thing that a cell must not be able to do. */
export type Wall = {
  readonly promise: string;
  readonly held: boolean;
  /** What holds it here, or what is missing. */
  readonly layer: string;
};

/** Tried in this order; what refuses it when it is refused. */
const LAYERS: Readonly<Record<string, string>> = {
  'read a file of the system': 'Landlock, permission model',
  'read the environment of the host': 'Landlock, permission model',
  'read the data folder of the host': 'Landlock, permission model',
  'write a file': 'Landlock, permission model',
  'open a database': 'Landlock',
  'start a process': 'Landlock, permission model',
  'find a secret in its own environment': 'empty environment',
  'connect over TCP': 'seccomp, Landlock, permission model',
  'send over UDP': 'seccomp, permission model',
  'signal the host': 'Landlock',
};

/** Tries every denied action from inside. @throws {HostError} `HOST_INTERNAL` when the child says nothing */
export async function probeWalls(): Promise<Wall[]> {
  const folder = await mkdtemp(join(tmpdir(), 'cofferdam-walls-'));
  const server = createServer((socket) => socket.destroy());
  try {
    await writeFile(join(folder, 'canary'), 'x');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const results = await ask({ port, hostPid: process.pid, folder });
    return Object.entries(LAYERS).map(([promise, layer]) => {
      const held = results[promise] === false;
      return { promise, held, layer: held ? layer : 'none' };
    });
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function ask(target: object): Promise<Readonly<Record<string, unknown>>> {
  const child = spawnChild({
    main: join(import.meta.dirname, 'probe.ts'),
    read: [],
    mayStartProcesses: false,
  });
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
export function createWallCheck(probe: () => Promise<readonly Wall[]> = probeWalls): WallCheck {
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
