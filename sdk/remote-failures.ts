// What is no usable reply of a vendor, as a typed failure: a network that broke, a status, a login page,
// another server at the address. remote.ts decides which of them a reply is.

import type { Json } from './domain.ts';
import { fail, isFailure } from './errors.ts';
import type { FailureCode } from './errors.ts';

/** A reply that arrived whole. `json` is undefined when the body is empty, or no JSON. */
export type RemoteReply = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Json | undefined;
};

/** What a vendor's own words say of a refusal: a finer code, the words, what to do. */
export type Explanation = {
  readonly code?: FailureCode | undefined;
  readonly message?: string | undefined;
  readonly remedy?: string | undefined;
};

const BY_STATUS: { readonly [status: number]: FailureCode } = {
  400: 'rejected',
  401: 'unauthorized',
  402: 'declined',
  403: 'forbidden',
  404: 'not_found',
  405: 'unsupported',
  408: 'timeout',
  409: 'conflict',
  410: 'not_found',
  422: 'rejected',
  423: 'locked',
  429: 'rate_limited',
  504: 'timeout',
};

/**
 * A request that got no reply, as the failure to throw.
 *
 * A certificate that the host refused is `certificate`, with the host's remedy: that names the fingerprint
 * that was shown. Time-outs of the call and of the host are `timeout`, the rest is `unavailable`.
 *
 * @param error What `fetch` threw; a refusal by the host's own egress policy comes back untouched
 * @param what Reads like "Proxmox: GET /version"
 */
export function networkFailure(error: unknown, what: string): unknown {
  if (isFailure(error)) return error;
  const { name, code, message, details } = Object(error) as HostRefusal;
  const refusal = typeof code === 'string' ? code : '';
  // It says exactly what to change.
  if (refusal.startsWith('EGRESS_')) return error;
  if (name === 'AbortError' || name === 'TimeoutError' || TIMED_OUT.has(refusal)) {
    return fail('timeout', `${what} did not answer in time`, { cause: error });
  }
  const kind = refusal === 'REMOTE_CERTIFICATE' ? 'certificate' : 'unavailable';
  return fail(kind, `${what} failed: ${message ?? 'no connection'}`, {
    remedy: details?.remedy,
    cause: error,
  });
}

/** The host gave up on the vendor, or on the request because the call has ended. */
const TIMED_OUT: ReadonlySet<string> = new Set(['REMOTE_TIMED_OUT', 'CALLER_CANCELLED']);

/** What the host's `fetch` throws: an Error with a code of the host, and what to do. */
type HostRefusal = {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly details?: { readonly remedy?: string };
};

/** The vendor knows no such credentials, and says so by its login page. */
export function loginFailure({ status }: RemoteReply, what: string): unknown {
  return fail('unauthorized', `${what} answered ${status} with a login page, or with nothing`);
}

/** Whether a 404 has no form of an API: nothing is known of what was asked about. */
export function isBareNotFound({ status, json }: RemoteReply): boolean {
  return (status === 404 || status === 410) && json === undefined;
}

/** A redirect, or a 404 in no form of an API: the API is not at the address. */
export function addressFailure(reply: RemoteReply, what: string): unknown {
  const { status, headers, text } = reply;
  // Its host alone: the rest of a Location may repeat what was sent.
  const to = URL.parse(headers.get('location') ?? '')?.host ?? 'another path';
  const bare = text === '' ? 'nothing' : isPage(reply) ? 'an HTML page' : 'text, not JSON';
  const found = isBareNotFound(reply) ? bare : `a redirect to ${to}`;
  return fail('invalid_response', `${what} answered ${status} with ${found}`, {
    remedy: 'Check the address and port in the configuration: the API is not there',
  });
}

/** A good status with something that is no JSON. */
export function bodyFailure(reply: RemoteReply, what: string): unknown {
  const { status, headers } = reply;
  const isHtml = isPage(reply) || /html/i.test(headers.get('content-type') ?? '');
  const found = isHtml ? 'an HTML page' : 'text that is not JSON';
  return fail('invalid_response', `${what} answered ${status} with ${found}`, {
    remedy:
      'Check the address and port in the configuration: this looks like a web page, not the API',
  });
}

/** Whether a body is a web page, whatever type it claims. */
export function isPage({ text }: RemoteReply): boolean {
  return /^\s*</.test(text);
}

/** A refusal by its status, and by what `said` makes of the vendor's own words. */
export function refusalFailure(reply: RemoteReply, what: string, said: Explanation = {}): unknown {
  const { status, headers, text, json } = reply;
  const code = said.code ?? BY_STATUS[status] ?? (status >= 500 ? 'unavailable' : 'rejected');
  const words = said.message ?? (json === undefined ? 'no JSON body' : text.slice(0, 300));
  return fail(code, `${what} answered ${status}: ${words}`, {
    remedy: said.remedy,
    retryAfterMs: readRetryAfter(headers.get('retry-after')),
  });
}

/** Retry-After as milliseconds: seconds (fractions too, as Discord sends) or an HTTP date. */
export function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds) && seconds >= 0) return Math.ceil(seconds * 1000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
