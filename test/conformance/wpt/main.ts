// `npm run wpt -- <folder> [path…]`: web-platform-tests in an isolate and in plain Node, side by side.

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { planJobs } from './plan.ts';
import { readExpectations, compare, printAreas } from './report.ts';
import type { Run } from './report.ts';
import { serveTests } from './server.ts';
import { runInNode, startIsolates } from './sides.ts';

const SLOTS = 2;
const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined) {
  console.error('Usage: npm run wpt -- <web-platform-tests folder> [--json=<file>] [path…]');
  process.exit(2);
}
const only = rest.filter((word) => !word.startsWith('--'));
const json = rest.find((word) => word.startsWith('--json='))?.slice('--json='.length);

const root = resolve(folder);
const jobs = await planJobs(root, only);
const runs: Run[] = [];
{
  await using server = await serveTests(root);
  await using isolates = await startIsolates(SLOTS, server.origin);
  const queue = [...jobs];
  const work = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const here = await isolates.run(job);
      const node = await runInNode(job, server.origin);
      runs.push({ job, here, node });
      if (process.stderr.isTTY) process.stderr.write(`\r${runs.length}/${jobs.length} `);
    }
  };
  await Promise.all(Array.from({ length: SLOTS }, work));
}
if (json !== undefined) await writeFile(json, JSON.stringify(runs));
printAreas(runs);
const problems = compare(runs, await readExpectations());
for (const problem of problems) console.log(problem);
process.exit(problems.length === 0 ? 0 : 1);
