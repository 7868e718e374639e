// What judged each request that a fake got: the vendor's own description, or rules written here. Fakes
// note it where they judge, so that `npm run vendors` tells what happened and not what could have.

/** Rules that a person wrote after the vendor's documentation. */
export const DOCUMENTATION = 'rules after the documentation';
/** Rules that a person wrote after the source of the panel. */
export const SOURCE = 'rules after the panel’s source';

const counts = new Map<string, Map<string, number>>();

/**
 * Notes one request.
 *
 * @param extension `category/name` of the extension whose vendor was asked
 * @param oracle The file of the description, or whose rules
 */
export function noteJudged(extension: string, oracle: string): void {
  const own = counts.get(extension) ?? new Map<string, number>();
  own.set(oracle, (own.get(oracle) ?? 0) + 1);
  counts.set(extension, own);
}

/** How many requests of an extension each judged in this process so far. */
export function readJudged(extension: string): ReadonlyMap<string, number> {
  return new Map(counts.get(extension));
}
