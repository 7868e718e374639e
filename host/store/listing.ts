// What both drivers need to list an instance's values within bounds. Pure.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

const LAST = 0x10_ffff;

/** A listing whose values are larger than what is held in memory for one. */
export function overListing(): HostError {
  return new HostError(
    'EXTENSION_QUOTA_EXCEEDED',
    `Storage: a list is over ${LIMITS.storageListBytes} bytes`,
    { remedy: 'List with a smaller "limit", then go on from the last key with "after"' },
  );
}

/**
 * The first text behind every text that begins with `prefix`, in the order of code points, which is that
 * of UTF-8 bytes. Without it a listing reads every key behind those that it wants.
 *
 * @returns undefined when there is none: nothing is behind them
 */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix.toWellFormed(), (char) => char.codePointAt(0) ?? 0);
  while (points.at(-1) === LAST) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  // Half a surrogate pair is no character.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}
