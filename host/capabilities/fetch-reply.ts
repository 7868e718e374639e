// A vendor's answer → what the guest gets: decompressed within bounds, secrets blanked, small bodies whole.

import { PassThrough, pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { CallScope, CapabilityReply } from './capability.ts';
import { remoteError } from './remote-errors.ts';
import type { Scrubber } from './scrub.ts';

/** An answer whose body has not been read. */
export type Answer = {
  readonly statusCode: number;
  readonly statusText: string;
  readonly headers: [string, string][];
  readonly method: string;
  readonly hostname: string;
  readonly body: Readable;
};

type Context = {
  readonly url: string;
  readonly redirected: boolean;
  readonly scrubber: Scrubber;
  readonly scope: CallScope;
};

const NO_BODY = new Set([101, 103, 204, 205, 304]);
const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};
/** A body that is complete within this time travels inside the reply. */
const SOON_MS = 25;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads an answer. @throws {HostError} `REMOTE_PROTOCOL`, `EGRESS_LIMIT`, `REMOTE_TIMED_OUT` */
export async function readReply(answer: Answer, context: Context): Promise<CapabilityReply> {
  const { url, redirected, scrubber } = context;
  const { statusCode: status, statusText } = answer;
  if (status < 200 || status > 599) {
    discard(answer);
    throw new HostError('REMOTE_PROTOCOL', `"${answer.hostname}" answered with status ${status}`);
  }
  const encodings = encodingsOf(answer);
  const headers = answer.headers
    .filter(
      ([name]) =>
        encodings.length === 0 || (name !== 'content-encoding' && name !== 'content-length'),
    )
    .map(([name, value]): [string, string] => [name, scrubber.text(value)]);
  const head = { status, statusText: scrubber.text(statusText), headers, url, redirected };
  if (NO_BODY.has(status) || answer.method === 'HEAD') {
    discard(answer);
    return { value: { ...head, body: null } };
  }
  const chunks = bounded(decode(answer, encodings), answer.hostname, context.scope);
  const clean = scrubber.active ? scrubber.stream(chunks) : chunks;
  const started = await readSoon(clean[Symbol.asyncIterator](), knownBytes(answer, encodings));
  if (started.rest === undefined) return { value: { ...head, body: packBody(started.runs) } };
  return { value: head, body: joined(started.runs, started.rest) };
}

/** Reads a small body away, so that its connection can serve again; ends the connection of a large one. */
export function discard({ body }: Answer): void {
  let bytes = 0;
  const timer = setTimeout(() => body.destroy(), LIMITS.discardMs);
  body.on('close', () => clearTimeout(timer));
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LIMITS.inlineBodyBytes) body.destroy();
  });
}

type Runs = { readonly runs: Uint8Array[]; readonly rest: AsyncIterator<Uint8Array> | undefined };
type Pending = Promise<IteratorResult<Uint8Array, unknown>>;

/** Reads what comes at once; what is large or slow is left to be streamed. */
async function readSoon(source: AsyncIterator<Uint8Array>, bytesKnown: number): Promise<Runs> {
  const runs: Uint8Array[] = [];
  if (bytesKnown > LIMITS.inlineBodyBytes) return { runs, rest: source };
  let bytes = 0;
  const deadline = bytesKnown >= 0 ? undefined : Date.now() + SOON_MS;
  for (;;) {
    const next: Pending = source.next();
    const step = deadline === undefined ? await next : await orLater(next, deadline - Date.now());
    if (step === undefined) return { runs, rest: resumed(next, source) };
    if (step.done === true) return { runs, rest: undefined };
    runs.push(step.value);
    bytes += step.value.length;
    if (bytes > LIMITS.inlineBodyBytes) return { runs, rest: source };
  }
}

async function orLater(next: Pending, waitMs: number): Promise<Awaited<Pending> | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, Math.max(1, waitMs), undefined);
  try {
    return await Promise.race([next, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function resumed(first: Pending, source: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> {
  let pending: Pending | undefined = first;
  // Listened to from now on: a failure before the guest reads must not count as unhandled.
  first.catch(() => undefined);
  return {
    next() {
      const taken = pending ?? source.next();
      pending = undefined;
      return taken;
    },
    ...(source.return === undefined ? {} : { return: source.return.bind(source) }),
  };
}

async function* joined(
  runs: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* runs;
    for (let step = await rest.next(); step.done !== true; step = await rest.next())
      yield step.value;
  } finally {
    await rest.return?.();
  }
}

function packBody(runs: readonly Uint8Array[]): { text: string } | { base64: string } {
  const bytes = runs.length === 1 ? Buffer.from(runs[0] ?? []) : Buffer.concat(runs);
  try {
    return { text: utf8.decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { base64: bytes.toString('base64') };
  }
}

function encodingsOf({ headers }: Answer): string[] {
  const value = headers.filter(([name]) => name === 'content-encoding').map(([, text]) => text);
  const names = value
    .join(',')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const known = names.filter((name) => name !== '' && name !== 'identity');
  // What is not known is passed on as it is, with its header.
  return known.every((name) => Object.hasOwn(DECODERS, name)) && known.length <= 3 ? known : [];
}

/** Bytes that will come, −1 when it is not known. */
function knownBytes({ headers }: Answer, encodings: readonly string[]): number {
  const length = headers.find(([name]) => name === 'content-length')?.[1];
  return encodings.length > 0 || length === undefined ? -1 : Number(length);
}

function decode({ body }: Answer, encodings: readonly string[]): Readable {
  if (encodings.length === 0) return body;
  const decoders = encodings.toReversed().map((name) => DECODERS[name]?.() ?? new PassThrough());
  // Errors come out of the last stream, where they are read.
  return pipeline([body, ...decoders], () => undefined) as unknown as Readable;
}

async function* bounded(
  body: Readable,
  hostname: string,
  { usage, deadlineMs }: CallScope,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  const timer = setTimeout(
    () =>
      body.destroy(
        new HostError('REMOTE_TIMED_OUT', `The body of "${hostname}" did not end in time`),
      ),
    Math.max(1, deadlineMs - Date.now()),
  );
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      usage.bytesIn += chunk.length;
      if (bytes > LIMITS.responseBodyBytes) {
        throw new HostError(
          'EGRESS_LIMIT',
          `The answer of "${hostname}" is over ${LIMITS.responseBodyBytes} bytes`,
          {
            remedy: 'Ask the vendor for less at a time',
          },
        );
      }
      yield chunk;
    }
  } catch (error) {
    throw remoteError(error, hostname);
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}
