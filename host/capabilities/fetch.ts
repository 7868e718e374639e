// The fetch capability: parse, decide, resolve, decide again, connect to what was decided, and give the
// answer back, small ones whole and large ones in chunks. Every redirect starts over.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';

import type { Dispatcher, Pool } from 'undici';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Capability, CallScope, CapabilityReply } from './capability.ts';
import { Connections } from './connect.ts';
import type { Detour, Trust } from './connect.ts';
import { decideAddresses, decideTarget, denied } from './egress.ts';
import type { EgressPolicy } from './egress.ts';
import { parseFetchRequest } from './fetch-request.ts';
import type { FetchRequest } from './fetch-request.ts';
import { discard, readReply } from './fetch-reply.ts';
import type { Answer } from './fetch-reply.ts';
import type { SecretBook } from './secrets.ts';
import { remoteError } from './remote-errors.ts';

/** What fetch needs. */
export type FetchPowers = {
  readonly policy: EgressPolicy;
  readonly secrets: SecretBook;
  readonly trust: Trust;
  readonly nowMs: () => number;
  /** Every address of a name. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  readonly detour?: Detour;
};

type Hop = { readonly url: URL; readonly request: FetchRequest };

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Headers that a request loses when a redirect takes it to another origin. */
const CREDENTIALS = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** Makes fetch for one isolate; `close` ends its connections. */
export function createFetchCapability(powers: FetchPowers): {
  readonly serve: Capability;
  close(): Promise<void>;
} {
  const fetcher = new Fetcher(powers);
  return {
    serve: (payload, scope, upload) => fetcher.serve(payload, scope, upload),
    close: () => fetcher.close(),
  };
}

class Fetcher {
  readonly #powers: FetchPowers;
  readonly #connections: Connections;
  #running = 0;

  constructor(powers: FetchPowers) {
    this.#powers = powers;
    this.#connections = new Connections(powers.trust, powers.detour);
  }

  serve: Capability = async (payload, scope, upload) => {
    if (scope.dryRun) {
      throw new HostError('CALLER_UNSUPPORTED', 'A dry run sends nothing', {
        remedy: 'Look at call.dryRun before calling fetch',
      });
    }
    if (this.#running >= LIMITS.fetchesPerInstance) {
      const limit = LIMITS.fetchesPerInstance;
      throw new HostError('EGRESS_LIMIT', `${limit} requests are running already`, {
        remedy: 'Send fewer at a time',
      });
    }
    this.#running += 1;
    try {
      return await this.#follow(payload, scope, upload);
    } finally {
      this.#running -= 1;
    }
  };

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #follow(
    payload: unknown,
    scope: CallScope,
    upload: () => AsyncIterable<Uint8Array>,
  ): Promise<CapabilityReply> {
    const { secrets } = this.#powers;
    const opened = openRequest(parseFetchRequest(payload), secrets);
    let hop: Hop = opened.hop;
    for (let hops = 0; ; hops += 1) {
      const stream = hop.request.upload ? upload() : undefined;
      const answer = await this.#send(hop, { scope, stream });
      const location = answer.headers.find(([name]) => name === 'location')?.[1];
      const isRedirect = REDIRECTS.has(answer.statusCode) && location !== undefined;
      if (!isRedirect || hop.request.redirect === 'manual') {
        const url = opened.seal(hop.url.href);
        return readReply(answer, { url, redirected: hops > 0, scrubber: secrets.scrubber, scope });
      }
      discard(answer);
      if (hop.request.redirect === 'error') {
        throw new HostError('REMOTE_PROTOCOL', 'The remote redirects, and redirect is "error"');
      }
      if (hops >= LIMITS.redirects) {
        throw new HostError('EGRESS_LIMIT', `More than ${LIMITS.redirects} redirects`);
      }
      hop = nextHop(hop, answer.statusCode, location);
    }
  }

  async #send(
    { url, request }: Hop,
    { scope, stream }: { scope: CallScope; stream: AsyncIterable<Uint8Array> | undefined },
  ): Promise<Answer> {
    const { policy, secrets, nowMs } = this.#powers;
    const target = decideTarget(url, policy);
    const parts = secrets.substitute({ url, headers: request.headers, body: request.body });
    const { hostname, port } = target;
    const remainingMs = scope.deadlineMs - nowMs();
    const addresses = isIP(hostname) === 0 ? await this.#lookUp(hostname, remainingMs) : [hostname];
    const address = decideAddresses(target, addresses, policy);
    const pool = this.#connections.pool({ origin: url.origin, hostname, address, port });
    return dispatch(pool, {
      path: parts.url.pathname + parts.url.search,
      method: request.method,
      headers: parts.headers.flat(),
      body: stream ?? parts.body,
      scope,
      hostname,
      remainingMs: scope.deadlineMs - nowMs(),
    });
  }

  async #lookUp(hostname: string, remainingMs: number): Promise<readonly string[]> {
    const waitMs = Math.max(1, Math.min(LIMITS.lookupMs, remainingMs));
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(
        new HostError('REMOTE_TIMED_OUT', `Host "${hostname}" was not resolved in ${waitMs} ms`),
      );
    }, waitMs);
    try {
      return await Promise.race([(this.#powers.resolve ?? resolveAll)(hostname), late]);
    } catch (error) {
      if (error instanceof HostError) throw error;
      throw new HostError('REMOTE_UNREACHABLE', `Host "${hostname}" cannot be resolved`, {
        remedy: 'Check the name in the config and the DNS of the host',
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

type Dispatch = {
  readonly path: string;
  readonly method: string;
  readonly headers: string[];
  readonly body: string | Buffer | AsyncIterable<Uint8Array> | undefined;
  readonly scope: CallScope;
  readonly hostname: string;
  readonly remainingMs: number;
};

async function dispatch(pool: Pool, options: Dispatch): Promise<Answer> {
  const { path, method, headers, body, scope, hostname, remainingMs } = options;
  const waitMs = Math.max(1, Math.min(LIMITS.firstByteMs, remainingMs));
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new HostError('REMOTE_TIMED_OUT', `"${hostname}" did not answer in ${waitMs} ms`));
  }, waitMs);
  try {
    const answer: Dispatcher.ResponseData = await pool.request({
      path,
      method,
      headers,
      body: isWhole(body) ? (body ?? null) : Readable.from(counted(body, scope)),
      signal: AbortSignal.any([scope.signal, late.signal]),
      responseHeaders: 'raw',
    });
    // Whoever reads the body gets its errors; one that is given up must not end this process.
    answer.body.on('error', ignoreBodyError);
    scope.usage.bytesOut += isWhole(body) ? (body?.length ?? 0) : 0;
    return {
      statusCode: answer.statusCode,
      statusText: answer.statusText ?? '',
      headers: pairsOf(answer.headers),
      method,
      hostname,
      body: answer.body,
    };
  } catch (error) {
    throw remoteError(late.signal.aborted ? late.signal.reason : error, hostname);
  } finally {
    clearTimeout(timer);
  }
}

function ignoreBodyError(): void {
  // Named, so that a stack shows what listens here.
}

function isWhole(body: Dispatch['body']): body is string | Buffer | undefined {
  return body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  { usage }: CallScope,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    usage.bytesOut += chunk.length;
    if (bytes > LIMITS.requestBodyBytes) {
      throw new HostError(
        'EGRESS_LIMIT',
        `The request body is over ${LIMITS.requestBodyBytes} bytes`,
      );
    }
    yield chunk;
  }
}

/** undici gives names and values in turn, or an object, depending on how it was asked. */
function pairsOf(headers: unknown): [string, string][] {
  const pairs: [string, string][] = [];
  if (Array.isArray(headers)) {
    for (let at = 0; at + 1 < headers.length; at += 2) {
      pairs.push([String(headers[at]).toLowerCase(), latin1(headers[at + 1])]);
    }
    return pairs;
  }
  for (const [name, value] of Object.entries(
    (headers ?? {}) as Record<string, string | string[]>,
  )) {
    for (const each of Array.isArray(value) ? value : [value])
      pairs.push([name.toLowerCase(), each]);
  }
  return pairs;
}

function latin1(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}

function openRequest(
  request: FetchRequest,
  secrets: SecretBook,
): { hop: Hop; seal: (url: string) => string } {
  const { url: text, seal } = secrets.openUrl(request.url);
  const url = URL.parse(text);
  if (url === null) {
    throw denied(seal(text).slice(0, 200), 'not-a-url', 'the host', 'Send an absolute https URL');
  }
  return { hop: { url, request }, seal };
}

/** The request of the next hop, as the Fetch standard changes it. */
function nextHop({ url, request }: Hop, status: number, location: string): Hop {
  const next = URL.parse(location, url);
  if (next === null)
    throw new HostError('REMOTE_PROTOCOL', 'The remote redirects to no valid address');
  const drops =
    status === 303
      ? request.method !== 'HEAD'
      : (status === 301 || status === 302) && request.method === 'POST';
  const toGet = drops && request.method !== 'GET';
  if (!toGet && request.upload) {
    throw new HostError('REMOTE_PROTOCOL', 'A streamed body cannot be sent again after a redirect');
  }
  const crosses = next.origin !== url.origin;
  if (crosses && !toGet && request.body !== undefined) {
    // What was written for one vendor is not handed to another because the first one says so.
    throw denied(
      next.host,
      'body-to-another-origin',
      'the host',
      'Send the request there yourself',
    );
  }
  const headers = request.headers.filter(([name, value]) => {
    if (toGet && name.startsWith('content-')) return false;
    // A stand-in in any header is a credential too: the next origin gets none.
    return !crosses || (!CREDENTIALS.has(name) && !/sealed(?::|%3a)/i.test(value));
  });
  const { body: _body, ...rest } = request;
  const changed = toGet
    ? { ...rest, body: undefined, method: 'GET', upload: false, headers }
    : { ...request, headers };
  return { url: next, request: changed };
}

async function resolveAll(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address }) => address);
}
