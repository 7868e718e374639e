// Bodies of requests and responses: text, bytes, a stream, or chunks that still arrive from the host.
// A stream object is made only when somebody asks for one.

import { Blob, blobBytes, isBlob, join } from './blob.ts';
import { structuredClone } from './clone.ts';
import { decodeText, decodeWhole, encodeText, isBufferSource, toBytes } from './encoding.ts';
import { encodeMultipart, isFormData, parseMultipart, parseUrlEncoded } from './form-data.ts';
import type { FormData } from './form-data.ts';
import type { Incoming } from './incoming.ts';
import { createSlots } from './slots.ts';
import { isReadableStream, streams } from './streams.ts';
import { ask } from '../bridge.ts';
import { URLSearchParams } from './url.ts';
import { include } from './webidl.ts';

/** Where the bytes of a body are. */
export type Source =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: 'stream';
      readonly stream: ReadableStream<Uint8Array>;
      /** Of the guest's own making: what it enqueues may be anything. */
      readonly isForeign?: boolean;
    }
  | { readonly kind: 'incoming'; readonly incoming: Incoming };

/** A body and what is known of its use. */
export type BodyState = { source: Source | null; used: boolean; type: string | null };

/** What a body was made of and the content type that follows from it. */
export function extractBody(value: unknown): { source: Source; type: string | null } {
  if (isReadableStream(value)) {
    if (value.locked || isDisturbed(value)) {
      throw new TypeError('The stream of a body must not be locked, nor read from');
    }
    return { source: { kind: 'stream', stream: value, isForeign: true }, type: null };
  }
  if (isBlob(value)) {
    return { source: { kind: 'bytes', bytes: blobBytes(value) }, type: value.type || null };
  }
  if (isBufferSource(value)) {
    return { source: { kind: 'bytes', bytes: toBytes(value).slice() }, type: null };
  }
  if (isFormData(value)) {
    const boundary = `----cofferdam${ask('uuid', '').replaceAll('-', '')}`;
    const bytes = encodeMultipart(value, boundary);
    return { source: { kind: 'bytes', bytes }, type: `multipart/form-data; boundary=${boundary}` };
  }
  if (value instanceof URLSearchParams) {
    const type = 'application/x-www-form-urlencoded;charset=UTF-8';
    return { source: { kind: 'text', text: value.toString() }, type };
  }
  const text = `${value as string}`.toWellFormed();
  return { source: { kind: 'text', text }, type: 'text/plain;charset=UTF-8' };
}

/** The bytes of a body, all of them. */
export async function readBytes(source: Source | null): Promise<Uint8Array<ArrayBuffer>> {
  if (source === null) return new Uint8Array();
  if (source.kind === 'text') return encodeText(source.text);
  if (source.kind === 'bytes') return source.bytes;
  if (source.kind === 'incoming') {
    const runs: Uint8Array[] = [];
    for (let run = await source.incoming.read(); run !== null; run = await source.incoming.read()) {
      runs.push(run);
    }
    return join(runs);
  }
  const reader = source.stream.getReader();
  const runs: Uint8Array[] = [];
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    if (!(step.value instanceof Uint8Array)) throw new TypeError('The stream gave no Uint8Array');
    runs.push(step.value);
  }
  return join(runs);
}

/** The body as a stream; from then on the stream is the body. */
export function streamOf(state: BodyState): ReadableStream<Uint8Array> | null {
  const { source } = state;
  if (source === null) return null;
  if (source.kind === 'stream') return source.stream;
  const stream = source.kind === 'incoming' ? incomingStream(source.incoming) : bytesStream(source);
  state.source = { kind: 'stream', stream };
  // The bytes went another way: nobody may read them again.
  if (state.used) stream.getReader();
  return stream;
}

/** Splits a body in two. */
export function teeBody(state: BodyState): Source | null {
  const { source } = state;
  if (source === null || source.kind === 'text' || source.kind === 'bytes') return source;
  const stream = streamOf(state);
  if (stream === null) return null;
  const [mine, other] = stream.tee();
  const isForeign = source.kind === 'stream' && source.isForeign === true;
  state.source = { kind: 'stream', stream: mine, isForeign };
  return { kind: 'stream', stream: isForeign ? other.pipeThrough(copying()) : other, isForeign };
}

/** The body of a request for another one: the same bytes in a stream of its own. */
export function moveBody(state: BodyState): Source | null {
  const { source } = state;
  if (source === null) return null;
  state.used = true;
  if (source.kind !== 'stream') return source;
  return { ...source, stream: source.stream.pipeThrough(copying()) };
}

/** Passes copies on: two readers of one body must not see each other's writes. */
function copying(): TransformStream<Uint8Array, Uint8Array> {
  return new (streams().TransformStream)({
    transform(chunk, controller) {
      controller.enqueue(structuredClone(chunk) as Uint8Array);
    },
  }) as unknown as TransformStream<Uint8Array, Uint8Array>;
}

/** Whether a body can still be read. */
export function isUsable({ source, used }: BodyState): boolean {
  if (source?.kind !== 'stream') return !used;
  return !used && !source.stream.locked && !isDisturbed(source.stream);
}

function bytesStream(
  source: Extract<Source, { kind: 'text' | 'bytes' }>,
): ReadableStream<Uint8Array> {
  return new (streams().ReadableStream)({
    type: 'bytes',
    pull(controller) {
      const bytes = source.kind === 'text' ? encodeText(source.text) : source.bytes.slice();
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

function incomingStream(incoming: Incoming): ReadableStream<Uint8Array> {
  return new (streams().ReadableStream)({
    type: 'bytes',
    async pull(controller) {
      const run = await incoming.read();
      if (run === null) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else if (run.length > 0) controller.enqueue(run as Uint8Array<ArrayBuffer>);
    },
    cancel() {
      incoming.cancel();
    },
  });
}

const states = createSlots<object, BodyState>();

/** Gives a Request or Response its body. */
export function setBody(owner: object, state: BodyState): void {
  states.set(owner, state);
}

/** The body of a Request or Response. */
export function bodyOf(owner: object): BodyState {
  const state = states.get(owner);
  if (state === undefined) throw new TypeError('Illegal invocation');
  return state;
}

/** What Request and Response share. */
export type BodyMembers = {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array>;
  blob(): Promise<Blob>;
  text(): Promise<string>;
  json(): Promise<unknown>;
  formData(): Promise<FormData>;
};

class Body implements BodyMembers {
  get body(): ReadableStream<Uint8Array> | null {
    return streamOf(bodyOf(this));
  }
  get bodyUsed(): boolean {
    const { source, used } = bodyOf(this);
    return used || (source?.kind === 'stream' && isDisturbed(source.stream));
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await ownBytes(this)).buffer;
  }
  async bytes(): Promise<Uint8Array> {
    return ownBytes(this);
  }
  async blob(): Promise<Blob> {
    const { type } = typeOf(this);
    return new Blob([await takeBytes(this)], { type: type ?? '' });
  }
  async text(): Promise<string> {
    return takeText(this);
  }
  async json(): Promise<unknown> {
    return JSON.parse(await takeText(this)) as unknown;
  }
  async formData(): Promise<FormData> {
    const { type } = typeOf(this);
    const essence = type?.split(';')[0]?.trim().toLowerCase();
    // The body is read first: a stream that fails is what the caller hears of.
    const bytes = await takeBytes(this);
    if (essence === 'application/x-www-form-urlencoded') return parseUrlEncoded(decodeWhole(bytes));
    const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type ?? '');
    if (essence !== 'multipart/form-data' || boundary === null) {
      throw new TypeError('The content type is not that of a form');
    }
    return parseMultipart(bytes, boundary[1] ?? boundary[2] ?? '');
  }
}

/** Gives a class the shared members: the two interfaces have no common parent. */
export function includeBody(prototype: object): void {
  include(prototype, Body.prototype);
}

function typeOf(owner: object): { type: string | null } {
  return { type: (owner as { headers: Headers }).headers.get('content-type') };
}

function take(owner: object): Source | null {
  const state = bodyOf(owner);
  if (!isUsable(state)) throw new TypeError('The body has been read already');
  if (state.source !== null) state.used = true;
  return state.source;
}

async function takeText(owner: object): Promise<string> {
  const source = take(owner);
  if (source?.kind === 'text')
    return source.text.charCodeAt(0) === 0xfeff ? source.text.slice(1) : source.text;
  return decodeText(await readBytes(source));
}

async function takeBytes(owner: object): Promise<Uint8Array<ArrayBuffer>> {
  return readBytes(take(owner));
}

async function ownBytes(owner: object): Promise<Uint8Array<ArrayBuffer>> {
  const source = take(owner);
  const bytes = await readBytes(source);
  return source?.kind === 'bytes' ? bytes.slice() : bytes;
}

/** The ponyfill keeps this on the stream; there is no public way to ask. */
function isDisturbed(stream: ReadableStream): boolean {
  return (stream as unknown as { _disturbed?: boolean })._disturbed === true;
}
