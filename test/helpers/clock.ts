// Clocks that go as the test says.

import type { StoreClock } from '../../host/store/clock.ts';

/** One that needs no look at a store. */
export function clockOf(nowMs: () => number): StoreClock {
  return { nowMs, sync: () => Promise.resolve() };
}

/** The wall clock of this process, which the host reads; timers go by another one. */
export function createWallClock(): { start(): void; jump(ms: number): void; stop(): void } {
  const real = Date.now;
  let offsetMs = 0;
  return {
    start: () => void (Date.now = () => real() + offsetMs),
    jump: (ms) => void (offsetMs += ms),
    stop: () => void (Date.now = real),
  };
}
