// A guest's request as it came over the pipe → a checked one. It is a stranger's JSON.

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Usage } from './capability.ts';

/** A request to be sent; header names in lower case. */
export type FetchRequest = {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly redirect: 'follow' | 'manual' | 'error';
  readonly body: string | Buffer | undefined;
  /** The body follows in chunks. */
  readonly upload: boolean;
};

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Everything but visible ASCII, space, tab, and bytes read as Latin-1. */
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Set by the connection, or able to confuse who reads the message after us. */
const DROPPED: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'content-length',
  'expect',
  'http2-settings',
  // Some servers take the address from them: what is decided about would not be what is asked for.
  'x-original-url',
  'x-rewrite-url',
  // What is decompressed here is chosen here, so that no secret comes back in a form that is not read.
  'accept-encoding',
  'accept-charset',
]);

/**
 * Parses a request.
 *
 * @throws {HostError} `EXTENSION_OUTPUT_INVALID` naming the part that does not fit, `EGRESS_LIMIT` over a bound
 */
export function parseFetchRequest(payload: unknown): FetchRequest {
  const { url, method, headers, redirect, body, upload } = Object(payload) as Record<
    string,
    unknown
  >;
  if (typeof url !== 'string') throw invalid('url', 'must be a text', USE_FETCH);
  if (url.length > LIMITS.urlChars) {
    throw invalid('url', `is over ${LIMITS.urlChars} characters`, 'Send what is long in the body');
  }
  if (typeof method !== 'string' || !TOKEN.test(method)) {
    throw invalid('method', 'must be a word such as POST', USE_FETCH);
  }
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) {
    throw invalid('method', `may not be ${method}`, 'Ask the vendor for another way');
  }
  const pairs = parseHeaders(headers);
  if (!pairs.some(([name]) => name === 'accept')) pairs.push(['accept', '*/*']);
  if (!pairs.some(([name]) => name === 'user-agent')) pairs.push(['user-agent', 'Cofferdam']);
  // A part of a compressed body cannot be decompressed.
  const isPart = pairs.some(([name]) => name === 'range');
  pairs.push(['accept-encoding', isPart ? 'identity' : 'gzip, deflate, br, zstd']);
  return {
    url,
    method,
    headers: pairs,
    redirect: redirect === 'manual' || redirect === 'error' ? redirect : 'follow',
    body: parseBody(body),
    upload: upload === true,
  };
}

/** The name of a header as a guest sent it, in lower case; '' for what is no header, which is refused when it is sent. */
export function headerName(pair: unknown): string {
  const name: unknown = Array.isArray(pair) ? pair[0] : undefined;
  return typeof name === 'string' ? name.toLowerCase() : '';
}

function parseHeaders(headers: unknown): [string, string][] {
  if (!Array.isArray(headers)) throw invalid('headers', 'must be a list', USE_FETCH);
  if (headers.length > LIMITS.requestHeaders) {
    throw new HostError(
      'EGRESS_LIMIT',
      `More than ${LIMITS.requestHeaders} headers`,
      FEWER_HEADERS,
    );
  }
  const pairs: [string, string][] = [];
  let chars = 0;
  for (const pair of headers as unknown[]) {
    if (!Array.isArray(pair)) throw invalid('headers', 'must hold pairs', USE_FETCH);
    const [name, value] = pair as unknown[];
    if (typeof name !== 'string' || !TOKEN.test(name)) {
      throw invalid('headers', 'must have names of letters, digits and hyphens', USE_FETCH);
    }
    if (typeof value !== 'string' || BAD_VALUE.test(value)) {
      const remedy = 'Take line breaks and control characters out, and encode what is not Latin-1';
      throw invalid(`headers.${name.slice(0, 100)}`, 'holds what no header can carry', remedy);
    }
    chars += name.length + value.length;
    const lower = name.toLowerCase();
    if (!DROPPED.has(lower) && !lower.startsWith('proxy-')) pairs.push([lower, value]);
  }
  if (chars > LIMITS.requestHeaderChars) {
    const message = `Headers are over ${LIMITS.requestHeaderChars} characters`;
    throw new HostError('EGRESS_LIMIT', message, FEWER_HEADERS);
  }
  return pairs;
}

function parseBody(body: unknown): string | Buffer | undefined {
  if (body === undefined || body === null) return undefined;
  const { text, base64 } = body as { text?: unknown; base64?: unknown };
  if (typeof text === 'string') return bounded(text, text.length);
  if (typeof base64 === 'string') {
    const bytes = Buffer.from(base64, 'base64');
    return bounded(bytes, bytes.length);
  }
  throw invalid('body', 'must be a text or Base64', USE_FETCH);
}

/** A streamed body that ends with `EGRESS_LIMIT` over `LIMITS.requestBodyBytes`; bytes are counted. */
export async function* boundUpload(
  chunks: AsyncIterable<Uint8Array>,
  usage: Usage,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    usage.bytesOut += chunk.length;
    yield bounded(chunk, bytes);
  }
}

function bounded<T>(body: T, length: number): T {
  if (length <= LIMITS.requestBodyBytes) return body;
  throw new HostError('EGRESS_LIMIT', `The request body is over ${LIMITS.requestBodyBytes} bytes`, {
    remedy: 'Send it in parts',
  });
}

const USE_FETCH = 'Send it with fetch, as the SDK gives it';
const FEWER_HEADERS = { remedy: 'Send fewer or shorter headers' };

function invalid(field: string, problem: string, remedy: string): HostError {
  const message = `The request is not valid: "${field}" ${problem}`;
  return new HostError('EXTENSION_OUTPUT_INVALID', message, { remedy, details: { field } });
}
