import assert from 'node:assert/strict';
import { it } from 'node:test';

import { FLAT, readGrowth, readSlope } from './soak.ts';
import type { Sample } from './soak.ts';

it('reads growth per hour out of samples, and none out of flat ones', () => {
  const flat = [0, 1_000, 2_000].map((at) => [at, 50] as const);
  assert.equal(readSlope(flat), 0);
  const rising = [0, 1_000, 2_000].map((at) => [at, 50 + at / 1_000] as const);
  assert.equal(Math.round(readSlope(rising)), 3_600);
  assert.equal(readSlope([[5, 5]]), 0);
});

/** A sample a minute for an hour, each growing by so much in that hour. */
function hour(grows: { residentMiB: number; files: number; processes: number }): Sample[] {
  return Array.from({ length: 61 }, (_, minute) => ({
    atMs: minute * 60_000,
    residentMiB: 100 + (grows.residentMiB * minute) / 60,
    files: 50 + (grows.files * minute) / 60,
    processes: 3 + (grows.processes * minute) / 60,
  }));
}

it('calls growth at the limit flat, and over it not, for each thing it looks at', () => {
  const keys = ['residentMiB', 'files', 'processes'] as const;
  // Two thirds of the hour are judged, the rest is warm-up: half as much again is the limit.
  const atLimit = {
    residentMiB: FLAT.residentMiB.perHour * 1.5,
    files: FLAT.files.perHour * 1.5,
    processes: FLAT.processes.perHour * 1.5,
  };
  const judge = (grows: typeof atLimit): boolean[] =>
    readGrowth(hour(grows), 3_600_000).map(({ isFlat }) => isFlat);
  const within = { residentMiB: 380, files: 89, processes: 8.9 };
  assert.deepEqual(judge(within), [true, true, true]);
  for (const key of keys) {
    const flat = judge({ ...within, [key]: atLimit[key] * 1.05 });
    assert.deepEqual(
      flat,
      keys.map((each) => each !== key),
    );
  }
});
