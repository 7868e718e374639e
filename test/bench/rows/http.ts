// HTTP → handler → HTTP, against the same route without a sandbox and in the sandboxes of others.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { divide, inTurns, median } from '../measure.ts';
import type { Effort, Result } from '../measure.ts';
import { ECHO_WORKER, startWorkerd } from '../peers/workerd.ts';
import { CALL_PATH, load, Scope, startEchoHost } from '../processes.ts';

const SERVERS = join(import.meta.dirname, '../peers/servers');

/** Five servers, one after the other in each round, 64 requests in flight. */
export async function httpRows({ rounds, scale }: Effort): Promise<Result[]> {
  await using scope = new Scope();
  const worker = join(await scope.folder(), 'worker.js');
  await writeFile(worker, ECHO_WORKER);
  const urls = {
    ours: (await startEchoHost(scope)).url,
    plain: await scope.serve(join(SERVERS, 'plain.ts')),
    inProcess: await scope.serve(join(SERVERS, 'in-process.ts')),
    workerd: (await startWorkerd(scope, { 'w.js': ECHO_WORKER })).url,
    miniflare: await scope.serve(join(SERVERS, 'miniflare.ts'), worker),
  };
  const rate = async (url: string, durationMs: number): Promise<number> => {
    const { rps, failed } = await load(url + CALL_PATH, { durationMs: durationMs * scale });
    if (failed > 0) throw new Error(`${failed} requests to ${url} failed`);
    return rps;
  };
  // Enough for the optimising compiler to have seen every path.
  for (const url of Object.values(urls)) await rate(url, 4_000);
  const taken = await inTurns(rounds, {
    ours: () => rate(urls.ours, 2_000),
    plain: () => rate(urls.plain, 2_000),
    inProcess: () => rate(urls.inProcess, 2_000),
    workerd: () => rate(urls.workerd, 2_000),
    miniflare: () => rate(urls.miniflare, 2_000),
  });
  const against = (name: keyof typeof taken, what: string, atLeast: number): Result => ({
    what: `HTTP → sandboxed handler → HTTP, requests/s against ${what}`,
    unit: '×',
    target: { atLeast },
    values: divide(taken.ours, taken[name]),
    note: `${thousands(taken.ours)} against ${thousands(taken[name])}`,
  });
  return [
    against('plain', 'the same Fastify route without a sandbox', 0.9),
    against('workerd', 'workerd serving HTTP', 2.3),
    against('miniflare', 'miniflare', 6),
    against('inProcess', 'isolated-vm used the Directus way', 2),
  ];
}

/** `12.3 k/s` */
export function thousands(values: readonly number[]): string {
  return `${(median(values) / 1_000).toFixed(1)} k/s`;
}
