// What fetch costs an extension: small JSON with 32 requests in flight against Node's own fetch and workerd,
// one for each call and all in one call, and a body of 50 MiB. The vendor is a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { expandHosts } from '../../../host/capabilities/egress.ts';
import { createFetchCapability } from '../../../host/capabilities/fetch.ts';
import { SecretBook } from '../../../host/capabilities/secrets.ts';
import { divide, flood, inTurns, median } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { fetchWorker, startWorkerd } from '../peers/workerd.ts';
import { cpuMsOf, load, Scope, writeExtension } from '../processes.ts';
import { startSandbox } from '../sandbox.ts';
import type { Sandbox } from '../sandbox.ts';
import { thousands } from './http.ts';

const IN_FLIGHT = 32;
/** A call may make 1000 requests. */
const REQUESTS = 960;
const EXTENSION = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({
  async execute(input: any, ctx: any) {
    // Called with nothing at first, to warm it.
    const { url, large, requests = 0, inFlight = 0 } = input ?? {};
    if (large) {
      let bytes = 0;
      for await (const chunk of (await ctx.fetch(url)).body) bytes += chunk.length;
      return bytes;
    }
    let left = requests;
    const loop = async () => { while (left-- > 0) await (await ctx.fetch(url)).json(); };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return null;
  },
} as any);
`;

/** Small and large bodies. */
export async function fetchRows({ rounds, scale }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const vendor = await startVendor(scope);
  const sandbox = await startFetcher(scope);
  const worker = await startWorkerd(
    scope,
    { 'w.js': fetchWorker(`${vendor}/small`) },
    { reachesAll: true },
  );
  const small = { url: `${vendor}/small`, requests: REQUESTS, inFlight: IN_FLIGHT };
  const large = { url: `${vendor}/large`, large: true };
  const askWorker = async (input: object): Promise<number> => {
    const body = JSON.stringify(input);
    return Number(await (await fetch(worker.url, { method: 'POST', body })).json());
  };
  const askOurs = async (input: object): Promise<number> =>
    Number(await sandbox.call(JSON.stringify(input)));
  const single = { url: small.url, requests: 1, inFlight: 1 };
  const each = { inFlight: IN_FLIGHT, durationMs: 2_000 * scale };
  const sides = {
    oursEach: () => flood(() => askOurs(single), each),
    workerdEach: async () => (await load(worker.url, each)).rps,
    ours: () => rate(() => askOurs(small)),
    node: () => rate(() => floodPlain(small.url)),
    workerd: () => rate(() => askWorker(small)),
  };
  // All are warm before they are measured.
  await inTurns(2, sides);
  const taken = await inTurns(rounds, sides);
  const bodies = {
    ours: () => speed(() => askOurs(large)),
    workerd: () => speed(() => askWorker(large)),
  };
  await inTurns(1, bodies);
  const speeds = await inTurns(rounds, bodies);
  const cost = await inTurns(rounds, {
    ours: () => cpuOf([process.pid, ...sandbox.supervisor.pids], () => askOurs(small)),
    workerd: () => cpuOf([worker.pid], () => askWorker(small)),
  });
  const growth: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = process.memoryUsage.rss();
    await askOurs(large);
    growth.push((process.memoryUsage.rss() - before) / 2 ** 20);
  }
  return [
    {
      what: "a call that fetches small JSON, 32 in flight, against Node's own fetch",
      unit: '×',
      target: { atLeast: 2 },
      values: divide(taken.oursEach, taken.node),
      note: `${thousands(taken.oursEach)} against ${thousands(taken.node)}`,
    },
    {
      what: 'same, against workerd called over HTTP',
      unit: '×',
      target: { atLeast: 3 },
      values: divide(taken.oursEach, taken.workerdEach),
      note: `against ${thousands(taken.workerdEach)}`,
    },
    {
      what: `${REQUESTS} fetches in one call, 32 in flight, against Node's own fetch`,
      unit: '×',
      target: undefined,
      values: divide(taken.ours, taken.node),
      note: `${thousands(taken.ours)} against ${thousands(taken.node)}`,
    },
    {
      what: 'same, against workerd',
      unit: '×',
      target: undefined,
      values: divide(taken.ours, taken.workerd),
      note: `against ${thousands(taken.workerd)}`,
    },
    {
      what: 'same, CPU of host and cell, against workerd',
      unit: '×',
      target: undefined,
      values: divide(cost.ours, cost.workerd),
      note: `${median(cost.ours).toFixed(0)} against ${median(cost.workerd).toFixed(0)} µs a fetch`,
    },
    {
      what: '50 MiB body through the guest, against workerd',
      unit: '×',
      target: { atLeast: 2 },
      values: divide(speeds.ours, speeds.workerd),
      note: `${median(speeds.ours).toFixed(0)} against ${median(speeds.workerd).toFixed(0)} MiB/s`,
    },
    {
      what: '50 MiB body through the guest, growth of the host',
      unit: 'MiB',
      target: { atMost: 4 },
      values: growth,
    },
  ];
}

/** The extension in a cell, with a fetch that reaches loopback. */
async function startFetcher(scope: Scope): Promise<Sandbox> {
  const { serve, close } = createFetchCapability({
    policy: {
      hosts: expandHosts(['{config.host}'], { host: '127.0.0.1' }),
      lan: [{ cidr: '127.0.0.0/8', reason: 'bench', http: true }],
      own: [],
    },
    secrets: new SecretBook([]),
    trust: { fingerprints: [], ca: undefined },
  });
  scope.defer(close);
  const folder = await writeExtension(await scope.folder(), 'fetches', EXTENSION);
  const sandbox = await startSandbox(folder, { fetch: serve });
  scope.defer(() => sandbox.stop());
  return sandbox;
}

async function startVendor(scope: Scope): Promise<string> {
  const file = join(import.meta.dirname, '../peers/servers/vendor.ts');
  const vendor = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.defer(async () => {
    vendor.kill('SIGKILL');
    await once(vendor, 'exit');
  });
  const [line] = (await once(vendor.stdout, 'data')) as [Buffer];
  return String(line).trim();
}

async function rate(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return REQUESTS / ((performance.now() - started) / 1_000);
}

/** MiB of a body per second. */
async function speed(run: () => Promise<number>): Promise<number> {
  const started = performance.now();
  const bytes = await run();
  return bytes / 2 ** 20 / ((performance.now() - started) / 1_000);
}

/** Microseconds of CPU for one of `REQUESTS`; whoever else runs on the machine does not count. */
async function cpuOf(pids: readonly number[], run: () => Promise<unknown>): Promise<number> {
  const sum = async (): Promise<number> =>
    (await Promise.all(pids.map(cpuMsOf))).reduce((all, each) => all + each, 0);
  const before = await sum();
  for (let time = 0; time < 5; time += 1) await run();
  return (((await sum()) - before) * 1_000) / (5 * REQUESTS);
}

async function floodPlain(url: string): Promise<void> {
  let left = REQUESTS;
  const loop = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await (await fetch(url)).json();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
}
