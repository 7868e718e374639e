// Work over many things, only some of them at the same time.

/**
 * Runs `work` on each item in order, `limit` at a time; ends when all have ended.
 *
 * @throws What the first that failed threw
 */
export async function eachAtOnce<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const ended: PromiseSettledResult<void>[] = [];
  const waiting = items.entries();
  const lane = async (): Promise<void> => {
    for (const [at, item] of waiting) {
      const [result] = await Promise.allSettled([work(item)]);
      if (result !== undefined) ended[at] = result;
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  const failed = ended.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
