// `npm run chaos -- [--seed n] [--quick]`: three hosts on one PostgreSQL under events, operations and
// webhooks, two of them killed. Exit code 1 when something was lost, done twice or is stuck.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { TEST_ROOT } from '../helpers/folder.ts';
import { postgresMissing, startPostgres } from '../helpers/postgres.ts';
import { startCluster } from './cluster.ts';
import { compare } from './compare.ts';
import { writeExtensions } from './extensions.ts';
import { createPlan, SIZES } from './plan.ts';
import { runPlan } from './run.ts';
import { startWorld } from './world.ts';

/** What was refused once waits five seconds; what a dead host held, about as long. */
const DRAIN_MS = 60_000;
/** Differences that are shown; more of the same help nobody. */
const SHOWN = 20;

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, quick: { type: 'boolean', default: false } },
});
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0) {
  process.stderr.write('npm run chaos -- --seed n: n must be a whole number from 0\n');
  process.exit(2);
}
const missing = postgresMissing();
if (missing !== undefined) {
  process.stdout.write(`${missing}\n`);
  process.exit(0);
}

const startedMs = performance.now();
const size = values.quick ? SIZES.quick : SIZES.whole;
const plan = createPlan(seed, size);
await using postgres = await startPostgres();
await using world = await startWorld(
  new Set(plan.hooks.filter(({ refused }) => refused).map(({ id }) => id)),
);
const dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-chaos-'));
await writeExtensions(dir);
const { vendorPort, panelUrl, outcome } = world;
const databaseUrl = await postgres.createDatabase();
await using cluster = await startCluster({ dir, databaseUrl, vendorPort, panelUrl });
const sentMs = performance.now();
const { problems, resolved } = await runPlan(plan, { cluster, outcome, drainMs: DRAIN_MS });
const tookMs = performance.now() - sentMs;

const differences = [...problems, ...compare(plan, outcome)];
for (const line of differences.slice(0, SHOWN)) process.stderr.write(`${line}\n`);
if (differences.length > SHOWN) process.stderr.write(`and ${differences.length - SHOWN} more\n`);
const again = [...outcome.seen.values()].filter((times) => times > 1).length;
const killed = plan.kills.map(({ host, afterEvents }) => `host ${host} after ${afterEvents}`);
process.stdout.write(
  `seed ${seed}: ${size.events} events (${again} handled again), ${size.operations} operations ` +
    `(${resolved} put before a person), ${size.hooks} webhooks (${outcome.repeats} messages again); ` +
    `killed ${killed.join(' and ')} events; ${Math.round(tookMs / 1_000)} s, ` +
    `${Math.round((performance.now() - startedMs) / 1_000)} s in all: ` +
    `${differences.length === 0 ? 'nothing lost, nothing done twice' : `${differences.length} differences`}\n`,
);
process.exitCode = differences.length === 0 ? 0 : 1;
await rm(dir, { recursive: true, force: true });
