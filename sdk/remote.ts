// One way to call a vendor's HTTP API: every outcome that is no usable reply becomes a typed failure.
// Vendor clients (`api.ts`) are built on it, so that no extension parses an error page by hand.

import type { Json, JsonObject } from './domain.ts';
import { fail, isFailure } from './errors.ts';
import type { FailureCode } from './errors.ts';

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

/** A reply that arrived whole. `json` is undefined when the body is empty. */
export type RemoteReply = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Json | undefined;
};

/** A vendor's API at one base address. */
export type Remote = {
  request(method: string, path: string, request?: RemoteRequest): Promise<RemoteReply>;
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

const REMEDIES: { readonly [code in FailureCode]?: string } = {
  unauthorized: 'Check the credentials in the configuration of this extension',
  forbidden: 'Give the API user the permissions that the README of this extension lists',
  rate_limited: 'Wait and try again; the vendor limits how often it may be called',
  unavailable: 'Check that the vendor is reachable and try again',
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
  readonly explain?: (
    reply: RemoteReply,
  ) => { code?: FailureCode; message?: string; remedy?: string } | undefined;
  readonly isLoginPage?: (reply: RemoteReply) => boolean;
}): Remote {
  const base = options.baseUrl.replace(/\/+$/, '');
  return {
    async request(method, path, request = {}) {
      const what = `${options.name}: ${request.label ?? `${method} ${path}`}`;
      const url = base + path + encodeQuery(request.query);
      const response = await send(options, { url, method, what }, request);
      const text = await readText(response, what);
      const type = response.headers.get('content-type') ?? '';
      const reply = {
        status: response.status,
        headers: response.headers,
        text,
        json: parseJson(text),
      };
      if (response.status < 400 && options.isLoginPage?.(reply) === true)
        throw refused(reply, what);
      const isBare = isBareNotFound(reply) && request.bareNotFound !== true;
      const isTakenStatus = (request.accept ?? []).includes(response.status);
      if (isBare || (!response.ok && !isTakenStatus)) {
        throw wrongAddress(reply, what, isBare) ?? explainFailure(reply, what, options.explain);
      }
      const isPage = /^\s*</.test(text);
      const isTaken = request.plain === true && !isPage;
      if (response.ok && text !== '' && reply.json === undefined && !isTaken) {
        const found = isPage || /html/i.test(type) ? 'an HTML page' : 'text that is not JSON';
        throw fail('invalid_response', `${what} answered ${response.status} with ${found}`, {
          remedy:
            'Check the address and port in the configuration: this looks like a web page, not the API',
        });
      }
      return reply;
    },
  };
}

async function send(
  options: { readonly fetch: typeof fetch; readonly headers?: { readonly [name: string]: string } },
  { url, method, what }: { readonly url: string; readonly method: string; readonly what: string },
  request: RemoteRequest,
): Promise<Response> {
  const headers = new Headers({
    accept: 'application/json',
    ...options.headers,
    ...request.headers,
  });
  const body = encodeBody(request, headers);
  try {
    return await options.fetch(url, {
      method,
      headers,
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  } catch (error) {
    throw networkFailure(error, what);
  }
}

async function readText(response: Response, what: string): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw networkFailure(error, what);
  }
}

function networkFailure(error: unknown, what: string): unknown {
  if (isFailure(error)) return error;
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  if (name === 'AbortError' || name === 'TimeoutError') {
    return fail('timeout', `${what} did not answer in time`, { cause: error });
  }
  // A refusal by the host's own egress policy says exactly what to change: pass it on untouched.
  if (typeof code === 'string' && code.startsWith('EGRESS_')) return error;
  if (typeof code === 'string' && code.startsWith('REMOTE_CERTIFICATE')) {
    return fail('certificate', `${what} failed: ${message}`, { cause: error });
  }
  return fail('unavailable', `${what} failed: ${message ?? 'no connection'}`, {
    remedy: REMEDIES.unavailable ?? '',
    cause: error,
  });
}

function refused({ status }: RemoteReply, what: string): unknown {
  return fail('unauthorized', `${what} answered ${status} with a login page, or with nothing`, {
    ...(REMEDIES.unauthorized === undefined ? {} : { remedy: REMEDIES.unauthorized }),
  });
}

function isBareNotFound({ status, json }: RemoteReply): boolean {
  return (status === 404 || status === 410) && json === undefined;
}

/** A redirect, or a 404 in no form of an API: nothing is known of what was asked about. */
function wrongAddress(
  { status, headers, text }: RemoteReply,
  what: string,
  isBare: boolean,
): unknown {
  if (!isBare && (status < 300 || status > 399)) return undefined;
  // Its host alone: the rest of a Location may repeat what was sent.
  const to = URL.parse(headers.get('location') ?? '')?.host ?? 'another path';
  const bare = text === '' ? 'nothing' : /^\s*</.test(text) ? 'an HTML page' : 'text, not JSON';
  const found = isBare ? bare : `a redirect to ${to}`;
  return fail('invalid_response', `${what} answered ${status} with ${found}`, {
    remedy: 'Check the address and port in the configuration: the API is not there',
  });
}

function explainFailure(
  reply: RemoteReply,
  what: string,
  explain:
    | ((
        reply: RemoteReply,
      ) => { code?: FailureCode; message?: string; remedy?: string } | undefined)
    | undefined,
): unknown {
  const said = reply.json === undefined ? undefined : explain?.(reply);
  const code =
    said?.code ?? BY_STATUS[reply.status] ?? (reply.status >= 500 ? 'unavailable' : 'rejected');
  const remedy = said?.remedy ?? REMEDIES[code];
  const retryAfterMs = readRetryAfter(reply.headers.get('retry-after'));
  const words =
    said?.message ?? (reply.json === undefined ? 'no JSON body' : reply.text.slice(0, 300));
  return fail(code, `${what} answered ${reply.status}: ${words}`, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
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

function parseJson(text: string): Json | undefined {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as Json | JsonObject;
  } catch (error) {
    // Not JSON is an answer here, not a fault: the caller decides by status and content type.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
