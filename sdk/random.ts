// What is drawn from the host's own random source: passwords, names that nobody guesses, an order.

const LOWER = 'abcdefghijkmnpqrstuvwxyz';
const UPPER = 'ABCDEFGHJKLMNPQRSTUVWXYZ';
const DIGITS = '23456789';

/**
 * A password with at least one character of each kind, in any order; ones that look alike are left out.
 *
 * @param options.chars Its length, 20 when not given: 116 bits without symbols
 * @param options.symbols A kind of its own, for vendors that want one; none when not given
 */
export function createPassword(
  options: { readonly chars?: number; readonly symbols?: string } = {},
): string {
  const { chars = 20, symbols = '' } = options;
  const kinds = [LOWER, UPPER, DIGITS, symbols].filter((kind) => kind !== '');
  const letters = kinds.map((kind) => randomText(1, kind));
  while (letters.length < chars) letters.push(randomText(1, kinds.join('')));
  for (let last = letters.length - 1; last > 0; last -= 1) {
    const at = below(last + 1);
    [letters[last], letters[at]] = [letters[at] ?? '', letters[last] ?? ''];
  }
  return letters.join('');
}

/** Characters of an alphabet, each equally likely. The alphabet has at most 256 of them. */
export function randomText(chars: number, alphabet: string): string {
  return Array.from({ length: chars }, () => alphabet[below(alphabet.length)]).join('');
}

/** The items in an order of chance, so that two calls at once seldom want the same one first. */
export function shuffle<T>(items: readonly T[]): T[] {
  // As many numbers as one request for random bytes gives; beyond that they repeat.
  const keys = crypto.getRandomValues(new Uint32Array(Math.min(items.length, 16_384)));
  return items
    .map((item, at) => ({ item, key: keys[at % keys.length] ?? 0 }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** An integer from 0 to `bound` - 1, each equally likely. `bound` is at most 256. */
function below(bound: number): number {
  // Above the largest multiple of the bound a byte would favour the first numbers.
  const fair = 256 - (256 % bound);
  for (;;) {
    const byte = crypto.getRandomValues(new Uint8Array(16)).find((each) => each < fair);
    if (byte !== undefined) return byte % bound;
  }
}
