// Attack: make a host function throw and read the stack.
// Would work: an error that crosses carries the paths of the host.
// Stopped by: envelopes: only a code and a message cross.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('shows no path of the host in the stack of an error', { timeout: 60_000 }, async () => {
  const { result, neighbour } = await attack(
    `try { new URL('http://'); return 'none'; } catch (error: any) { return String(error.stack); }`,
  );
  assert.doesNotMatch(String(result), /file:|node_modules|isolated-vm/);
  assert.equal(neighbour, 'fine');
});
