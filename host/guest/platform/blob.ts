// Blob and File, by the File API standard. Bytes are held in the isolate: its memory limit bounds them.

import { decodeText, encodeText, isBufferSource, toBytes } from './encoding.ts';
import { nowMs } from './time.ts';
import { streams } from './streams.ts';

const contents = new WeakMap<Blob, Uint8Array<ArrayBuffer>>();

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

  constructor(parts?: Iterable<unknown>, options: { type?: string; endings?: string } = {}) {
    const list = partList(parts);
    const { type = '', endings = 'transparent' } = options ?? {};
    if (`${endings}` !== 'transparent' && `${endings}` !== 'native') {
      throw new TypeError(`"${endings}" is not one of transparent, native`);
    }
    const native = `${endings}` === 'native';
    contents.set(this, join(list.map((part) => partBytes(part, native))));
    this.#type = cleanType(`${type}`);
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
  slice(start = 0, end?: number, type = ''): Blob {
    const part = new Blob([], { type });
    contents.set(part, blobBytes(this).slice(start, end));
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
  get [Symbol.toStringTag](): string {
    return 'Blob';
  }
}
for (const name of ['size', 'type', 'text', 'arrayBuffer', 'bytes', 'slice', 'stream']) {
  Object.defineProperty(Blob.prototype, name, { enumerable: true });
}

/** A blob with a name. */
export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  constructor(
    parts: Iterable<unknown>,
    name: string,
    options: { type?: string; endings?: string; lastModified?: number } = {},
  ) {
    if (arguments.length < 2) throw new TypeError('File takes parts and a name');
    super(parts, options);
    this.#name = `${name}`.toWellFormed();
    this.#lastModified =
      options?.lastModified === undefined ? nowMs() : Math.trunc(Number(options.lastModified)) || 0;
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
  override get [Symbol.toStringTag](): string {
    return 'File';
  }
}
for (const name of ['name', 'lastModified']) {
  Object.defineProperty(File.prototype, name, { enumerable: true });
}

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

function partList(parts: unknown): unknown[] {
  if (parts === undefined) return [];
  if (typeof parts !== 'object' || parts === null || !(Symbol.iterator in parts)) {
    throw new TypeError('The parts of a blob come as a sequence');
  }
  return [...(parts as Iterable<unknown>)];
}

function partBytes(part: unknown, native: boolean): Uint8Array {
  if (isBlob(part)) return blobBytes(part);
  if (isBufferSource(part)) return toBytes(part).slice();
  const text = `${part as string}`;
  return encodeText(native ? text.replaceAll(/\r\n?|\n/g, '\n') : text);
}

function cleanType(type: string): string {
  return /[^\x20-\x7e]/.test(type) ? '' : type.toLowerCase();
}
