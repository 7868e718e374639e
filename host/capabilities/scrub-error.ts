// A failure that is about to reach a guest, without the secrets that a remote may have put into it.

import { HostError } from '../errors.ts';
import type { Scrubber } from './scrub.ts';

/** The same error when there is nothing to blank; what is not a `HostError` is not shown to guests. */
export function scrubError(error: unknown, scrubber: Scrubber): unknown {
  if (!scrubber.active || !(error instanceof HostError)) return error;
  const { code, message, remedy, details } = error;
  const shown = JSON.stringify([message, remedy, details]);
  if (scrubber.text(shown) === shown) return error;
  const blank = (value: unknown): unknown =>
    typeof value === 'string' ? scrubber.text(value) : value;
  return new HostError(code, scrubber.text(message), {
    ...(remedy === undefined ? {} : { remedy: scrubber.text(remedy) }),
    ...(details === undefined
      ? {}
      : {
          details: Object.fromEntries(
            Object.entries(details).map(([key, value]) => [key, blank(value)]),
          ),
        }),
    cause: error,
  });
}
