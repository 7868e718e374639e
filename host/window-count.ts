// How often something happened of late, by key, in bounded memory.

import { LIMITS } from './limits.ts';

/** One key's count, and when it begins anew. */
export type Window = { count: number; readonly endMs: number };

/** Counts by key, in windows that begin with a key's first. */
export class WindowCount {
  readonly #nowMs: () => number;
  readonly #windowMs: number;
  readonly #byKey = new Map<string, Window>();

  /** @param windowMs How long a window is; `LIMITS.countWindowMs` unless told */
  constructor(nowMs: () => number, windowMs: number = LIMITS.countWindowMs) {
    this.#nowMs = nowMs;
    this.#windowMs = windowMs;
  }

  /** Counts that many more. @returns The window they fall into */
  add(key: string, amount = 1): Window {
    const now = this.#nowMs();
    let window = this.#byKey.get(key);
    if (window === undefined || now >= window.endMs) {
      // Over the bound all are forgotten: none of the counts is worth more memory than that.
      if (this.#byKey.size >= LIMITS.countedKeys) this.#byKey.clear();
      window = { count: 0, endMs: now + this.#windowMs };
      this.#byKey.set(key, window);
    }
    window.count += amount;
    return window;
  }
}
