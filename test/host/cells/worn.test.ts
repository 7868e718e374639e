// Which cell a key gets, with cells that only say hello.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { Supervisor } from '../../../host/cells/supervisor.ts';
import { LIMITS } from '../../../host/limits.ts';
import { startFakeCell } from '../../helpers/fake-cell.ts';

it('gives a key a fresh cell once the last one has run its number of calls', async () => {
  await using supervisor = new Supervisor({
    spawnCell: startFakeCell,
    platform: async () => ({ cell: '', greeting: Buffer.alloc(0) }),
    nowMs: Date.now,
    onCell: () => undefined,
  });
  const first = await supervisor.acquire('own:a');
  first.served = LIMITS.callsPerCell - 1;
  assert.equal(await supervisor.acquire('own:a'), first);
  first.served = LIMITS.callsPerCell;
  const second = await supervisor.acquire('own:a');
  assert.notEqual(second, first);
  assert.equal(await supervisor.acquire('own:a'), second);
});
