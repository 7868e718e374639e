// Attack: write log lines without end.
// Would work: un-awaited messages took 900 MB of the host in 1.5 s.
// Stopped by: a quota of messages and characters per turn.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a flood of log lines', { timeout: 60_000 }, async () => {
  const { code, neighbour } = await attack(`for (;;) console.log('x'.repeat(10_000));`);
  assert.match(code ?? '', /QUOTA|CPU|THREW/);
  assert.equal(neighbour, 'fine');
});
