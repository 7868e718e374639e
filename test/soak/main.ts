// `npm run soak -- [minutes]`: extensions are enabled, called, killed and disabled again and again; the
// host's resident memory, open files and processes must stay flat. Exit code 1 when one of them grows.
// `SOAK_LOG` names a file that every sample is added to.

import { appendFileSync } from 'node:fs';

import { readGrowth, runSoak } from './soak.ts';
import type { Sample } from './soak.ts';

/** Minutes between two lines about a run that goes on. */
const TELL_MINUTES = 5;

const minutes = Number(process.argv[2] ?? 60);
if (!(minutes > 0)) {
  process.stderr.write('npm run soak -- [minutes]: minutes must be a number over 0\n');
  process.exit(2);
}
const log = process.env['SOAK_LOG'];
let tellAt = TELL_MINUTES;
const { samples, cycles } = await runSoak(minutes * 60_000, (sample) => {
  if (log !== undefined) appendFileSync(log, `${JSON.stringify(sample)}\n`);
  if (sample.atMs < tellAt * 60_000) return;
  process.stdout.write(`${tellAt} min: ${describe(sample)}\n`);
  tellAt += TELL_MINUTES;
});
process.stdout.write(`${cycles} cycles in ${minutes} min\n`);
const growth = readGrowth(samples, minutes * 60_000);
for (const { named, from, to, perHour, isFlat } of growth) {
  const rate = `${perHour < 0 ? '−' : '+'}${Math.abs(perHour).toFixed(1)} an hour`;
  process.stdout.write(
    `${isFlat ? 'flat' : 'GREW'}  ${named}: ${from.toFixed(0)} → ${to.toFixed(0)}, ${rate}\n`,
  );
}
process.exitCode = growth.every(({ isFlat }) => isFlat) ? 0 : 1;

function describe({ residentMiB, files, processes }: Sample): string {
  return `${residentMiB.toFixed(0)} MiB, ${files} files, ${processes} processes`;
}
