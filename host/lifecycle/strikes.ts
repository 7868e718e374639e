// Restart intensity: how often an instance may fail before it must rest, and for how long.
// Pure: time comes in, decisions come out.

import { LIMITS } from '../limits.ts';

/** What to do after a failure. */
export type Verdict =
  | { readonly act: 'restart' }
  | { readonly act: 'quarantine'; readonly untilMs: number; readonly rest: number };

/** Failures of one instance and the rests it has had. */
export class Strikes {
  #failuresMs: number[] = [];
  #rests = 0;
  #restsAtMs = 0;

  /** Counts one failure; each quarantine is twice as long as the last, up to `LIMITS.quarantineMsMax`. */
  add(nowMs: number): Verdict {
    this.#failuresMs = this.#failuresMs.filter((at) => nowMs - at < LIMITS.strikeWindowMs);
    this.#failuresMs.push(nowMs);
    if (this.#failuresMs.length < LIMITS.strikes) return { act: 'restart' };
    this.#failuresMs = [];
    // A long time without trouble starts the scale again.
    if (nowMs - this.#restsAtMs > LIMITS.quarantineMsMax * 4) this.#rests = 0;
    this.#rests += 1;
    this.#restsAtMs = nowMs;
    const restMs = Math.min(LIMITS.quarantineMs * 2 ** (this.#rests - 1), LIMITS.quarantineMsMax);
    return { act: 'quarantine', untilMs: nowMs + restMs, rest: this.#rests };
  }

  /** An admin's restart: everything is forgiven. */
  reset(): void {
    this.#failuresMs = [];
    this.#rests = 0;
  }
}
