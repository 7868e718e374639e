// Compression for one isolate, by Node's zlib, chunk by chunk. A chunk's output is bounded: a bomb is
// refused before it fills the process.

import {
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
} from 'node:zlib';
import type { Transform } from 'node:stream';

import { LIMITS } from '../../limits.ts';

/** What follows the end of the compressed bytes is an error, by the Compression standard. */
const STRICT = { rejectGarbageAfterEnd: true } as const;

const MAKERS: Readonly<Record<string, () => Transform>> = {
  'compress gzip': createGzip,
  'compress deflate': createDeflate,
  'compress deflate-raw': createDeflateRaw,
  'compress brotli': createBrotliCompress,
  'decompress gzip': () => createGunzip(STRICT),
  'decompress deflate': () => createInflate(STRICT),
  'decompress deflate-raw': () => createInflateRaw(STRICT),
  'decompress brotli': () => createBrotliDecompress(STRICT),
};

type Engine = { readonly stream: Transform; failed: Error | undefined };

/** The running compressions of one isolate. */
export function createZlib(): {
  open(kind: string): string;
  feed(request: unknown): Promise<string>;
} {
  const engines = new Map<string, Engine>();
  let nextId = 1;
  return {
    open(kind) {
      const make = Object.hasOwn(MAKERS, kind) ? MAKERS[kind] : undefined;
      if (make === undefined) throw new TypeError('Unknown compression');
      if (engines.size >= LIMITS.decodersPerInstance) {
        throw new RangeError('Too many compressions are open: finish some first');
      }
      const engine: Engine = { stream: make(), failed: undefined };
      engine.stream.on('error', (error) => (engine.failed = error));
      const id = String(nextId++);
      engines.set(id, engine);
      return id;
    },
    async feed(request) {
      const { id, last, base64 } = request as { id?: unknown; last?: unknown; base64?: unknown };
      const engine = engines.get(String(id));
      if (engine === undefined || typeof base64 !== 'string') {
        throw new TypeError('The compression has ended');
      }
      try {
        const bytes = await push(engine, Buffer.from(base64, 'base64'), last === true);
        if (last === true) engines.delete(String(id));
        return bytes.toString('base64');
      } catch (error) {
        engines.delete(String(id));
        engine.stream.destroy();
        throw error;
      }
    },
  };
}

/** Writes one chunk and returns what comes out until it is taken in. */
async function push(engine: Engine, bytes: Buffer, last: boolean): Promise<Buffer> {
  const { stream } = engine;
  const out: Buffer[] = [];
  let length = 0;
  const take = (chunk: Buffer): void => {
    length += chunk.length;
    if (length > LIMITS.zlibChunkBytes) {
      stream.destroy(new RangeError(`One chunk gives over ${LIMITS.zlibChunkBytes} bytes`));
    }
    out.push(chunk);
  };
  const { promise: taken, resolve, reject } = Promise.withResolvers<void>();
  const settle = (): void => (engine.failed === undefined ? resolve() : reject(engine.failed));
  stream.on('data', take).once('close', settle);
  try {
    if (engine.failed !== undefined) throw engine.failed;
    if (last) stream.end(settle);
    else stream.write(bytes, settle);
    await taken;
    if (last && !stream.readableEnded) {
      await new Promise<void>((done) => stream.once('end', done).once('close', done));
    }
    if (engine.failed !== undefined) throw engine.failed;
    return Buffer.concat(out);
  } finally {
    stream.off('data', take).off('close', settle);
  }
}
