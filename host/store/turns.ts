// Work under one key, one after the other, in the order it came.

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
