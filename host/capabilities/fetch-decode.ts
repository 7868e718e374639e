// Compressed bodies → what they hold, within bounds: small ones at once, others as they come.

import { Readable, pipeline } from 'node:stream';
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { remoteError } from './remote-errors.ts';

/** A coding of `content-encoding` that is undone here. */
export type Encoding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** Codings on top of each other that are undone; more is an attack. */
const LAYERS_MAX = 3;
const NAMES: Readonly<Record<string, Encoding>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'br',
  zstd: 'zstd',
};

/**
 * Reads `content-encoding`, in the order in which the codings were put on.
 *
 * @returns None when none of them is known: such a body is passed on as it is, with its header
 * @throws {HostError} `REMOTE_PROTOCOL` when some are, or there are too many: nobody asked for that, and
 *   what is not decoded cannot be looked through for secrets
 */
export function encodingsOf(
  headers: readonly (readonly [string, string])[],
  hostname: string,
): Encoding[] {
  const text = headers.filter(([name]) => name === 'content-encoding').map(([, value]) => value);
  if (text.length === 0) return [];
  const names = text.join(',').toLowerCase().split(',');
  const asked = names
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  const known = asked
    .flatMap((name) => (Object.hasOwn(NAMES, name) ? [NAMES[name] ?? []] : []))
    .flat();
  if (known.length === 0) return [];
  if (known.length === asked.length && known.length <= LAYERS_MAX) return known;
  throw new HostError('REMOTE_PROTOCOL', `The answer of "${hostname}" is encoded as nobody asked`, {
    remedy: 'Ask the vendor for an answer in one of gzip, deflate, br and zstd',
  });
}

/**
 * Decodes a small body at once: it takes less time than handing it to another thread.
 *
 * @returns undefined when it becomes larger than `LIMITS.inlineBodyBytes`
 * @throws {HostError} `REMOTE_PROTOCOL` when it is not what its header says
 */
export function decodeWhole(
  body: Buffer,
  encodings: readonly Encoding[],
  hostname: string,
): Buffer | undefined {
  let bytes = body;
  try {
    for (const encoding of encodings.toReversed()) {
      if (bytes.length === 0) return bytes;
      bytes = decodeSync(encoding, bytes);
    }
    return bytes;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw remoteError(error, hostname);
  }
}

/**
 * Decodes a body as it is read.
 *
 * @throws {HostError} From the iterator: `EGRESS_LIMIT` over `LIMITS.decodedBodyBytes`,
 *   `REMOTE_PROTOCOL` when it is not what its header says, and whatever `source` throws
 */
export async function* decodeStream(
  source: AsyncIterableIterator<Buffer>,
  encodings: readonly Encoding[],
  hostname: string,
): AsyncGenerator<Buffer> {
  let chunks = source;
  // Bounded one by one: what an outer layer becomes can be gigabytes that an inner one makes nothing of.
  for (const encoding of encodings.toReversed()) chunks = decodeLayer(chunks, encoding, hostname);
  yield* chunks;
}

async function* decodeLayer(
  source: AsyncIterableIterator<Buffer>,
  encoding: Encoding,
  hostname: string,
): AsyncGenerator<Buffer> {
  const first = await source.next();
  // No bytes at all decode to none, whatever the header says.
  if (first.done === true) return;
  const input = Readable.from(withFirst(first.value, source));
  const decoder = createDecoder(encoding, first.value);
  // The decoder gives the error to whoever reads it.
  pipeline([input, decoder], ignoreSettled);
  let bytes = 0;
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > LIMITS.decodedBodyBytes) {
        const limit = LIMITS.decodedBodyBytes;
        throw new HostError(
          'EGRESS_LIMIT',
          `The answer of "${hostname}" is over ${limit} bytes once it is decompressed`,
          { remedy: 'Ask the vendor for less at a time', details: { limit } },
        );
      }
      yield chunk;
    }
  } catch (error) {
    throw remoteError(error, hostname);
  } finally {
    input.destroy();
  }
}

async function* withFirst(
  first: Buffer,
  rest: AsyncIterableIterator<Buffer>,
): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

function decodeSync(encoding: Encoding, bytes: Buffer): Buffer {
  const bounds = { maxOutputLength: LIMITS.inlineBodyBytes };
  if (encoding === 'gzip') return gunzipSync(bytes, bounds);
  if (encoding === 'br') return brotliDecompressSync(bytes, bounds);
  if (encoding === 'zstd') return zstdDecompressSync(bytes, bounds);
  return isZlib(bytes) ? inflateSync(bytes, bounds) : inflateRawSync(bytes, bounds);
}

function createDecoder(encoding: Encoding, first: Buffer): NodeJS.ReadWriteStream {
  if (encoding === 'gzip') return createGunzip();
  if (encoding === 'br') return createBrotliDecompress();
  if (encoding === 'zstd') return createZstdDecompress();
  return isZlib(first) ? createInflate() : createInflateRaw();
}

/** "deflate" means zlib, but servers exist that leave its frame away. */
function isZlib([first = 0]: Buffer): boolean {
  return (first & 0x0f) === 0x08;
}

function ignoreSettled(): void {
  // The reader of the last stream has the error; without a callback pipeline throws it as well.
}
