// From an answer that points elsewhere to the next request, as the Fetch standard changes it, and more
// careful than it: no secret and no body goes to an origin that only the remote has chosen.

import { HostError } from '../errors.ts';
import { denied } from './egress.ts';
import type { FetchRequest } from './fetch-request.ts';
import { parseUrl } from './parse-url.ts';

/** One request of a chain. */
export type Hop = { readonly url: URL; readonly request: FetchRequest };

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Headers that a request loses when a redirect takes it to another origin. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
]);

/** Where an answer points; undefined when it does not. The first `location` counts. */
export function locationOf(
  status: number,
  headers: readonly (readonly [string, string])[],
): string | undefined {
  if (!REDIRECTS.has(status)) return undefined;
  return headers.find(([name]) => name === 'location')?.[1];
}

/**
 * Makes the next request.
 *
 * @throws {HostError} `REMOTE_PROTOCOL` when it leads nowhere or the body is gone, `EGRESS_DENIED` when
 *   a body would be handed to another origin
 */
export function nextHop({ url, request }: Hop, status: number, location: string): Hop {
  const next = parseUrl(location, url);
  if (next === null) {
    throw new HostError('REMOTE_PROTOCOL', 'The remote redirects to no valid address');
  }
  if (next.hash === '') next.hash = url.hash;
  const { method } = request;
  const becomesGet =
    status === 303
      ? method !== 'GET' && method !== 'HEAD'
      : (status === 301 || status === 302) && method === 'POST';
  if (!becomesGet && request.upload) {
    throw new HostError(
      'REMOTE_PROTOCOL',
      'A streamed body cannot be sent again after a redirect',
      {
        remedy: 'Send the request to the address that the remote points to',
      },
    );
  }
  const crosses = next.origin !== url.origin;
  if (crosses && !becomesGet && request.body !== undefined) {
    throw denied({
      where: next.host,
      rule: 'body-to-another-origin',
      setBy: 'the host',
      allowedBy: null,
      remedy: 'What was written for one vendor is not handed to another: send it there yourself',
    });
  }
  const headers = request.headers.filter(([name, value]) => {
    if (becomesGet && name.startsWith('content-')) return false;
    // A stand-in in any header is a credential too.
    return !crosses || (!CREDENTIALS.has(name) && !/sealed(?::|%3a)/i.test(value));
  });
  if (!becomesGet) return { url: next, request: { ...request, headers } };
  return {
    url: next,
    request: { ...request, headers, method: 'GET', body: undefined, upload: false },
  };
}
