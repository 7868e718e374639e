// Passwords from the host's own random source.

const CLASSES = ['abcdefghijkmnpqrstuvwxyz', 'ABCDEFGHJKLMNPQRSTUVWXYZ', '23456789', '!*#_-'];
const ALL = CLASSES.join('');

/** 20 characters with one of each class; ones that look alike are left out. */
export function createPassword(): string {
  const letters = [...CLASSES.map(pick), ...Array.from({ length: 16 }, () => pick(ALL))];
  for (let last = letters.length - 1; last > 0; last -= 1) {
    const at = below(last + 1);
    [letters[last], letters[at]] = [letters[at] ?? '', letters[last] ?? ''];
  }
  return letters.join('');
}

const pick = (from: string): string => from[below(from.length)] ?? '';

/** An integer from 0 to `bound` - 1, each equally likely. `bound` is at most 256. */
function below(bound: number): number {
  const fair = 256 - (256 % bound);
  for (;;) {
    for (const byte of crypto.getRandomValues(new Uint8Array(16))) {
      if (byte < fair) return byte % bound;
    }
  }
}
