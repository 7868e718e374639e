// Work that waits for its turn: under one key one after the other, or only so much at the same time.

/** Runs `work` after everything that was given earlier under the same key. */
export type Turns = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Makes a line of work for each key; a key that nobody waits for takes no memory. */
export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();
  return (key, work) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    last.set(key, settled);
    void settled.then(() => {
      if (last.get(key) === settled) last.delete(key);
    });
    return turn;
  };
}

/** Runs at most `limit` pieces of work at the same time, in the order they came. */
export function createSlots(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((enter) => waiting.push(enter));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
