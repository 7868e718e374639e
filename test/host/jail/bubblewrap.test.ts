import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { findBubblewrap } from '../../../host/jail/kernel.ts';
import { probeWalls } from '../../../host/jail/walls.ts';
import { NO_WALLS } from '../../helpers/kernel.ts';

const bubblewrap = findBubblewrap();
const skip =
  bubblewrap === undefined ? 'bubblewrap is not installed here: its walls were not tried' : false;

describe('the fallback for kernels without Landlock', { timeout: 60_000 }, () => {
  it('holds every promise when bubblewrap is installed', { skip }, async () => {
    const walls = await probeWalls({ ...NO_WALLS, bubblewrap });
    const open = walls.filter(({ held }) => !held).map(({ promise }) => promise);
    assert.deepEqual(open, []);
    const signal = walls.find(({ promise }) => promise === 'signal the host');
    assert.match(signal?.layer ?? '', /bubblewrap/);
  });

  it('says what is open when there is no bubblewrap either', async () => {
    const walls = await probeWalls(NO_WALLS);
    const open = walls.filter(({ held }) => !held).map(({ promise }) => promise);
    assert.ok(open.includes('open a database'), open.join());
    for (const { held, layer } of walls) assert.equal(layer === 'none', !held);
  });
});
