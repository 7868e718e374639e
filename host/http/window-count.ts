// How often something happened of late, by key, in bounded memory.

import { LIMITS } from '../limits.ts';

/** One key's count, and when it begins anew. */
export type Window = { count: number; readonly endMs: number };

/** Counts by key, in windows of `LIMITS.countWindowMs` that begin with a key's first. */
export class WindowCount {
  readonly #nowMs: () => number;
  readonly #byKey = new Map<string, Window>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Counts one more. @returns The window it falls into */
  add(key: string): Window {
    const now = this.#nowMs();
    let window = this.#byKey.get(key);
    if (window === undefined || now >= window.endMs) {
      // Over the bound all are forgotten: none of the counts is worth more memory than that.
      if (this.#byKey.size >= LIMITS.countedKeys) this.#byKey.clear();
      window = { count: 0, endMs: now + LIMITS.countWindowMs };
      this.#byKey.set(key, window);
    }
    window.count += 1;
    return window;
  }
}
