// A thousand installed extensions of which fifty are used: what an unused one costs, and how long a host
// with all of them takes to be ready.

import type { Effort, Result } from '../measure.ts';
import { memoryOf, Scope, startHost, writeExtension, ECHO } from '../processes.ts';
import type { BenchHost } from '../processes.ts';

const HOT = 50;

/** Two hosts with the same hot ones; the difference between them is what the unused ones cost. */
export async function evictionRows({ rounds, scale }: Effort): Promise<Result[]> {
  const installed = Math.ceil(1_000 * scale);
  const takes = Math.min(3, rounds);
  await using scope = new Scope();
  const many = await install(scope, installed);
  const few = await install(scope, HOT);
  const perEvicted: number[] = [];
  const ready: number[] = [];
  const bare: number[] = [];
  for (let take = 0; take < takes; take += 1) {
    const full = await run(scope, many);
    const base = await run(scope, few);
    perEvicted.push((full.mb - base.mb) / (installed - HOT));
    ready.push(full.readyMs);
    bare.push(base.readyMs);
  }
  return [
    {
      what: `memory per evicted instance, ${installed} installed and ${HOT} hot`,
      unit: 'MB',
      target: { atMost: 0.05 },
      values: perEvicted,
    },
    {
      what: `host ready with ${installed} installed, process start included`,
      unit: 'ms',
      target: { atMost: 1_000 },
      values: ready,
      note: `with ${HOT}: ${Math.round(Math.min(...bare))} ms`,
    },
  ];
}

/** Writes and enables them once, in a host that is stopped again. */
async function install(scope: Scope, count: number): Promise<string> {
  const dir = await scope.folder();
  for (let at = 0; at < count; at += 1) {
    // Each is different code, as extensions are.
    await writeExtension(
      `${dir}/extensions`,
      `e${at}`,
      ECHO.replace('input };', `input, at: ${at} };`),
    );
  }
  const host = await startHost(scope, dir, SETTINGS);
  for (let at = 0; at < count; at += 1) {
    const { status, text } = await host.request('POST', `/extensions/others/e${at}/enable`);
    if (status !== 200) throw new Error(text);
  }
  await host.stop();
  return dir;
}

const SETTINGS = { COFFERDAM_ISOLATION: 'shared' };

async function run(scope: Scope, dir: string): Promise<{ mb: number; readyMs: number }> {
  const host = await startHost(scope, dir, SETTINGS);
  await callHot(host);
  await callHot(host);
  const { rss } = await memoryOf(host.pid);
  await host.stop();
  return { mb: rss, readyMs: host.readyMs };
}

async function callHot(host: BenchHost): Promise<void> {
  for (let at = 0; at < HOT; at += 1) {
    const { status, text } = await host.request(
      'POST',
      `/extensions/others/e${at}/calls/execute`,
      {},
    );
    if (status !== 200) throw new Error(text);
  }
}
