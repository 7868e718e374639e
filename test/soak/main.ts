// `npm run soak -- [minutes]`: extensions are enabled, called, killed and disabled again and again; the
// host's resident memory and open files must stay flat. Exit code 1 when they grow.

import { appendFileSync } from 'node:fs';

import { readSlope, runSoak } from './soak.ts';

/** Growth per hour that is still called flat: what a heap does between two full collections. */
const MEMORY_MIB_PER_HOUR = 256;
const FILES_PER_HOUR = 60;

const minutes = Number(process.argv[2] ?? 60);
if (!(minutes > 0)) {
  process.stderr.write('npm run soak -- [minutes]: minutes must be a number over 0\n');
  process.exit(2);
}
const log = process.env['SOAK_LOG'];
const { samples, cycles } = await runSoak(minutes * 60_000, (sample) => {
  if (log !== undefined) appendFileSync(log, `${JSON.stringify(sample)}\n`);
});
// The first part is warm-up: compiled code and caches are still growing.
const settled = samples.slice(Math.floor(samples.length / 3));
const memory = readSlope(settled.map(({ atMs, residentMiB }) => [atMs, residentMiB]));
const files = readSlope(settled.map(({ atMs, files }) => [atMs, files]));
const first = settled[0];
const last = settled.at(-1);
process.stdout.write(
  `${cycles} cycles in ${minutes} min; host ${first?.residentMiB.toFixed(0)} → ${last?.residentMiB.toFixed(0)} MiB, ${first?.files} → ${last?.files} open files\n`,
);
// A short run sees noise as a steep slope: there it is the total growth that counts.
const hours = Math.max(minutes / 60, 1 / 4);
const grew = {
  memoryMiB: memory * ((minutes / 60) * (2 / 3)),
  files: files * ((minutes / 60) * (2 / 3)),
};
const bad: string[] = [];
if (grew.memoryMiB > MEMORY_MIB_PER_HOUR * hours)
  bad.push(`memory grew by ${grew.memoryMiB.toFixed(0)} MiB`);
if (grew.files > FILES_PER_HOUR * hours) bad.push(`open files grew by ${grew.files.toFixed(0)}`);
for (const line of bad) process.stderr.write(`${line}\n`);
process.exitCode = bad.length > 0 ? 1 : 0;
