// Writes of one kind that come in the same tick, or while one is under way, leave as one statement.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

type Waiting<Item, Result> = {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Gathers items for `flush`, which answers them in their order.
 *
 * A flush of several that fails without having written is done again one by one, so that an item that
 * cannot be written fails alone.
 *
 * @param flush Writes all of the items or none
 * @param mayRepeat Whether a failure says that nothing was written
 * @param track Told of every run, so that closing can wait for it
 */
export function createBatch<Item, Result>(
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
  {
    mayRepeat,
    track,
  }: {
    readonly mayRepeat: (error: unknown) => boolean;
    readonly track: (work: Promise<void>) => void;
  },
): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let isRunning = false;

  const settle = async (batch: readonly Waiting<Item, Result>[]): Promise<void> => {
    try {
      const results = await flush(batch.map(({ item }) => item));
      for (const [at, result] of results.entries()) batch[at]?.resolve(result);
    } catch (error) {
      if (batch.length > 1 && mayRepeat(error)) {
        for (const each of batch) await settle([each]);
      } else for (const { reject } of batch) reject(error);
    }
  };
  const run = async (): Promise<void> => {
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const batch = waiting.slice(0, LIMITS.storeBatchRows);
      waiting = waiting.slice(LIMITS.storeBatchRows);
      await settle(batch);
    }
    isRunning = false;
  };

  return async (item) => {
    if (waiting.length >= LIMITS.storeBatchBacklog) {
      throw new HostError('HOST_OVERLOADED', 'Too many writes wait for the store', {
        remedy: 'Try again in a moment; look at how busy the database server is',
      });
    }
    return new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      track(run());
    });
  };
}
