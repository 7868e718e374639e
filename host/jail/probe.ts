// Runs inside a child that is confined as a cell is, tries what a cell must not be able to do, and says
// of each whether it came off. Reads one line of JSON on fd 3: what to try it on.

import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import type { NetConnectOpts } from 'node:net';
import { DatabaseSync } from 'node:sqlite';

type Target = {
  readonly port: number;
  readonly hostPid: number;
  readonly folder: string;
  /** A unix socket on which somebody listens */
  readonly socket: string;
  /** A native addon that would load */
  readonly addon: string;
};

const pipe = new Socket({ fd: 3, readable: true, writable: true });
pipe.once('data', (bytes: Buffer) => {
  void run(JSON.parse(bytes.toString()) as Target);
});

async function run({ port, hostPid, folder, socket, addon }: Target): Promise<void> {
  const attempts: Record<string, () => unknown> = {
    'read a file of the system': () => readFileSync('/etc/passwd'),
    'list other processes': () => {
      if (!readdirSync('/proc').includes(String(hostPid))) throw new Error('it is not among them');
    },
    'read the environment of the host': () => readFileSync(`/proc/${hostPid}/environ`),
    'read the data folder of the host': () => readFileSync(`${folder}/canary`),
    'write a file': () => writeFileSync(`${folder}/written`, 'x'),
    'open a database': () => new DatabaseSync(`${folder}/probe.db`).exec('CREATE TABLE t (a)'),
    'load a native addon from elsewhere': () => process.dlopen({ exports: {} }, addon),
    'start a process': () => {
      const { error } = spawnSync('/bin/true');
      if (error !== undefined) throw error;
    },
    'find a secret in its own environment': () => {
      // bubblewrap names the folder that it starts in; the product's own folder is no secret.
      const names = Object.keys(process.env).filter((name) => name !== 'PWD');
      if (names.length === 0) throw new Error('it is empty');
    },
    'connect over TCP': () => connected({ port, host: '127.0.0.1' }),
    'connect to a unix socket': () => connected({ path: socket }),
    'send over UDP': () => sent(port),
    'signal the host': () => process.kill(hostPid, 0),
  };
  const results: Record<string, boolean> = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      results[name] = true;
    } catch {
      // Being refused, in whatever way, is what is hoped for.
      results[name] = false;
    }
  }
  pipe.end(JSON.stringify(results));
}

function connected(to: NetConnectOpts): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(to, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function sent(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.send('x', port, '127.0.0.1', (error) => {
      socket.close();
      if (error === null) resolve();
      else reject(error);
    });
  });
}
