import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { findBubblewrap } from '../../../host/jail/kernel.ts';
import type { KernelPowers } from '../../../host/jail/kernel.ts';
import { probeWalls } from '../../../host/jail/walls.ts';

const bubblewrap = findBubblewrap();
const skip =
  bubblewrap === undefined ? 'bubblewrap is not installed here: its walls were not tried' : false;

/** A kernel that has neither Landlock nor a filter, as far as the jail is told. */
const BARE: KernelPowers = { machine: undefined, landlockAbi: 0, seccomp: false, bubblewrap };

describe('the fallback for kernels without Landlock', { timeout: 60_000 }, () => {
  it('holds every promise when bubblewrap is installed', { skip }, async () => {
    const walls = await probeWalls(BARE);
    const open = walls.filter(({ held }) => !held).map(({ promise }) => promise);
    assert.deepEqual(open, []);
    const signal = walls.find(({ promise }) => promise === 'signal the host');
    assert.match(signal?.layer ?? '', /bubblewrap/);
  });

  it('says what is open when there is no bubblewrap either', async () => {
    const walls = await probeWalls({ ...BARE, bubblewrap: undefined });
    const open = walls.filter(({ held }) => !held).map(({ promise }) => promise);
    assert.ok(open.includes('open a database'), open.join());
    for (const { held, layer } of walls) assert.equal(layer === 'none', !held);
  });
});
