// The part of Node's Buffer that npm packages use as if it were everywhere: texts to bytes and back. Only the
// code of packages is given it, by the builder, and only where it does not look for a Buffer first.

import { join } from './blob.ts';
import { decodeText, encodeText, isBufferSource, toBytes } from './encoding.ts';

type Coder = {
  readonly encode: (text: string) => Uint8Array<ArrayBuffer>;
  readonly decode: (bytes: Uint8Array) => string;
};

const latin1: Coder = {
  encode: (text) => Uint8Array.from({ length: text.length }, (_, at) => text.charCodeAt(at) & 255),
  decode: (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''),
};
const utf8: Coder = {
  encode: encodeText,
  // A byte order mark is a character here, as it is in Node.
  decode: (bytes) =>
    bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
      ? `\ufeff${decodeText(bytes.subarray(3))}`
      : decodeText(bytes),
};
const base64: Coder = {
  encode: readBase64,
  decode: (bytes) => bytes.toBase64(),
};
const CODERS: Readonly<Record<string, Coder>> = {
  utf8,
  'utf-8': utf8,
  latin1,
  binary: latin1,
  ascii: { ...latin1, decode: (bytes) => latin1.decode(bytes.map((byte) => byte & 127)) },
  base64,
  base64url: {
    encode: readBase64,
    decode: (bytes) => bytes.toBase64({ alphabet: 'base64url', omitPadding: true }),
  },
  hex: { encode: readHex, decode: (bytes) => bytes.toHex() },
};

/** Bytes that know text encodings. */
export class Buffer extends Uint8Array<ArrayBuffer> {
  static override from(value: unknown, encoding?: unknown): Buffer {
    if (typeof value === 'string') return own(coderOf(encoding).encode(value));
    // Of an ArrayBuffer it is a view, of everything else a copy.
    if (value instanceof ArrayBuffer) return own(toBytes(value));
    if (isBufferSource(value)) return own(toBytes(value).slice());
    if (typeof value !== 'object' || value === null) {
      throw new TypeError('Buffer.from takes a text, bytes or an array of numbers');
    }
    return own(new Uint8Array(Array.from(value as ArrayLike<number>)));
  }
  static alloc(size: number): Buffer {
    return own(new Uint8Array(size));
  }
  static allocUnsafe(size: number): Buffer {
    return own(new Uint8Array(size));
  }
  static concat(parts: readonly Uint8Array[], length?: number): Buffer {
    const whole = own(join(parts));
    if (length === undefined || length === whole.length) return whole;
    const cut = own(new Uint8Array(length));
    cut.set(whole.subarray(0, length));
    return cut;
  }
  static isBuffer(value: unknown): boolean {
    return value instanceof Buffer;
  }
  static isEncoding(encoding: unknown): boolean {
    return typeof encoding === 'string' && Object.hasOwn(CODERS, encoding.toLowerCase());
  }
  static byteLength(value: unknown, encoding?: unknown): number {
    return typeof value === 'string'
      ? coderOf(encoding).encode(value).length
      : toBytes(value as ArrayBuffer).length;
  }

  override toString(encoding?: unknown, start?: number, end?: number): string {
    return coderOf(encoding).decode(new Uint8Array(this).subarray(start, end));
  }
  equals(other: Uint8Array): boolean {
    return this.length === other.length && this.every((byte, at) => byte === other[at]);
  }
  toJSON(): object {
    return { type: 'Buffer', data: [...this] };
  }
}

function own(bytes: Uint8Array<ArrayBuffer>): Buffer {
  return new Buffer(bytes.buffer, bytes.byteOffset, bytes.length);
}

function coderOf(encoding: unknown): Coder {
  const name = `${(encoding ?? 'utf8') as string}`.toLowerCase();
  const coder = Object.hasOwn(CODERS, name) ? CODERS[name] : undefined;
  if (coder === undefined) throw new TypeError(`Unknown encoding: ${name}`);
  return coder;
}

/** Either alphabet, up to the padding; other characters are left out. */
function readBase64(text: string): Uint8Array<ArrayBuffer> {
  const [plain = ''] = text.replaceAll('-', '+').replaceAll('_', '/').split('=', 1);
  const body = plain.replaceAll(/[^A-Za-z0-9+/]/g, '');
  const whole = body.length % 4 === 1 ? body.slice(0, -1) : body;
  return Uint8Array.fromBase64(whole, { lastChunkHandling: 'loose' }) as Uint8Array<ArrayBuffer>;
}

function readHex(text: string): Uint8Array<ArrayBuffer> {
  const body = /^(?:[0-9a-f]{2})*/i.exec(text)?.[0] ?? '';
  return Uint8Array.fromHex(body) as Uint8Array<ArrayBuffer>;
}
