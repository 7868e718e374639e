// Work that waits its turn, but no longer than it has sense, and not behind too many others.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { createTurns } from '../store/turns.ts';
import type { Turns } from '../store/turns.ts';

/** A line of work for each key, as long as `LIMITS.waitingPerSubject`. */
export class BoundedTurns {
  readonly #inTurn: Turns = createTurns();
  readonly #lengths = new Map<string, number>();

  /**
   * Runs `work` after everything that was given under `key` before, however that ended.
   *
   * @param late Made and thrown when the turn does not come within `waitMs`; `work` is then left out
   * @throws {HostError} `HOST_OVERLOADED` when too many wait already
   */
  async run<T>(
    key: string,
    work: () => Promise<T>,
    { waitMs, late }: { readonly waitMs: number; readonly late: () => HostError },
  ): Promise<T> {
    const length = this.#lengths.get(key) ?? 0;
    if (length > LIMITS.waitingPerSubject) {
      throw new HostError('HOST_OVERLOADED', `Too many calls about "${key}" wait already`, {
        remedy: 'Wait for the earlier ones to end',
      });
    }
    this.#lengths.set(key, length + 1);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let left = false;
    const timer = setTimeout(
      () => {
        left = true;
        reject(late());
      },
      Math.max(0, waitMs),
    );
    const turn = this.#inTurn(key, async () => {
      clearTimeout(timer);
      if (!left) resolve(await work());
    });
    turn.catch(reject).finally(() => this.#leave(key));
    return promise;
  }

  #leave(key: string): void {
    const length = (this.#lengths.get(key) ?? 1) - 1;
    if (length === 0) this.#lengths.delete(key);
    else this.#lengths.set(key, length);
  }
}
