// Lists of a vendor, read to their end: page after page, or item by item a few at a time.

import { fail } from './errors.ts';

/** One page; `isLast` when nothing follows it. */
export type ListPage<T> = { readonly items: readonly T[]; readonly isLast: boolean };

/**
 * Reads a list to its last page.
 *
 * @param list.what Names it in the failure, such as "Convoy: /servers"
 * @param read Reads page `page`, the first is 1; `found` are the items of the pages before it
 * @throws `capacity` when there are more than `list.pagesMax` pages: a list is never cut off in silence
 */
export async function readPages<T>(
  list: { readonly what: string; readonly pagesMax: number; readonly remedy?: string },
  read: (page: number, found: readonly T[]) => Promise<ListPage<T>>,
): Promise<T[]> {
  const { what, pagesMax, remedy } = list;
  const found: T[] = [];
  for (let page = 1; page <= pagesMax; page += 1) {
    const { items, isLast } = await read(page, found);
    found.push(...items);
    if (isLast) return found;
  }
  throw fail('capacity', `${what} has more than ${pagesMax} pages (${found.length} entries)`, {
    remedy: remedy ?? 'Look at the list at the vendor itself: it is too long to be read here',
  });
}

/** Runs for every item, `atOnce` of them at a time; the results are in the order of the items. */
export async function inTurns<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += atOnce) {
    results.push(...(await Promise.all(items.slice(from, from + atOnce).map(run))));
  }
  return results;
}
