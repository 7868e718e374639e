// Clocks of a store that go as the test says.

import type { StoreClock } from '../../host/store/clock.ts';

/** One that needs no look at a store. */
export function clockOf(nowMs: () => number): StoreClock {
  return { nowMs, sync: () => Promise.resolve() };
}
