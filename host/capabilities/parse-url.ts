// Addresses as strangers write them, parsed in bounded time.

import { LIMITS } from '../limits.ts';

/** What stands between the scheme, or two slashes, and the path; white space is what the parser drops. */
const AUTHORITY = /^(?:[^:/?#\\]*:[/\\\s]*|[\0- ]*[/\\]\s*[/\\][/\\\s]*)([^/\\?#]*)/;

/**
 * `URL.parse`, but null as well for a host over `LIMITS.authorityChars`: the parser brings it into its
 * normal form in time that grows with the square of its length.
 */
export function parseUrl(text: string, base?: URL): URL | null {
  const [, authority = ''] = AUTHORITY.exec(text) ?? [];
  return authority.length > LIMITS.authorityChars ? null : URL.parse(text, base);
}
