// Attack: climb from a host function to its Function.
// Would work: a function of another realm compiles code in that realm.
// Stopped by: strings only: no object of the host is reachable.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('reaches no realm but its own by constructors', { timeout: 60_000 }, async () => {
  const { result, neighbour } = await attack(
    `const names = ['process', 'require', 'global']; const climb = (value: any) => value.constructor.constructor('return [typeof process, typeof require]')(); return [climb(fetch), climb(console.log), climb(setTimeout), names.length];`,
  );
  assert.deepEqual(result, [
    ['undefined', 'undefined'],
    ['undefined', 'undefined'],
    ['undefined', 'undefined'],
    3,
  ]);
  assert.equal(neighbour, 'fine');
});
