// `npm run demo`: a month of a small hosting company. Exit code 1 when ledger, vendors, panels and partners
// differ by one cent; `--plant` makes errors on purpose, to see that they are found.

import { runMonth } from './month.ts';
import { PLANTS } from './plant.ts';

const QUICK = 27;
const WHOLE = 100;

const args = process.argv.slice(2);
const customers = args.includes('--quick') ? QUICK : WHOLE;
const seed = Number(args.find((each) => /^\d+$/.test(each)) ?? 1);
const plants = args.includes('--plant') ? PLANTS : [];

const startedMs = performance.now();
const { problems, summary } = await runMonth({ customers, seed, plants });
for (const problem of problems) process.stderr.write(`${problem}\n`);
const seconds = Math.round((performance.now() - startedMs) / 1_000);
const end =
  problems.length === 0 ? 'everything agrees to the cent' : `${problems.length} differences`;
process.stdout.write(`seed ${seed}: ${customers} customers, ${summary}; ${seconds} s: ${end}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
