import assert from 'node:assert/strict';
import { it } from 'node:test';

import { readSlope } from './soak.ts';

it('reads growth per hour out of samples, and none out of flat ones', () => {
  const flat = [0, 1_000, 2_000].map((at) => [at, 50] as const);
  assert.equal(readSlope(flat), 0);
  const rising = [0, 1_000, 2_000].map((at) => [at, 50 + at / 1_000] as const);
  assert.equal(Math.round(readSlope(rising)), 3_600);
  assert.equal(readSlope([[5, 5]]), 0);
});
