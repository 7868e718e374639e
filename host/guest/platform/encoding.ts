// TextEncoder, TextDecoder, atob and btoa. Short ASCII is done here; the rest by the cell, natively.

import { ask } from '../bridge.ts';
import { DOMException } from './dom-exception.ts';
import { defineInterface, dictionary, needs, usv } from './webidl.ts';

const SHORT = 256;

/** Any buffer source as bytes, without a copy. */
export function toBytes(source: ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength);
  }
  if (Object.prototype.toString.call(source) === '[object ArrayBuffer]')
    return new Uint8Array(source);
  throw new TypeError('Expected an ArrayBuffer or a view of one');
}

/** Whether a value is an ArrayBuffer or a view of one. */
export function isBufferSource(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

/** Text as UTF-8; lone surrogates become U+FFFD. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  if (text.length <= SHORT) {
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > 127) return fromBase64(ask('utf8.encode', text));
      bytes[at] = code;
    }
    return bytes;
  }
  return fromBase64(ask('utf8.encode', text));
}

/** UTF-8 as text, a byte order mark removed; broken sequences become U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return decode('utf-8', 0, bytes);
}

/** The same with a byte order mark left in place, as forms are read. */
export function decodeWhole(bytes: Uint8Array): string {
  return decode('utf-8', 2, bytes);
}

function decode(label: string, flags: number, bytes: Uint8Array): string {
  if (bytes.length <= SHORT && (label === 'utf-8' || label === 'utf8')) {
    let text = '';
    for (const byte of bytes) {
      if (byte > 127) return ask('text.decode', `${label} ${flags} ${bytes.toBase64()}`);
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return ask('text.decode', `${label} ${flags} ${bytes.toBase64()}`);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(text) as Uint8Array<ArrayBuffer>;
}

/** UTF-8 encoder. */
export class TextEncoder {
  readonly #encoding = 'utf-8';

  get encoding(): string {
    return this.#encoding;
  }

  encode(text: unknown = ''): Uint8Array<ArrayBuffer> {
    return this.#encoding && encodeText(`${text as string}`);
  }

  encodeInto(source: string, target: Uint8Array): { read: number; written: number } {
    needs(arguments, 2, 'encodeInto');
    if (!this.#encoding || !(target instanceof Uint8Array)) {
      throw new TypeError('encodeInto takes a Uint8Array');
    }
    let read = 0;
    let written = 0;
    for (const character of usv(source)) {
      const bytes = encodeText(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}
defineInterface(TextEncoder, 'TextEncoder');

/** Decoder for every encoding of the Encoding standard. */
export class TextDecoder {
  readonly #encoding: string;
  readonly #fatal: boolean;
  readonly #ignoreBom: boolean;
  #stream = '';

  constructor(label: unknown = 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean }) {
    const { fatal, ignoreBOM } = dictionary(options);
    const text = `${label as string}`;
    this.#encoding = /^[\t\n\f\r ]*utf-?8[\t\n\f\r ]*$/i.test(text) ? 'utf-8' : readLabel(text);
    this.#fatal = Boolean(fatal);
    this.#ignoreBom = Boolean(ignoreBOM);
  }

  get encoding(): string {
    return this.#encoding;
  }
  get fatal(): boolean {
    return this.#fatal;
  }
  get ignoreBOM(): boolean {
    return this.#ignoreBom;
  }

  decode(source?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string {
    const bytes = source === undefined ? new Uint8Array() : toBytes(source);
    const flags = (this.#fatal ? 1 : 0) + (this.#ignoreBom ? 2 : 0);
    const streams = Boolean(dictionary(options)['stream']);
    if (!streams && this.#stream === '') return decode(this.#encoding, flags, bytes);
    if (this.#stream === '') this.#stream = ask('decoder.open', `${this.#encoding} ${flags}`);
    const id = this.#stream;
    if (!streams) this.#stream = '';
    return ask('decoder.feed', `${id} ${streams ? 1 : 0} ${bytes.toBase64()}`);
  }
}
defineInterface(TextDecoder, 'TextDecoder', { constructor: 0, decode: 0 });

function readLabel(label: string): string {
  try {
    return ask('text.label', label);
  } catch {
    // The standard wants a RangeError for a label that names no encoding.
    throw new RangeError(`The encoding label "${label}" is not known`);
  }
}

/** Base64 to a binary string, forgiving as the HTML standard says. */
export function atob(text: unknown): string {
  const clean = `${text as string}`.replaceAll(/[\t\n\f\r ]/g, '');
  const body = clean.length % 4 === 0 ? clean.replace(/={1,2}$/, '') : clean;
  if (body.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(body)) {
    throw new DOMException('The text is not valid base64', 'InvalidCharacterError');
  }
  let binary = '';
  for (const byte of Uint8Array.fromBase64(body, { lastChunkHandling: 'loose' })) {
    binary += String.fromCharCode(byte);
  }
  return binary;
}

/** A binary string to base64. */
export function btoa(text: unknown): string {
  const binary = `${text as string}`;
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) {
    const code = binary.charCodeAt(at);
    if (code > 255) {
      throw new DOMException('The text has characters over U+00FF', 'InvalidCharacterError');
    }
    bytes[at] = code;
  }
  return bytes.toBase64();
}
