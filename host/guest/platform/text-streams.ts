// TextEncoderStream, TextDecoderStream, CompressionStream and DecompressionStream: transform streams over
// the encoders of this platform and the zlib of the cell. The streams themselves are evaluated when one is made.

import { ask, request } from '../bridge.ts';
import type { WireError } from '../bridge.ts';
import { encodeText, isBufferSource, TextDecoder, toBytes } from './encoding.ts';
import { createSlots } from './slots.ts';
import { streams } from './streams.ts';
import { defineInterface, include, needs } from './webidl.ts';

type Pair = { readonly readable: ReadableStream; readonly writable: WritableStream };

type Controller = { enqueue(value: unknown): void };
type Transformer = {
  transform(chunk: unknown, controller: Controller): void | Promise<void>;
  flush(controller: Controller): void | Promise<void>;
};

const pairs = createSlots<object, Pair>();

function pairOf(owner: object): Pair {
  const pair = pairs.get(owner);
  if (pair === undefined) throw new TypeError('Illegal invocation');
  return pair;
}

/** What the four have in common. */
class TransformPair implements Pair {
  get readable(): ReadableStream {
    return pairOf(this).readable;
  }
  get writable(): WritableStream {
    return pairOf(this).writable;
  }
}

function definePair(Class: new (...values: never[]) => Pair, name: string, length: number): void {
  include(Class.prototype as object, TransformPair.prototype);
  defineInterface(Class, name, { constructor: length });
}

/** Text in, UTF-8 out; a surrogate pair may be split over two chunks. */
export class TextEncoderStream implements Pair {
  declare readonly readable: ReadableStream;
  declare readonly writable: WritableStream;

  constructor() {
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
    return pairOf(this) && 'utf-8';
  }
}
definePair(TextEncoderStream, 'TextEncoderStream', 0);

/** Bytes in, text out. */
export class TextDecoderStream implements Pair {
  declare readonly readable: ReadableStream;
  declare readonly writable: WritableStream;

  readonly #decoder: TextDecoder;

  constructor(label?: unknown, options?: { fatal?: boolean; ignoreBOM?: boolean }) {
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
}
definePair(TextDecoderStream, 'TextDecoderStream', 0);

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
export class CompressionStream implements Pair {
  declare readonly readable: ReadableStream;
  declare readonly writable: WritableStream;

  constructor(format: unknown) {
    needs(arguments, 1, 'CompressionStream');
    pairs.set(this, zlibPair('compress', format));
  }
}
definePair(CompressionStream, 'CompressionStream', 1);

/** What CompressionStream made, back. */
export class DecompressionStream implements Pair {
  declare readonly readable: ReadableStream;
  declare readonly writable: WritableStream;

  constructor(format: unknown) {
    needs(arguments, 1, 'DecompressionStream');
    pairs.set(this, zlibPair('decompress', format));
  }
}
definePair(DecompressionStream, 'DecompressionStream', 1);

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
