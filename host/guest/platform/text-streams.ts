// TextEncoderStream, TextDecoderStream, CompressionStream and DecompressionStream: transform streams over
// the encoders of this platform and the zlib of the cell. Evaluated when something first needs one.

import { ask, request } from '../bridge.ts';
import type { WireError } from '../bridge.ts';
import { encodeText, isBufferSource, TextDecoder, toBytes } from './encoding.ts';
import { streams } from './streams.ts';

type Pair = { readonly readable: ReadableStream; readonly writable: WritableStream };

type Controller = { enqueue(value: unknown): void };
type Transformer = {
  transform(chunk: unknown, controller: Controller): void | Promise<void>;
  flush(controller: Controller): void | Promise<void>;
};

const pairs = new WeakMap<object, Pair>();

function pairOf(owner: object): Pair {
  const pair = pairs.get(owner);
  if (pair === undefined) throw new TypeError('Illegal invocation');
  return pair;
}

/** What the four have in common. */
class TransformPair {
  get readable(): ReadableStream {
    return pairOf(this).readable;
  }
  get writable(): WritableStream {
    return pairOf(this).writable;
  }
}

/** Text in, UTF-8 out; a surrogate pair may be split over two chunks. */
export class TextEncoderStream extends TransformPair {
  constructor() {
    super();
    let high = '';
    pairs.set(
      this,
      transform({
        transform(chunk, controller) {
          const text = high + `${chunk as string}`;
          const cut = /[\ud800-\udbff]$/.test(text) ? text.length - 1 : text.length;
          high = text.slice(cut);
          if (cut > 0) controller.enqueue(encodeText(text.slice(0, cut)));
        },
        flush(controller) {
          if (high !== '') controller.enqueue(new Uint8Array([0xef, 0xbf, 0xbd]));
        },
      }),
    );
  }
  get encoding(): string {
    return 'utf-8';
  }
  get [Symbol.toStringTag](): string {
    return 'TextEncoderStream';
  }
}

/** Bytes in, text out. */
export class TextDecoderStream extends TransformPair {
  readonly #decoder: TextDecoder;

  constructor(label?: unknown, options?: { fatal?: boolean; ignoreBOM?: boolean }) {
    super();
    const decoder = new TextDecoder(label ?? 'utf-8', options);
    this.#decoder = decoder;
    pairs.set(
      this,
      transform({
        transform(chunk, controller) {
          const text = decoder.decode(toBytes(chunk as ArrayBuffer), { stream: true });
          if (text !== '') controller.enqueue(text);
        },
        flush(controller) {
          const text = decoder.decode();
          if (text !== '') controller.enqueue(text);
        },
      }),
    );
  }
  get encoding(): string {
    return this.#decoder.encoding;
  }
  get fatal(): boolean {
    return this.#decoder.fatal;
  }
  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }
  get [Symbol.toStringTag](): string {
    return 'TextDecoderStream';
  }
}

const FORMATS = ['deflate', 'deflate-raw', 'gzip', 'brotli'];

function zlibPair(mode: 'compress' | 'decompress', value: unknown): Pair {
  const format = `${value as string}`;
  if (!FORMATS.includes(format)) throw new TypeError(`"${format}" is not a compression format`);
  const id = ask('zlib.open', `${mode} ${format}`);
  const feed = async (bytes: Uint8Array, last: boolean): Promise<Uint8Array> => {
    const payload = { id, last, base64: bytes.toBase64() };
    return Uint8Array.fromBase64(await askCell(payload));
  };
  return transform({
    async transform(chunk, controller) {
      if (!isBufferSource(chunk)) throw new TypeError('A chunk must be an ArrayBuffer or a view');
      const bytes = await feed(toBytes(chunk), false);
      if (bytes.length > 0) controller.enqueue(bytes);
    },
    async flush(controller) {
      const bytes = await feed(new Uint8Array(), true);
      if (bytes.length > 0) controller.enqueue(bytes);
    },
  });
}

/** Bytes in, fewer bytes out. */
export class CompressionStream extends TransformPair {
  constructor(format: unknown) {
    super();
    pairs.set(this, zlibPair('compress', format));
  }
  get [Symbol.toStringTag](): string {
    return 'CompressionStream';
  }
}

/** What CompressionStream made, back. */
export class DecompressionStream extends TransformPair {
  constructor(format: unknown) {
    super();
    pairs.set(this, zlibPair('decompress', format));
  }
  get [Symbol.toStringTag](): string {
    return 'DecompressionStream';
  }
}

function transform(transformer: Transformer): Pair {
  return new (streams().TransformStream)(transformer) as unknown as Pair;
}

function askCell(payload: object): Promise<string> {
  return new Promise((resolve, reject) => {
    request(0, 'cell.zlib', payload, {
      reply: (value) => resolve(value as string),
      refuse: ({ message }: WireError) => reject(new TypeError(message)),
    });
  });
}
