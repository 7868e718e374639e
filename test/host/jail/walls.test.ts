import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { readKernelPowers } from '../../../host/jail/kernel.ts';
import { createWallCheck, probeWalls } from '../../../host/jail/walls.ts';
import type { Wall } from '../../../host/jail/walls.ts';

describe('the walls around a cell', { timeout: 60_000 }, () => {
  it('are held by the permission model and an empty environment on every machine', async () => {
    const walls = await probeWalls(readKernelPowers());
    const held = walls.filter((wall) => wall.held).map(({ promise }) => promise);
    for (const promise of [
      'read a file of the system',
      'read the environment of the host',
      'read the data folder of the host',
      'write a file',
      'start a process',
      'find a secret in its own environment',
      'connect over TCP',
    ]) {
      assert.ok(held.includes(promise), promise);
    }
    if (held.length < walls.length) {
      const open = walls.filter((wall) => !wall.held).map(({ promise }) => promise);
      console.log(`this kernel leaves open: ${open.join(', ')}`);
    }
  });

  it('let nothing untrusted run when one of them is open, and say which', async () => {
    const wall = (promise: string, held: boolean): Wall => ({ promise, held, layer: 'x' });
    const closed = createWallCheck(async () => [wall('write a file', true)]);
    await closed.assertHeld();
    const open = createWallCheck(async () => [
      wall('write a file', true),
      wall('signal the host', false),
    ]);
    assert.deepEqual(await open.open(), ['signal the host']);
    await assert.rejects(open.assertHeld(), {
      code: 'HOST_UNJAILED',
      message: /a cell could signal the host/,
      remedy: /COFFERDAM_ALLOW_UNJAILED=1/,
    });
  });
});
