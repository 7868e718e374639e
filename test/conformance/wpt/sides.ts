// The two sides of the comparison: an isolate of a real host, and plain Node in a child process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { manifestFor, startTestHost } from '../../helpers/host.ts';
import type { DriverJob, Outcome } from './driver.ts';
import type { Job } from './plan.ts';

/** Runs one job. */
export type Side = (job: Job) => Promise<Outcome>;

const DEADLINE_MS = 8_000;
const LONG_DEADLINE_MS = 40_000;
/** Milliseconds beyond its deadline after which a run is given up from outside. */
const GRACE_MS = 15_000;
const EXTENSION = `import { defineOther } from 'cofferdam/sdk';
import { runTest } from './driver.ts';
export default defineOther({ execute: (job: any) => runTest(job) } as any);
`;

/** Runs a job in a fresh process. */
export async function runInNode(job: Job, origin: string): Promise<Outcome> {
  const main = join(import.meta.dirname, 'in-node.ts');
  const input = toInput(job, origin);
  const child = spawn(process.execPath, ['--no-warnings', main, JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {},
    timeout: input.deadlineMs + GRACE_MS,
    killSignal: 'SIGKILL',
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  const text = Buffer.concat(chunks).toString();
  return text === ''
    ? { subtests: [], error: 'The process ended early' }
    : (JSON.parse(text) as Outcome);
}

/** Starts a host whose isolates run jobs, `slots` at a time; each job gets a fresh one. */
export async function startIsolates(
  slots: number,
  origin: string,
): Promise<AsyncDisposable & { run: Side }> {
  const names = Array.from({ length: slots }, (_, at) => `others/wpt-${at}`);
  const driver = await readFile(join(import.meta.dirname, 'driver.ts'), 'utf8');
  const hosts = [new URL(origin).host];
  const files = Object.fromEntries(names.map((name) => [name, filesOf(name, driver, hosts)]));
  const host = await startTestHost(files);
  const grants = {
    fetch: { hosts },
    lan: [{ cidr: '127.0.0.0/8', reason: 'the tests are served there', http: true }],
  };
  const free: string[] = [];
  for (const name of names) {
    await host.enable(name, undefined, grants);
    free.push(name);
  }
  const waiting: ((name: string) => void)[] = [];
  const take = (): Promise<string> | string =>
    free.pop() ?? new Promise((resolve) => waiting.push(resolve));
  const give = (name: string): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(name);
    else next(name);
  };
  return {
    async run(job) {
      const name = await take();
      try {
        const restarted = await host.request('POST', `/extensions/${name}/restart`);
        if (restarted.status !== 200) throw new Error(JSON.stringify(restarted.body));
        const input = toInput(job, origin);
        const more = { deadlineMs: input.deadlineMs + GRACE_MS };
        const { body } = await host.call(name, 'execute', input, more);
        return body.result ?? { subtests: [], error: `${body.code}: ${body.detail}` };
      } finally {
        give(name);
      }
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

function filesOf(name: string, driver: string, hosts: string[]): Record<string, string> {
  const more = {
    capabilities: { fetch: { hosts } },
    limits: { cpuMs: 5_000, memoryMiB: 256, wallMs: 120_000 },
  };
  return {
    'extension.ts': EXTENSION,
    'driver.ts': driver,
    'manifest.json': JSON.stringify(manifestFor(name, more)),
  };
}

function toInput({ path, variant, scripts, isLong }: Job, base: string): DriverJob {
  const deadlineMs = isLong ? LONG_DEADLINE_MS : DEADLINE_MS;
  return { base, path, variant, scripts, deadlineMs };
}
