// What fetch costs an extension: small JSON with 32 requests in flight against Node's own fetch, and what a
// body of 50 MiB lets the host's memory grow by. The vendor is a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { expandHosts } from '../../../host/capabilities/egress.ts';
import { createFetchCapability } from '../../../host/capabilities/fetch.ts';
import { SecretBook } from '../../../host/capabilities/secrets.ts';
import { divide, inTurns, median } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { Scope, writeExtension } from '../processes.ts';
import { startSandbox } from '../sandbox.ts';
import { thousands } from './http.ts';

const IN_FLIGHT = 32;
/** A call may make 1000 requests. */
const REQUESTS = 960;
const EXTENSION = `import { defineOther } from 'cofferdam/sdk';
export default defineOther({
  async execute({ url, large }: any, ctx: any) {
    if (large) {
      let bytes = 0;
      for await (const chunk of (await ctx.fetch(url)).body) bytes += chunk.length;
      return bytes;
    }
    let left = ${REQUESTS};
    const loop = async () => { while (left-- > 0) await (await ctx.fetch(url)).json(); };
    await Promise.all(Array.from({ length: ${IN_FLIGHT} }, loop));
    return null;
  },
} as any);
`;

/** Small and large bodies. */
export async function fetchRows({ rounds }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const url = await startVendor(scope);
  const { serve, close } = createFetchCapability({
    policy: {
      hosts: expandHosts(['{config.host}'], { host: '127.0.0.1' }),
      lan: [{ cidr: '127.0.0.0/8', reason: 'bench', http: true }],
      own: [],
    },
    secrets: new SecretBook([]),
    trust: { fingerprints: [], ca: undefined },
    nowMs: Date.now,
  });
  scope.defer(close);
  const folder = await writeExtension(await scope.folder(), 'fetches', EXTENSION);
  const sandbox = await startSandbox(folder, { fetch: serve });
  scope.defer(() => sandbox.stop());
  const small = JSON.stringify({ url: `${url}/small` });
  const sides = {
    ours: () => rate(() => sandbox.call(small)),
    node: () => rate(() => floodPlain(`${url}/small`)),
  };
  // Both are warm before they are measured.
  await inTurns(2, sides);
  const taken = await inTurns(rounds, sides);
  const large = JSON.stringify({ url: `${url}/large`, large: true });
  const speeds: number[] = [];
  const growth: number[] = [];
  await sandbox.call(large);
  for (let round = 0; round < rounds; round += 1) {
    const before = process.memoryUsage.rss();
    const started = performance.now();
    const bytes = Number(await sandbox.call(large));
    speeds.push(bytes / 2 ** 20 / ((performance.now() - started) / 1_000));
    growth.push((process.memoryUsage.rss() - before) / 2 ** 20);
  }
  return [
    {
      what: "small JSON fetch through the guest, 32 in flight, against Node's own fetch",
      unit: '×',
      target: { atLeast: 2 },
      values: divide(taken.ours, taken.node),
      note: `${thousands(taken.ours)} against ${thousands(taken.node)}`,
    },
    {
      what: '50 MiB body through the guest, growth of the host',
      unit: 'MiB',
      target: { atMost: 4 },
      values: growth,
      note: `${median(speeds).toFixed(0)} MiB/s`,
    },
  ];
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
