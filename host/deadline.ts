// Until when something may take: told as a time of day, kept by a clock that is never set. A machine's clock
// that falls by an hour must not give a call an hour more, and one that jumps ahead must not end it.

/** Given with a call or a request. */
export class Deadline {
  /** Epoch milliseconds, as whoever is asked reads it beside its own clock */
  readonly epochMs: number;
  readonly #untilMs: number;

  /** @param waitMs From now on, which is `nowMs` on the wall clock */
  constructor(nowMs: number, waitMs: number) {
    this.epochMs = nowMs + waitMs;
    this.#untilMs = performance.now() + waitMs;
  }

  /** Milliseconds that are left; 0 or less when it has passed. */
  get leftMs(): number {
    return this.#untilMs - performance.now();
  }
}
