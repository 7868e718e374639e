// Processes that the bench starts: real hosts, peers, load generators. All end with the row that made them.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { manifestFor } from '../helpers/host.ts';

export const TOKEN = 'bench-admin-token-0001';
export const ECHO = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({ async execute(input) { return { echo: input }; } });
`;
/** About 250 KB once it is bundled and minified: the vendor's own SDK is made and asked something. */
export const HEAVY = `import { defineOther } from 'cofferdam/sdk';
import Stripe from 'stripe';
export default defineOther({
  async execute(input) { return { echo: input, version: new Stripe('sk_test_1').getApiField('version') }; },
});
`;
export const CALL_PATH = '/api/v1/admin/extensions/others/echo/calls/execute';
const MODULES = join(import.meta.dirname, '../../node_modules');

/** What a row makes; taken apart when it ends, last thing first. */
export class Scope implements AsyncDisposable {
  readonly #endings: (() => Promise<unknown>)[] = [];

  defer(end: () => Promise<unknown>): void {
    this.#endings.push(end);
  }

  async folder(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'cofferdam-bench-'));
    this.defer(() => rm(dir, { recursive: true, force: true }));
    return dir;
  }

  /** Starts a program; `env` is all of its environment. */
  spawn(command: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (text) => (said = (said + String(text)).slice(-4_000)));
    child.once('exit', (code) => {
      if (code !== 0 && code !== null) process.stderr.write(`${command} ended: ${said}\n`);
    });
    this.defer(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      child.kill('SIGTERM');
      await once(child, 'exit');
      clearTimeout(late);
    });
    return child;
  }

  /** Starts a script of ours under this Node; resolves with its first line. */
  async serve(file: string, ...args: string[]): Promise<string> {
    const child = this.spawn(process.execPath, [file, ...args]);
    return firstLine(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#endings.toReversed()) await end();
  }
}

/** The first line that a child prints. */
export async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('The child has no stdout');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return String(line).trim();
}

/** Writes an extension of category others; a heavy one brings the package it imports. */
export async function writeExtension(root: string, name: string, code: string): Promise<string> {
  const folder = join(root, 'others', name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifestFor(`others/${name}`)));
  await writeFile(join(folder, 'extension.ts'), code);
  if (!code.includes("'stripe'")) return folder;
  const options = { recursive: true, filter: (path: string) => !/\.(?:d\.ts|map|md)$/.test(path) };
  await cp(join(MODULES, 'stripe'), join(folder, 'node_modules/stripe'), options);
  await writeFile(join(folder, 'package.json'), '{"dependencies":{"stripe":"23.1.0"}}');
  return folder;
}

/** A host of its own process. */
export type BenchHost = {
  readonly url: string;
  readonly pid: number;
  readonly readyMs: number;
  request(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
  stop(): Promise<void>;
};

/** Starts one over `dir/extensions`, with its state in `dir/data`. */
export async function startHost(
  scope: Scope,
  dir: string,
  settings: Record<string, string> = {},
): Promise<BenchHost> {
  const main = join(import.meta.dirname, '../../host/cli/main.ts');
  const started = performance.now();
  const child = scope.spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, 'start'],
    {
      // As launch.js sets it for everybody.
      NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/cofferdam'),
      COFFERDAM_PORT: '0',
      COFFERDAM_DATA_DIR: join(dir, 'data'),
      COFFERDAM_EXTENSIONS: join(dir, 'extensions'),
      COFFERDAM_ADMIN_TOKEN: TOKEN,
      COFFERDAM_LOG_LEVEL: 'warn',
      COFFERDAM_ALLOW_UNJAILED: '1',
      ...settings,
    },
  );
  const { url } = JSON.parse(await firstLine(child)) as { url: string };
  const readyMs = performance.now() - started;
  return {
    url,
    pid: child.pid ?? 0,
    readyMs,
    async request(method, path, body) {
      const response = await fetch(`${url}/api/v1/admin${path}`, {
        method,
        headers: {
          authorization: `Bearer ${TOKEN}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    },
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** A host with one enabled extension `others/echo`. */
export async function startEchoHost(
  scope: Scope,
  code = ECHO,
  settings: Record<string, string> = {},
): Promise<BenchHost & { readonly folder: string }> {
  const dir = await scope.folder();
  const folder = await writeExtension(join(dir, 'extensions'), 'echo', code);
  const host = await startHost(scope, dir, settings);
  const enabled = await host.request('POST', '/extensions/others/echo/enable');
  if (enabled.status !== 200) throw new Error(enabled.text);
  return { ...host, folder };
}

/** What one run of the load generator saw. */
export type Load = {
  readonly rps: number;
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
};

/** POSTs to a URL, `inFlight` at a time, from a process of its own. */
export async function load(
  url: string,
  { inFlight = 64, durationMs }: { readonly inFlight?: number; readonly durationMs: number },
): Promise<Load> {
  const script = join(import.meta.dirname, 'load.ts');
  const child = spawn(
    process.execPath,
    [script, url, TOKEN, String(inFlight), String(durationMs)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  return JSON.parse(text) as Load;
}

/** A TCP port that was free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Milliseconds of CPU, user and system, that a process has used. */
export async function cpuMsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1');
  const [user, system] = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  // A tick is 10 ms wherever Linux runs Node.
  return ((user ?? 0) + (system ?? 0)) * 10;
}

/** Proportional and resident memory of a process, MB. */
export async function memoryOf(pid: number): Promise<{ pss: number; rss: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1_024;
  return { pss: read('Pss'), rss: read('Rss') };
}
