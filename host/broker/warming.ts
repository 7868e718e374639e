// The code caches of one isolate: after its first calls the cell is asked for them once. They hold what the
// calls compiled, so that the next start of the same scripts compiles almost nothing.

import type { LoadSpec } from '../cells/cell.ts';
import { LIMITS } from '../limits.ts';
import { packBlocks } from '../protocol.ts';

/** What asking needs. */
export type WarmingPowers = {
  /** Sends the names and texts of scripts to the cell. */
  readonly ask: (payload: Buffer) => void;
  /** Told once: a cache for each script, in loading order; an empty one is none. */
  readonly warmed: (caches: readonly Uint8Array[]) => void;
};

/** Counts the calls of one isolate, asks, and checks what comes back. */
export class Warming {
  readonly #scripts: LoadSpec['scripts'];
  readonly #powers: WarmingPowers;
  #callsLeft: number = LIMITS.callsUntilWarm;
  #isAsked = false;

  constructor({ scripts }: LoadSpec, powers: WarmingPowers) {
    this.#scripts = scripts;
    this.#powers = powers;
  }

  /** A call has ended well. */
  called(): void {
    if (this.#callsLeft === 0) return;
    this.#callsLeft -= 1;
    if (this.#callsLeft > 0) return;
    this.#isAsked = true;
    this.#powers.ask(packBlocks(this.#scripts.flatMap(({ name, code }) => [name, code])));
  }

  /** False: nobody asked, or these cannot be caches of these scripts. */
  take(blocks: readonly Buffer[]): boolean {
    const { codeCacheShare, codeCacheBytes, codeCacheBytesMax } = LIMITS;
    const fits = blocks.every(({ length }, at) => {
      const { code = '' } = this.#scripts[at] ?? {};
      return length <= Math.min(code.length * codeCacheShare + codeCacheBytes, codeCacheBytesMax);
    });
    if (!this.#isAsked || blocks.length !== this.#scripts.length || !fits) return false;
    this.#isAsked = false;
    this.#powers.warmed(blocks.map((block) => Uint8Array.from(block)));
    return true;
  }
}
