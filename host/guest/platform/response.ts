// Response, by the Fetch standard.

import { bodyOf, extractBody, includeBody, isUsable, setBody, teeBody } from './body.ts';
import type { BodyMembers, Source } from './body.ts';
import { createHeaders, fill, Headers, headerList } from './headers.ts';
import { createSlots } from './slots.ts';
import { URL } from './url.ts';
import { defineInterface, needs } from './webidl.ts';

type State = {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: 'default' | 'basic' | 'error';
};

const states = createSlots<Response, State>();
const NULL_BODY = new Set([101, 103, 204, 205, 304]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

function stateOf(response: Response): State {
  const state = states.get(response);
  if (state === undefined) throw new TypeError('Illegal invocation');
  return state;
}

/** Makes the response that came in. */
export function createResponse(
  state: Omit<State, 'headers' | 'type'> & { headers: [string, string][] },
  source: Source | null,
): Response {
  const response = new Response();
  const headers = createHeaders(state.headers, 'immutable');
  states.set(response, { ...state, headers, type: 'basic' });
  setBody(response, { source, used: false, type: null });
  return response;
}

/** An answer. */
export class Response implements BodyMembers {
  declare readonly body: ReadableStream<Uint8Array> | null;
  declare readonly bodyUsed: boolean;
  declare arrayBuffer: BodyMembers['arrayBuffer'];
  declare bytes: BodyMembers['bytes'];
  declare blob: BodyMembers['blob'];
  declare text: BodyMembers['text'];
  declare json: BodyMembers['json'];
  declare formData: BodyMembers['formData'];

  constructor(body: unknown = null, init: Readonly<Record<string, unknown>> = {}) {
    const options = init ?? {};
    const status = options['status'] === undefined ? 200 : Math.trunc(Number(options['status']));
    if (!(status >= 200 && status <= 599)) {
      throw new RangeError('The status of a response is a number from 200 to 599');
    }
    const statusText = `${(options['statusText'] ?? '') as string}`;
    if (/[^\t\x20-\x7e\x80-\xff]/.test(statusText)) {
      throw new TypeError('The status text holds characters that no status line can carry');
    }
    const headers = new Headers();
    if (options['headers'] !== undefined) fill(headers, options['headers']);
    states.set(this, { status, statusText, headers, url: '', redirected: false, type: 'default' });
    if (body === null || body === undefined) {
      setBody(this, { source: null, used: false, type: null });
      return;
    }
    if (NULL_BODY.has(status)) throw new TypeError(`A response of status ${status} has no body`);
    const { source, type } = extractBody(body);
    if (type !== null && !headers.has('content-type')) headers.append('content-type', type);
    setBody(this, { source, used: false, type });
  }

  static error(): Response {
    const response = new Response();
    const headers = createHeaders([], 'immutable');
    states.set(response, { ...stateOf(response), status: 0, headers, type: 'error' });
    return response;
  }

  static json(data: unknown, init: Readonly<Record<string, unknown>> = {}): Response {
    needs(arguments, 1, 'json');
    const text = JSON.stringify(data) as string | undefined;
    if (text === undefined) throw new TypeError('The value has no JSON form');
    const response = new Response(text, init);
    const given = init?.['headers'];
    const has = given !== undefined && new Headers(given).has('content-type');
    if (!has) response.headers.set('content-type', 'application/json');
    return response;
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    needs(arguments, 1, 'redirect');
    const target = new URL(url).href;
    const code = Math.trunc(Number(status));
    if (!REDIRECTS.has(code)) throw new RangeError(`${code} is not the status of a redirect`);
    const response = new Response();
    const headers = createHeaders([['location', target]], 'immutable');
    states.set(response, { ...stateOf(response), status: code, headers });
    return response;
  }

  get type(): string {
    return stateOf(this).type;
  }
  get url(): string {
    return stateOf(this).url;
  }
  get redirected(): boolean {
    return stateOf(this).redirected;
  }
  get status(): number {
    return stateOf(this).status;
  }
  get ok(): boolean {
    const { status } = stateOf(this);
    return status >= 200 && status <= 299;
  }
  get statusText(): string {
    return stateOf(this).statusText;
  }
  get headers(): Headers {
    return stateOf(this).headers;
  }
  clone(): Response {
    const state = bodyOf(this);
    if (!isUsable(state)) throw new TypeError('The body has been read already');
    const copy = new Response();
    const { headers, type, ...rest } = stateOf(this);
    const guard = type === 'default' ? 'none' : 'immutable';
    states.set(copy, { ...rest, type, headers: createHeaders([...headerList(headers)], guard) });
    setBody(copy, { source: teeBody(state), used: false, type: state.type });
    return copy;
  }
}
includeBody(Response.prototype);
defineInterface(Response, 'Response', { constructor: 0, json: 1, redirect: 1 });
