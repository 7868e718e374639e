// Request, by the Fetch standard as far as it means something outside a browser.

import { AbortController, isSignal, onAbort } from './abort.ts';
import type { AbortSignal } from './abort.ts';
import { bodyOf, extractBody, includeBody, isUsable, moveBody, setBody, teeBody } from './body.ts';
import type { BodyMembers, BodyState } from './body.ts';
import { createHeaders, fill, Headers, headerList } from './headers.ts';
import { createSlots } from './slots.ts';
import { URL } from './url.ts';
import { defineAttribute, defineInterface, needs } from './webidl.ts';

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

const states = createSlots<Request, State>();
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const UPPER = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
const SIMPLE = new Set(['GET', 'HEAD', 'POST']);
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
export class Request implements BodyMembers {
  declare readonly body: ReadableStream<Uint8Array> | null;
  declare readonly bodyUsed: boolean;
  declare arrayBuffer: BodyMembers['arrayBuffer'];
  declare bytes: BodyMembers['bytes'];
  declare blob: BodyMembers['blob'];
  declare text: BodyMembers['text'];
  declare json: BodyMembers['json'];
  declare formData: BodyMembers['formData'];

  constructor(input: unknown, init: Readonly<Record<string, unknown>> = {}) {
    needs(arguments, 1, 'Request');
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
    const fields = readFields(options, { base: base?.fields, method });
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
}
for (const name of Object.keys(FIELDS)) {
  defineAttribute<Request>(Request.prototype, name, {
    get: (request) => requestState(request).fields[name],
  });
}
includeBody(Request.prototype);
defineInterface(Request, 'Request', { constructor: 1 });

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
  return { source: moveBody(inherited), used: false, type: inherited.type };
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
  { base, method }: { base: Readonly<Record<string, unknown>> | undefined; method: string },
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
  checkFields(fields, method);
  return fields;
}

function checkFields(fields: Record<string, unknown>, method: string): void {
  const { mode, cache, referrer } = fields;
  if (mode === 'navigate') throw new TypeError('Mode "navigate" is not for scripts');
  if (mode === 'no-cors' && !SIMPLE.has(method)) {
    throw new TypeError(`Mode "no-cors" does not go with method ${method}`);
  }
  if (cache === 'only-if-cached' && mode !== 'same-origin') {
    throw new TypeError('Cache "only-if-cached" goes with mode "same-origin" alone');
  }
  if (referrer !== '' && referrer !== 'about:client') fields['referrer'] = new URL(referrer).href;
}
