// Work over many things, only some of them at the same time.

/** Runs `work` on each item in order, `limit` at a time; resolves when all have ended, however they did. */
export async function settleEach<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<PromiseSettledResult<void>[]> {
  const ended: PromiseSettledResult<void>[] = [];
  const waiting = items.entries();
  const lane = async (): Promise<void> => {
    for (const [at, item] of waiting) {
      const [result] = await Promise.allSettled([work(item)]);
      if (result !== undefined) ended[at] = result;
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return ended;
}
