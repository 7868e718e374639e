// `npm run bench -- [--only <row>,…] [--quick] [--markdown]`: ratios against peers, measured in turns in one
// run. Absolute numbers depend on the machine; every ratio is the median over rounds, with its spread.

import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';

import { FULL, isMet, median, QUICK, short } from './measure.ts';
import type { Effort, Result } from './measure.ts';
import { installPeers } from './peers.ts';
import { coldStartRows } from './rows/cold-start.ts';
import { evictionRows } from './rows/eviction.ts';
import { exhaustionRows } from './rows/exhaustion.ts';
import { fetchRows } from './rows/fetch.ts';
import { httpRows } from './rows/http.ts';
import { memoryRows } from './rows/memory.ts';
import { neighbourRows } from './rows/neighbour.ts';
import { recoveryRows } from './rows/recovery.ts';
import { reloadRows } from './rows/reloads.ts';
import { roundTripRows, sequentialRows } from './rows/round-trips.ts';
import { saveRows } from './rows/save.ts';
import { storeRows } from './rows/store.ts';

/** In this order; a name is what `--only` takes. */
const ROWS: Readonly<Record<string, (effort: Effort) => Promise<Result[]>>> = {
  http: httpRows,
  'round-trips': roundTripRows,
  sequential: sequentialRows,
  'cold-start': coldStartRows,
  save: saveRows,
  reloads: reloadRows,
  neighbour: neighbourRows,
  exhaustion: exhaustionRows,
  recovery: recoveryRows,
  memory: memoryRows,
  eviction: evictionRows,
  store: storeRows,
  fetch: fetchRows,
};

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
  },
});
const wanted = options.only?.split(',') ?? Object.keys(ROWS);
const unknown = wanted.filter((name) => !Object.hasOwn(ROWS, name));
if (unknown.length > 0) {
  process.stderr.write(
    `--only knows no "${unknown.join()}": it takes ${Object.keys(ROWS).join(', ')}\n`,
  );
  process.exit(2);
}
installPeers();
const effort = options.quick ? QUICK : FULL;
const failed: string[] = [];
for (const name of wanted) {
  try {
    for (const result of (await ROWS[name]?.(effort)) ?? []) print(result);
  } catch (error) {
    // One row that cannot be measured must not cost the others.
    failed.push(name);
    process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
process.stdout.write(
  `\n${cpus().length} cores, load ${loadavg().map(short).join(' ')} at the end, ${effort.rounds} rounds\n`,
);
process.exitCode = failed.length > 0 ? 1 : 0;

function print(result: Result): void {
  const { what, unit, target, values, note = '' } = result;
  const mark = isMet(result) === false ? ' (missed)' : '';
  const spread = `${short(Math.min(...values))}–${short(Math.max(...values))}`;
  const value = `${short(median(values))}${unit === '' ? '' : ` ${unit}`}`;
  const bound = boundOf(target);
  const more = note === '' ? '' : `; ${note}`;
  process.stdout.write(
    options.markdown
      ? `| ${what} | ${value} [${spread}]${more} | ${bound}${mark} |\n`
      : `${what}\n    ${value} [${spread}]  target ${bound}${mark}${more}\n`,
  );
}

function boundOf(target: Result['target']): string {
  if (target?.atLeast !== undefined) return `≥ ${target.atLeast}`;
  return target?.atMost === undefined ? '–' : `≤ ${short(target.atMost)}`;
}
