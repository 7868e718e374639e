// What the run decides by its seed, and that it sees what is lost or done twice.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { compare } from './compare.ts';
import { createPlan, SIZES } from './plan.ts';
import type { Outcome } from './world.ts';

const SIZE = { events: 4, subjects: 2, operations: 2, hooks: 1 };

it('decides the same for the same seed, and otherwise for another', () => {
  assert.deepEqual(createPlan(7, SIZES.quick), createPlan(7, SIZES.quick));
  assert.notDeepEqual(createPlan(7, SIZES.quick), createPlan(8, SIZES.quick));
});

it('kills two hosts, the second later than the first', () => {
  for (let seed = 0; seed < 100; seed += 1) {
    const [first, second] = createPlan(seed, SIZES.whole).kills;
    assert.ok(first !== undefined && second !== undefined);
    assert.notEqual(first.host, second.host);
    assert.ok(first.afterEvents < second.afterEvents && second.afterEvents < SIZES.whole.events);
  }
});

it('finds no difference where all was done once and in order', () => {
  assert.deepEqual(compare(createPlan(1, SIZE), whole()), []);
});

it('names what was lost, done twice, told twice and out of order', () => {
  const outcome = whole();
  outcome.seen.delete('evt-1-1');
  outcome.places.set('subject-0', [0, 1, 0]);
  outcome.made.set('keyed-0', 2).delete('plain-1');
  outcome.told.set('pay-0', new Set(['a', 'b']));
  assert.deepEqual(compare(createPlan(1, SIZE), outcome), [
    'subject-0: event 0 was handled after 1',
    'event evt-1-1 was never handled',
    'operation keyed-0 had 2 effects at the vendor',
    'operation plain-1 had 0 effects at the vendor',
    'payment pay-0 was told to the panel 2 times',
  ]);
});

/** Everything as it should be; one event was handled again, which may happen. */
function whole(): Outcome {
  return {
    seen: new Map([
      ['evt-0-0', 1],
      ['evt-0-1', 2],
      ['evt-1-0', 1],
      ['evt-1-1', 1],
    ]),
    places: new Map([
      ['subject-0', [0, 1, 1]],
      ['subject-1', [0, 1]],
    ]),
    made: new Map([
      ['keyed-0', 1],
      ['plain-1', 1],
    ]),
    told: new Map([['pay-0', new Set(['a'])]]),
    repeats: 0,
  };
}
