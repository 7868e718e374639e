// Attack: give platform functions arguments whose conversions loop.
// Would work: valueOf, toString and iterators run while a native reads its arguments.
// Stopped by: the turn, which every conversion is part of.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('ends a conversion that loops in an argument', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const evil: any = { [Symbol.toPrimitive]() { for (;;); } }; return new Response('x', { status: evil }).status;`,
  );
  assert.equal(outcome.code, 'EXTENSION_CPU_EXCEEDED');
});
