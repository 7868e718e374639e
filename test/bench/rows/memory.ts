// What an instance costs while it is hot, against a worker of workerd's loader; and what a cell of its own costs.

import type { Effort, Result } from '../measure.ts';
import { divide } from '../measure.ts';
import { bundleHeavyWorker, ECHO_WORKER, LOADER_WORKER, startWorkerd } from '../peers/workerd.ts';
import { ECHO, HEAVY, memoryOf, Scope, writeExtension } from '../processes.ts';
import { startSandbox } from '../sandbox.ts';
import type { Sandbox } from '../sandbox.ts';

const INSTANCES = 60;
const CELLS = 8;

/** Resident memory that many instances of one cell add to it, divided by their number. */
export async function memoryRows({ rounds }: Effort): Promise<Result[]> {
  const takes = Math.min(rounds, 3);
  await using scope = new Scope();
  const dir = await scope.folder();
  const trivial = await startSandbox(await writeExtension(dir, 'echo', ECHO));
  scope.defer(() => trivial.stop());
  const heavy = await startSandbox(await writeExtension(dir, 'heavy', HEAVY));
  scope.defer(() => heavy.stop());
  const heavyWorker = await bundleHeavyWorker();
  const taken = { trivial: [] as number[], heavy: [] as number[], cells: [] as number[] };
  const theirs = { trivial: [] as number[], heavy: [] as number[] };
  for (let take = 0; take < takes; take += 1) {
    for (const which of ['trivial', 'heavy'] as const) {
      const sandbox = which === 'trivial' ? trivial : heavy;
      taken[which].push(await perInstance(sandbox, `many:${take}`));
      theirs[which].push(await perWorker(which, heavyWorker));
    }
    taken.cells.push(await perCell(trivial, take));
  }
  const row = (what: string, which: 'trivial' | 'heavy'): Result => ({
    what: `memory per hot instance, ${what}, against workerd`,
    unit: '×',
    target: { atMost: 1 },
    values: divide(taken[which], theirs[which]),
    note: `${mean(taken[which])} MB against ${mean(theirs[which])} MB`,
  });
  return [
    row('trivial', 'trivial'),
    row('250 KB extension', 'heavy'),
    {
      what: 'memory per own cell with one trivial instance (proportional)',
      unit: 'MB',
      target: { atMost: 18 },
      values: taken.cells,
    },
  ];
}

async function perInstance(sandbox: Sandbox, key: string): Promise<number> {
  const cell = await sandbox.keepFresh('null', key);
  for (let at = 1; at < 5; at += 1) await sandbox.keepFresh('null', key);
  const before = await memoryOf(cell.pid);
  for (let at = 0; at < INSTANCES; at += 1) await sandbox.keepFresh('null', key);
  const after = await memoryOf(cell.pid);
  cell.kill({ cause: 'stopped', detail: 'measured' });
  return (after.rss - before.rss) / INSTANCES;
}

async function perWorker(which: 'trivial' | 'heavy', heavyWorker: string): Promise<number> {
  await using scope = new Scope();
  const modules = { 'w.js': LOADER_WORKER, 'trivial.txt': ECHO_WORKER, 'heavy.txt': heavyWorker };
  const { url, pid } = await startWorkerd(scope, modules, { loader: true });
  const load = async (id: number): Promise<void> => {
    const reply = await fetch(`${url}/?which=${which}&id=${id}`, { method: 'POST', body: '{}' });
    if (!reply.ok) throw new Error(await reply.text());
    await reply.text();
  };
  for (let at = 0; at < 5; at += 1) await load(at);
  const before = await memoryOf(pid);
  for (let at = 0; at < INSTANCES; at += 1) await load(5 + at);
  const after = await memoryOf(pid);
  return (after.rss - before.rss) / INSTANCES;
}

async function perCell(sandbox: Sandbox, take: number): Promise<number> {
  const cells = [];
  for (let at = 0; at < CELLS; at += 1) {
    cells.push(await sandbox.keepFresh('null', `own:${take}/${at}`));
  }
  const sizes = await Promise.all(cells.map(({ pid }) => memoryOf(pid)));
  for (const cell of cells) cell.kill({ cause: 'stopped', detail: 'measured' });
  return sizes.reduce((sum, { pss }) => sum + pss, 0) / CELLS;
}

function mean(values: readonly number[]): string {
  return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2);
}
