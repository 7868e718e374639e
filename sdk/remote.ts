// One way to call a vendor's HTTP API: every outcome that is no usable reply becomes a typed failure.
// Vendor clients (`api.ts`) are built on it, so that no extension parses an error page by hand.

import { parseJson } from './json.ts';
import {
  addressFailure,
  bodyFailure,
  isBareNotFound,
  isPage,
  loginFailure,
  networkFailure,
  refusalFailure,
} from './remote-failures.ts';
import type { Explanation, RemoteReply } from './remote-failures.ts';

/** One request to the vendor. At most one of `json`, `form` and `body` is given. */
export type RemoteRequest = {
  readonly query?: { readonly [name: string]: string | number | boolean | null | undefined };
  readonly headers?: { readonly [name: string]: string };
  readonly json?: unknown;
  readonly form?: { readonly [name: string]: string | number | boolean | null | undefined };
  readonly body?: string;
  /** Names the request in messages where all share one path; never with a secret in it. */
  readonly label?: string;
  /** Statuses to return instead of failing, such as 404 for a look-up; see `createRemote` on 404. */
  readonly accept?: readonly number[];
  readonly signal?: AbortSignal;
  /** Takes a 404 or 410 without JSON as this vendor's own word that something is not there. */
  readonly bareNotFound?: boolean;
  /** Takes text that is no JSON too, such as a form-encoded list; a web page it never takes. */
  readonly plain?: boolean;
};

/** A vendor's API at one base address. */
export type Remote = {
  request(method: string, path: string, request?: RemoteRequest): Promise<RemoteReply>;
};

/**
 * Makes a client for one vendor.
 *
 * Failures: network → `unavailable`, certificate → `certificate`, abort → `timeout`, statuses by
 * their meaning, an HTML page, a redirect or broken JSON where JSON was expected → `invalid_response`.
 * A 404 or 410 without JSON may be of a proxy, or of another server at that address: it never counts as
 * an object that is gone, accepted or not, and becomes `invalid_response` (but see `bareNotFound`).
 *
 * @param options.name The vendor's name, for messages
 * @param options.explain Reads the vendor's own words (and a finer code) out of an error body
 * @param options.isLoginPage Whether a reply below 400 is how this vendor answers credentials that it
 *   does not know: its login page, a redirect to that, nothing at all. It becomes `unauthorized`
 */
export function createRemote(options: {
  readonly name: string;
  readonly fetch: typeof fetch;
  readonly baseUrl: string;
  readonly headers?: { readonly [name: string]: string };
  readonly explain?: (reply: RemoteReply) => Explanation | undefined;
  readonly isLoginPage?: (reply: RemoteReply) => boolean;
}): Remote {
  const base = options.baseUrl.replace(/\/+$/, '');
  return {
    async request(method, path, request = {}) {
      const what = `${options.name}: ${request.label ?? `${method} ${path}`}`;
      const url = base + path + encodeQuery(request.query);
      const reply = await exchange(options, { url, method, what }, request);
      const { status, text, json } = reply;
      if (status < 400 && options.isLoginPage?.(reply) === true) throw loginFailure(reply, what);
      const isBare = isBareNotFound(reply) && request.bareNotFound !== true;
      const isGood = status >= 200 && status <= 299;
      if (isBare || (!isGood && request.accept?.includes(status) !== true)) {
        const isElsewhere = isBare || (status >= 300 && status <= 399);
        if (isElsewhere) throw addressFailure(reply, what);
        throw refusalFailure(reply, what, json === undefined ? {} : options.explain?.(reply));
      }
      const isTaken = request.plain === true && !isPage(reply);
      if (isGood && text !== '' && json === undefined && !isTaken) throw bodyFailure(reply, what);
      return reply;
    },
  };
}

/** Sends, and reads the whole reply. */
async function exchange(
  options: { readonly fetch: typeof fetch; readonly headers?: { readonly [name: string]: string } },
  { url, method, what }: { readonly url: string; readonly method: string; readonly what: string },
  request: RemoteRequest,
): Promise<RemoteReply> {
  const headers = new Headers({
    accept: 'application/json',
    ...options.headers,
    ...request.headers,
  });
  const body = encodeBody(request, headers);
  try {
    const response = await options.fetch(url, {
      method,
      headers,
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parseJson(text) };
  } catch (error) {
    throw networkFailure(error, what);
  }
}

function encodeQuery(query: RemoteRequest['query']): string {
  if (query === undefined) return '';
  const text = encodeForm(query);
  return text === '' ? '' : `?${text}`;
}

function encodeForm(fields: NonNullable<RemoteRequest['form']>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null) parameters.append(name, String(value));
  }
  return parameters.toString();
}

function encodeBody(request: RemoteRequest, headers: Headers): string | undefined {
  if (request.json !== undefined) {
    headers.set('content-type', 'application/json');
    return JSON.stringify(request.json);
  }
  if (request.form !== undefined) {
    headers.set('content-type', 'application/x-www-form-urlencoded');
    return encodeForm(request.form);
  }
  return request.body;
}
