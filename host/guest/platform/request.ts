// Request, by the Fetch standard as far as it means something outside a browser.

import { AbortController, isSignal, onAbort } from './abort.ts';
import type { AbortSignal } from './abort.ts';
import { Body, bodyOf, extractBody, isUsable, setBody, teeBody } from './body.ts';
import type { BodyState } from './body.ts';
import { createHeaders, fill, Headers, headerList } from './headers.ts';
import { URL } from './url.ts';

type Redirect = 'follow' | 'error' | 'manual';
type State = {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly redirect: Redirect;
  readonly signal: AbortSignal | undefined;
  own: AbortController | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
};

const states = new WeakMap<Request, State>();
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const UPPER = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
const REDIRECTS = ['follow', 'error', 'manual'];

/** Fields that only a browser gives a meaning; kept and shown, without effect. */
const FIELDS: Readonly<Record<string, readonly [fallback: unknown, values?: readonly string[]]>> = {
  mode: ['cors', ['navigate', 'same-origin', 'no-cors', 'cors']],
  credentials: ['same-origin', ['omit', 'same-origin', 'include']],
  cache: [
    'default',
    ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'],
  ],
  referrer: ['about:client'],
  referrerPolicy: [
    '',
    [
      '',
      'no-referrer',
      'no-referrer-when-downgrade',
      'same-origin',
      'origin',
      'strict-origin',
      'origin-when-cross-origin',
      'strict-origin-when-cross-origin',
      'unsafe-url',
    ],
  ],
  integrity: [''],
  keepalive: [false],
};

/** The request behind the object, for fetch. */
export function requestState(request: Request): State {
  const state = states.get(request);
  if (state === undefined) throw new TypeError('Illegal invocation');
  return state;
}

/** A request to be sent. */
export class Request extends Body {
  constructor(input: unknown, init: Readonly<Record<string, unknown>> = {}) {
    super();
    if (arguments.length === 0) throw new TypeError('Request needs an address');
    const options = init ?? {};
    const from = input instanceof Request ? input : undefined;
    const base = from === undefined ? undefined : requestState(from);
    const url = base?.url ?? readUrl(input);
    const method =
      options['method'] === undefined ? (base?.method ?? 'GET') : readMethod(options['method']);
    const redirect = readRedirect(options['redirect'] ?? base?.redirect ?? 'follow');
    if (options['window'] !== undefined && options['window'] !== null) {
      throw new TypeError('window can only be null');
    }
    const headers =
      options['headers'] === undefined && base !== undefined
        ? createHeaders([...headerList(base.headers)], 'none')
        : new Headers();
    if (options['headers'] !== undefined) fill(headers, options['headers']);
    const signal = readSignal('signal' in options ? options['signal'] : base?.signal);
    const fields = readFields(options, base?.fields);
    states.set(this, { url, method, headers, redirect, signal, own: undefined, fields });
    setBody(this, makeBody({ options, from, method, headers }));
  }

  get method(): string {
    return requestState(this).method;
  }
  get url(): string {
    return requestState(this).url;
  }
  get headers(): Headers {
    return requestState(this).headers;
  }
  get redirect(): Redirect {
    return requestState(this).redirect;
  }
  get signal(): AbortSignal {
    const state = requestState(this);
    if (state.own === undefined) {
      const own = new AbortController();
      state.own = own;
      const { signal } = state;
      if (signal?.aborted === true) own.abort(signal.reason);
      else if (signal !== undefined) onAbort(signal, () => own.abort(signal.reason));
    }
    return state.own.signal;
  }
  get destination(): string {
    return '';
  }
  get duplex(): string {
    return 'half';
  }
  get isHistoryNavigation(): boolean {
    return false;
  }
  get isReloadNavigation(): boolean {
    return false;
  }
  clone(): Request {
    if (!isUsable(bodyOf(this))) throw new TypeError('The body has been read already');
    const copy = new Request(this, { signal: this.signal, body: null, method: 'GET' });
    const { method } = requestState(this);
    const { fields, headers, redirect, signal, url } = requestState(this);
    const list = createHeaders([...headerList(headers)], 'none');
    states.set(copy, { url, method, headers: list, redirect, signal, own: undefined, fields });
    const state = bodyOf(this);
    setBody(copy, { source: teeBody(state), used: false, type: state.type });
    return copy;
  }
  get [Symbol.toStringTag](): string {
    return 'Request';
  }

  static {
    for (const name of Object.keys(FIELDS)) {
      Object.defineProperty(Request.prototype, name, {
        configurable: true,
        enumerable: true,
        get(this: Request) {
          return requestState(this).fields[name];
        },
      });
    }
    for (const name of [
      'method',
      'url',
      'headers',
      'redirect',
      'signal',
      'destination',
      'duplex',
      'clone',
    ]) {
      Object.defineProperty(Request.prototype, name, { enumerable: true });
    }
  }
}

function makeBody({
  options,
  from,
  method,
  headers,
}: {
  options: Readonly<Record<string, unknown>>;
  from: Request | undefined;
  method: string;
  headers: Headers;
}): BodyState {
  const given = options['body'];
  const inherited = from === undefined ? null : bodyOf(from);
  const has = given !== undefined && given !== null;
  if (
    (has || (given === undefined && inherited?.source != null)) &&
    (method === 'GET' || method === 'HEAD')
  ) {
    throw new TypeError(`A ${method} request has no body`);
  }
  if (has) {
    const { source, type } = extractBody(given);
    if (source.kind === 'stream' && options['duplex'] !== 'half') {
      throw new TypeError('A streamed body needs duplex: "half"');
    }
    if (type !== null && !headers.has('content-type')) headers.append('content-type', type);
    return { source, used: false, type };
  }
  if (given === null || inherited === null || from === undefined) {
    return { source: null, used: false, type: null };
  }
  if (!isUsable(inherited)) throw new TypeError('The body of the request has been read already');
  const { source, type } = inherited;
  if (source !== null) inherited.used = true;
  return { source, used: false, type };
}

function readUrl(input: unknown): string {
  const url = new URL(input);
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('An address with a user name or password cannot be fetched: use a header');
  }
  return url.href;
}

function readMethod(value: unknown): string {
  const method = `${value as string}`;
  if (!METHOD.test(method)) throw new TypeError(`"${method.slice(0, 50)}" is not a method`);
  const upper = method.toUpperCase();
  if (upper === 'CONNECT' || upper === 'TRACE' || upper === 'TRACK') {
    throw new TypeError(`Method ${upper} is not allowed`);
  }
  return UPPER.has(upper) ? upper : method;
}

function readRedirect(value: unknown): Redirect {
  const redirect = `${value as string}`;
  if (!REDIRECTS.includes(redirect)) throw new TypeError(`"${redirect}" is not a redirect mode`);
  return redirect as Redirect;
}

function readSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isSignal(value)) throw new TypeError('signal must be an AbortSignal');
  return value;
}

function readFields(
  options: Readonly<Record<string, unknown>>,
  base: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = {};
  for (const [name, [fallback, values]] of Object.entries(FIELDS)) {
    const given = options[name];
    if (given === undefined) fields[name] = base?.[name] ?? fallback;
    else if (typeof fallback === 'boolean') fields[name] = Boolean(given);
    else {
      const text = `${given as string}`;
      if (values !== undefined && !values.includes(text)) {
        throw new TypeError(`"${text}" is not a value of ${name}`);
      }
      fields[name] = text;
    }
  }
  if (fields['mode'] === 'navigate') throw new TypeError('Mode "navigate" is not for scripts');
  return fields;
}
