// The admin API: one request, one stream. A failure becomes a `Problem` with what to do about it.

import { signOut, token } from './session.ts';
import type { Session } from './session.ts';

/** A failure as the API tells it. */
export class Problem extends Error {
  readonly code: string;
  readonly remedy: string;
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(typeof body['detail'] === 'string' ? body['detail'] : `The host answered ${status}`);
    this.status = status;
    this.code = typeof body['code'] === 'string' ? body['code'] : 'UNKNOWN';
    this.remedy =
      typeof body['remedy'] === 'string' ? body['remedy'] : 'Look at the log of the host';
    const details = body['details'];
    this.details = typeof details === 'object' && details !== null ? { ...details } : {};
  }
}

const UNREACHABLE = {
  detail: 'The host does not answer',
  code: 'UNREACHABLE',
  remedy: 'Check that it runs and that this machine reaches it, then try again',
};

/** Paths are below `/api/v1`. @throws {Problem} */
export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const isForm = body instanceof FormData;
  const response = await send(path, {
    method,
    headers: body === undefined || isForm ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  if (response.status === 204) return undefined as T;
  // The shape is the one that /openapi.json promises, which tests hold replies against.
  return (await response.json()) as T;
}

/** GET. */
export function get<T>(path: string): Promise<T> {
  return ask<T>('GET', path);
}

/** Whose a token is, before it is kept. @throws {Problem} */
export async function whoIs(secret: string): Promise<Session> {
  return (await (await request('/admin/session', {}, secret)).json()) as Session;
}

/** A path segment of the API. */
export function seg(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join('/');
}

/**
 * Reads events until `signal` aborts or the host ends the stream; the first is `open`, of our own.
 *
 * @throws {Problem}
 */
export async function stream(
  path: string,
  signal: AbortSignal,
  onEvent: (type: string, value: unknown) => void,
): Promise<void> {
  const { body } = await send(path, { signal });
  if (body === null) return;
  onEvent('open', undefined);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const blocks = (rest + chunk.value).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, type, data] = /^event: (\S+)\ndata: (.*)$/.exec(block) ?? [];
      if (type !== undefined && data !== undefined) onEvent(type, JSON.parse(data));
    }
  }
}

type Options = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | FormData;
  readonly signal?: AbortSignal;
};

async function send(path: string, options: Options): Promise<Response> {
  try {
    return await request(path, options, token.value);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      signOut('The token is no longer good. Sign in with another.');
    }
    throw error;
  }
}

async function request(path: string, options: Options, secret: string): Promise<Response> {
  const headers = { ...options.headers, authorization: `Bearer ${secret}` };
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, { ...options, headers, credentials: 'omit' });
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new Problem(0, UNREACHABLE);
  }
  if (response.ok) return response;
  // A proxy in between may answer with something else than a problem.
  const body: unknown = await response.json().catch(() => ({}));
  throw new Problem(response.status, typeof body === 'object' && body !== null ? { ...body } : {});
}
