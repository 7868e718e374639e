// Counts, the table, and the comparison with what is expected: subtests that Node passes and we do not.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { AREAS } from './plan.ts';
import type { Job } from './plan.ts';
import type { Outcome } from './driver.ts';

/** One job on both sides. */
export type Run = { readonly job: Job; readonly here: Outcome; readonly node: Outcome };

/**
 * What is known to lag behind Node, by file and variant: subtests by name; `~text` stands for all whose name
 * holds the text, `~` for all of the file.
 */
export type Expectations = Readonly<Record<string, readonly string[]>>;

const FILE = join(import.meta.dirname, 'expectations.json');

/** Reads expectations.json. */
export async function readExpectations(): Promise<Expectations> {
  return JSON.parse(await readFile(FILE, 'utf8')) as Expectations;
}

/** Names of the subtests that passed; two of one name count once each. */
export function passesOf({ subtests }: Outcome): string[] {
  const seen = new Map<string, number>();
  return subtests.flatMap(([name, outcome]) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return outcome === 'PASS' ? [times === 1 ? name : `${name} #${times}`] : [];
  });
}

/** What Node passes and we do not, by file and variant. */
export function lagsOf(runs: readonly Run[]): Record<string, string[]> {
  const lags: Record<string, string[]> = {};
  for (const { job, here, node } of runs) {
    const passed = new Set(passesOf(here));
    const missing = passesOf(node).filter((name) => !passed.has(name));
    if (missing.length > 0) lags[keyOf(job)] = missing;
  }
  return lags;
}

/** One line for each difference between what came out and what is expected of the files that ran. */
export function compare(runs: readonly Run[], expected: Expectations): string[] {
  const lags = lagsOf(runs);
  return runs.flatMap(({ job }) => {
    const key = keyOf(job);
    const now = lags[key] ?? [];
    const known = expected[key] ?? [];
    return [
      ...now
        .filter((name) => !known.some((entry) => means(entry, name)))
        .map((name) => `fails: ${key}: ${name}`),
      ...known
        .filter((entry) => !now.some((name) => means(entry, name)))
        .map((entry) => `passes now: ${key}: ${entry}`),
    ];
  });
}

function means(entry: string, name: string): boolean {
  return entry.startsWith('~') ? name.includes(entry.slice(1)) : entry === name;
}

/** Prints passing subtests of both sides for each area. */
export function printAreas(runs: readonly Run[]): void {
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, at) => (at === 0 ? String(cell).padEnd(36) : String(cell).padStart(9)))
      .join('');
  console.log(line(['area', 'runs', 'here', 'node 26', 'ratio']));
  let total = { here: 0, node: 0 };
  for (const area of AREAS) {
    const mine = runs.filter(({ job }) => job.area === area);
    if (mine.length === 0) continue;
    const here = count(mine.map((run) => run.here));
    const node = count(mine.map((run) => run.node));
    total = { here: total.here + here, node: total.node + node };
    console.log(line([area, mine.length, here, node, (here / Math.max(1, node)).toFixed(3)]));
  }
  const ratio = (total.here / Math.max(1, total.node)).toFixed(3);
  console.log(line(['all', runs.length, total.here, total.node, ratio]));
}

function count(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, outcome) => sum + passesOf(outcome).length, 0);
}

function keyOf({ path, variant }: Job): string {
  return `${path}${variant}`;
}
