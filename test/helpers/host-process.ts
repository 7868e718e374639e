// A host in a process of its own, to be killed at any line: its extensions reach one loopback port.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { ADMIN_TOKEN, manifestFor } from './host.ts';

/** What a request was answered. */
export type Reply = { readonly status: number; readonly body: any };

/** A host that can die. */
export type HostProcess = {
  readonly url: string;
  /** What it prints once it is ready, line by line. */
  readonly lines: AsyncIterable<string>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Sends JSON as admin; `path` is below `/api/v1`. Rejects when nobody answers. */
  request(method: string, path: string, body?: unknown, headers?: object): Promise<Reply>;
};

const MAIN = join(import.meta.dirname, '../fixtures/crash-host.ts');

/** What a host process is started with. */
export type HostProcessOptions = {
  /** Holds `extensions`, as `writeExtension` makes it, and the host's `data` */
  readonly dir: string;
  readonly vendorPort: number;
  /** `COFFERDAM_` names without the prefix */
  readonly settings?: Readonly<Record<string, string>>;
  /** Calls stop at the step of theirs that they name; see fixtures/crash-host.ts */
  readonly stopsAtSteps?: boolean;
};

/** Starts a host. */
export async function startHostProcess({
  dir,
  vendorPort,
  settings = {},
  stopsAtSteps = false,
}: HostProcessOptions): Promise<HostProcess> {
  const all = {
    PORT: '0',
    DATA_DIR: join(dir, 'data'),
    EXTENSIONS: join(dir, 'extensions'),
    ADMIN_TOKEN,
    LOG_LEVEL: 'silent',
    ALLOW_UNJAILED: '1',
    ...settings,
  };
  const mode = stopsAtSteps ? ['steps'] : [];
  const child = spawn(process.execPath, ['--no-warnings', MAIN, String(vendorPort), ...mode], {
    env: {
      ...Object.fromEntries(Object.entries(all).map(([name, text]) => [`COFFERDAM_${name}`, text])),
      ...compileCache(),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const url = await readUrl(lines);
  return {
    url,
    lines: { [Symbol.asyncIterator]: () => lines },
    async kill() {
      process.removeListener('exit', killAtExit);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    async request(method, path, body, headers = {}) {
      const response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },
  };
}

/** For a child that inherits nothing else: where the code that it compiles is kept. */
export function compileCache(): { readonly NODE_COMPILE_CACHE?: string } {
  const { NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
}

/** Writes an extension that may fetch `api.example.com`. */
export async function writeExtension(
  dir: string,
  name: string,
  {
    code,
    fetchable = {},
    capabilities = {},
  }: { readonly code: string; readonly fetchable?: object; readonly capabilities?: object },
): Promise<void> {
  const folder = join(dir, 'extensions', name);
  await mkdir(folder, { recursive: true });
  const all = { fetch: { hosts: ['api.example.com'], ...fetchable }, ...capabilities };
  const manifest = manifestFor(name, { capabilities: all });
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'extension.ts'), code);
}

async function readUrl(lines: AsyncIterator<string>): Promise<string> {
  for (;;) {
    const { done, value } = await lines.next();
    if (done === true) return assert.fail('The host ended before it was ready');
    const [, url] = /^ready (\S+)/.exec(value) ?? [];
    if (url !== undefined) return url;
  }
}
