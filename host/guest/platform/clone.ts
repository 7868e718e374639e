// structuredClone, by the HTML standard, for what exists here: no ports, no shared memory.

import { Blob, File, isBlob } from './blob.ts';
import type * as Keys from './crypto-keys.ts';
import { DOMException } from './dom-exception.ts';
import { isLoaded, piece } from '../pieces.ts';
import { isReadableStream, streams } from './streams.ts';

const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};
const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1);

/** Copies a value with everything it refers to; cycles stay cycles. */
export function structuredClone(
  value: unknown,
  options?: { transfer?: Iterable<unknown> },
): unknown {
  if (arguments.length === 0) throw new TypeError('structuredClone needs a value');
  const transfer = [...(options?.transfer ?? [])];
  // Only after the whole value has been copied, so that a failure leaves the buffers alone.
  const memory = new Map<unknown, unknown>();
  const moves: Move[] = [];
  for (const item of transfer) {
    if (memory.has(item)) throw notClonable('A value that is transferred twice');
    const move = moveOf(item);
    memory.set(item, move.made);
    moves.push(move);
  }
  const copy = clone(value, memory);
  for (const { commit } of moves) commit();
  return copy;
}

/** The object on the other side, and what takes the one on this side away. */
type Move = { readonly made: object; readonly commit: () => void };

/** How objects of other modules are transferred; each answers for its own kind, or throws. */
export const transferables: ((value: unknown) => Move | undefined)[] = [
  (value) => {
    if (!(value instanceof ArrayBuffer) || value.detached) return undefined;
    return { made: value.slice(0), commit: () => void value.transfer() };
  },
  (value) => {
    if (!isReadableStream(value) || value.locked) return undefined;
    // What the stream gives is cloned on its way: two sides never share an object.
    const { readable, writable } = new (streams().TransformStream)({
      transform: (chunk, controller) => controller.enqueue(structuredClone(chunk)),
    });
    return { made: readable, commit: () => void value.pipeTo(writable).catch(() => undefined) };
  },
];

function moveOf(item: unknown): Move {
  for (const transferable of transferables) {
    const move = transferable(item);
    if (move !== undefined) return move;
  }
  throw notClonable('A value to transfer');
}

function clone(value: unknown, memory: Map<unknown, unknown>): unknown {
  if (typeof value === 'symbol') throw notClonable(String(value));
  if (typeof value === 'function') throw notClonable(`Function ${value.name}`);
  if (typeof value !== 'object' || value === null) return value;
  const known = memory.get(value);
  if (known !== undefined) return known;
  const made = cloneLeaf(value) ?? cloneView(value, memory);
  if (made !== undefined) {
    memory.set(value, made);
    return made;
  }
  return cloneTree(value, memory);
}

function cloneLeaf(value: object): object | undefined {
  if (isBlob(value)) {
    const { type } = value as Blob;
    if (value instanceof File) {
      return new File([value], value.name, { type, lastModified: value.lastModified });
    }
    return new Blob([value], { type });
  }
  // Before the piece with keys is loaded there is none.
  const key = isLoaded('crypto') ? (piece('crypto') as typeof Keys).cloneKey(value) : undefined;
  if (key !== undefined) return key;
  switch (tagOf(value)) {
    case 'Boolean':
    case 'Number':
    case 'String':
    case 'BigInt':
      return Object((value as { valueOf(): unknown }).valueOf()) as object;
    case 'Date':
      return new Date((value as Date).getTime());
    case 'RegExp':
      return new RegExp((value as RegExp).source, (value as RegExp).flags);
    case 'ArrayBuffer':
      if ((value as ArrayBuffer).detached) throw notClonable('A detached ArrayBuffer');
      return (value as ArrayBuffer).slice(0);
    default:
      return undefined;
  }
}

function cloneView(value: object, memory: Map<unknown, unknown>): object | undefined {
  if (!ArrayBuffer.isView(value)) return undefined;
  const buffer = clone(value.buffer, memory) as ArrayBuffer;
  if (value instanceof DataView) return new DataView(buffer, value.byteOffset, value.byteLength);
  const view = value as Uint8Array;
  const name = (view as { [Symbol.toStringTag]: string })[Symbol.toStringTag];
  const Kind = (globalThis as unknown as Record<string, Uint8ArrayConstructor>)[name];
  if (Kind === undefined) throw notClonable(name);
  return new Kind(buffer, view.byteOffset, view.length);
}

function cloneTree(value: object, memory: Map<unknown, unknown>): object {
  const tag = tagOf(value);
  if (tag === 'Map') {
    const copy = new Map<unknown, unknown>();
    memory.set(value, copy);
    for (const [key, each] of [...(value as Map<unknown, unknown>)]) {
      copy.set(clone(key, memory), clone(each, memory));
    }
    return copy;
  }
  if (tag === 'Set') {
    const copy = new Set<unknown>();
    memory.set(value, copy);
    for (const each of [...(value as Set<unknown>)]) copy.add(clone(each, memory));
    return copy;
  }
  if (value instanceof DOMException) {
    const copy = new DOMException(value.message, value.name);
    memory.set(value, copy);
    return copy;
  }
  if (tag === 'Error') return cloneError(value as Error, memory);
  const plain = tag === 'Object' || tag === 'Array' || tag === 'Arguments' || ownTag(value);
  if (!plain) throw notClonable(`A ${tag}`);
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
    ? emptyArray(value.length)
    : {};
  memory.set(value, copy);
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(value, key)) continue;
    const each = clone((value as Record<string, unknown>)[key], memory);
    Object.defineProperty(copy, key, {
      value: each,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return copy;
}

/** Holes stay holes. */
function emptyArray(length: number): unknown[] {
  const list: unknown[] = [];
  list.length = length;
  return list;
}

/** A tag that the object gave itself says nothing about what it is. */
function ownTag(value: object): boolean {
  const platform = Object.getPrototypeOf(value) as object | null;
  return platform === null || platform === Object.prototype || !NATIVE.has(tagOf(value));
}

const NATIVE = new Set([
  'Promise',
  'WeakMap',
  'WeakSet',
  'WeakRef',
  'Generator',
  'AsyncGenerator',
  'ReadableStream',
  'WritableStream',
  'TransformStream',
  'Request',
  'Response',
  'Headers',
  'FormData',
  'URL',
  'URLSearchParams',
  'AbortSignal',
  'AbortController',
  'Event',
  'EventTarget',
  'CryptoKey',
  'MessagePort',
  'MessageChannel',
]);

function cloneError(value: Error, memory: Map<unknown, unknown>): Error {
  const name = `${value.name}`;
  const Kind = ERRORS[name] ?? Error;
  const message = Object.getOwnPropertyDescriptor(value, 'message')?.value as unknown;
  const copy = message === undefined ? new Kind() : new Kind(`${message as string}`);
  memory.set(value, copy);
  Object.defineProperty(copy, 'stack', { value: value.stack, writable: true, configurable: true });
  if (Object.hasOwn(value, 'cause')) {
    const cause = clone(value.cause, memory);
    Object.defineProperty(copy, 'cause', { value: cause, writable: true, configurable: true });
  }
  return copy;
}

function notClonable(what: string): DOMException {
  return new DOMException(`${what} cannot be cloned`, 'DataCloneError');
}
