// Blob and File, by the File API standard. Bytes are held in the isolate: its memory limit bounds them.

import { decodeText, encodeText, isBufferSource, toBytes } from './encoding.ts';
import { createSlots } from './slots.ts';
import { nowMs } from './time.ts';
import { streams } from './streams.ts';
import { defineInterface, dictionary, needs, usv } from './webidl.ts';

const contents = createSlots<Blob, Uint8Array<ArrayBuffer>>();

/** The bytes of a blob, not to be written to. */
export function blobBytes(blob: Blob): Uint8Array<ArrayBuffer> {
  const bytes = contents.get(blob);
  if (bytes === undefined) throw new TypeError('Illegal invocation');
  return bytes;
}

/** Whether a value is one of our blobs. */
export function isBlob(value: unknown): value is Blob {
  return typeof value === 'object' && value !== null && contents.has(value as Blob);
}

/** Immutable bytes with a type. */
export class Blob {
  readonly #type: string;

  constructor(parts?: Iterable<unknown>, options?: { type?: string; endings?: string }) {
    const list = readParts(parts);
    const { endings, type } = readOptions(options);
    contents.set(this, join(list.map((part) => partBytes(part, endings === 'native'))));
    this.#type = cleanType(type);
  }

  get size(): number {
    return blobBytes(this).length;
  }
  get type(): string {
    return this.#type;
  }
  async text(): Promise<string> {
    return decodeText(blobBytes(this));
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return blobBytes(this).slice().buffer;
  }
  async bytes(): Promise<Uint8Array> {
    return blobBytes(this).slice();
  }
  slice(start?: number, end?: number, type?: string): Blob {
    const bytes = blobBytes(this);
    const part = new Blob([], type === undefined ? {} : { type });
    contents.set(
      part,
      bytes.slice(toLong(start ?? 0), end === undefined ? undefined : toLong(end)),
    );
    return part;
  }
  stream(): ReadableStream<Uint8Array> {
    const bytes = blobBytes(this);
    let at = 0;
    return new (streams().ReadableStream)({
      type: 'bytes',
      pull(controller) {
        if (at >= bytes.length) {
          controller.close();
          controller.byobRequest?.respond(0);
          return;
        }
        controller.enqueue(bytes.slice(at, at + 65_536));
        at += 65_536;
      },
    });
  }
}
defineInterface(Blob, 'Blob', { constructor: 0, slice: 0 });

/** A blob with a name. */
export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  constructor(
    parts: Iterable<unknown>,
    name: string,
    options?: { type?: string; endings?: string; lastModified?: number },
  ) {
    needs(arguments, 2, 'File');
    if (parts === undefined) throw new TypeError('The parts of a file come as a sequence');
    super(parts, options);
    this.#name = usv(name);
    const { lastModified } = dictionary(options);
    this.#lastModified = lastModified === undefined ? nowMs() : toLong(lastModified);
  }

  get name(): string {
    return this.#name;
  }
  get lastModified(): number {
    return this.#lastModified;
  }
  get webkitRelativePath(): string {
    return '';
  }
}
defineInterface(File, 'File', { constructor: 2 });

/** Byte runs as one. */
export function join(runs: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const run of runs) length += run.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const run of runs) {
    bytes.set(run, at);
    at += run.length;
  }
  return bytes;
}

/** Each part is converted as it comes: what a conversion does to the sequence is seen. */
function readParts(parts: unknown): (Blob | Uint8Array | string)[] {
  if (parts === undefined) return [];
  const isObject = (typeof parts === 'object' && parts !== null) || typeof parts === 'function';
  const iterate = isObject ? (parts as Partial<Iterable<unknown>>)[Symbol.iterator] : undefined;
  if (typeof iterate !== 'function') throw new TypeError('The parts of a blob come as a sequence');
  const list: (Blob | Uint8Array | string)[] = [];
  for (const part of { [Symbol.iterator]: () => iterate.call(parts) }) {
    if (isBlob(part)) list.push(part);
    else if (isBufferSource(part)) list.push(toBytes(part).slice());
    else list.push(`${part as string}`);
  }
  return list;
}

/** Members are read and converted in the order of their names. */
function readOptions(options: unknown): { endings: string; type: string } {
  const given = dictionary(options);
  const { endings: wanted } = given;
  const endings = wanted === undefined ? 'transparent' : `${wanted as string}`;
  if (endings !== 'transparent' && endings !== 'native') {
    throw new TypeError(`"${endings}" is not one of transparent, native`);
  }
  const { type } = given;
  return { endings, type: type === undefined ? '' : `${type as string}` };
}

function partBytes(part: Blob | Uint8Array | string, native: boolean): Uint8Array {
  if (typeof part === 'string') {
    return encodeText(native ? part.replaceAll(/\r\n?|\n/g, '\n') : part);
  }
  return isBlob(part) ? blobBytes(part) : (part as Uint8Array);
}

/** A number as Web IDL's `long long`. */
function toLong(value: unknown): number {
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? number : 0;
}

function cleanType(type: string): string {
  return /[^\x20-\x7e]/.test(type) ? '' : type.toLowerCase();
}
