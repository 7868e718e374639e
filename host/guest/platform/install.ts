// What a guest finds in its global scope: known names only. Everything that V8 brings and this list does
// not name is deleted before any guest code runs, so that a new V8 cannot add a power silently.

import { piece } from '../pieces.ts';
import type * as Crypto from '../pieces/crypto.ts';
import type * as Events from '../pieces/events.ts';
import type * as Fetch from '../pieces/fetch.ts';
import { createConsole } from './console.ts';
import { defineLazy, showLazy } from './lazy.ts';
import { installRandom } from './random.ts';
import type { Streams } from './streams.ts';
import { createDate, removeClocks } from './time.ts';
import { clearTimeout, queueMicrotask, setInterval, setTimeout } from './timers.ts';
import { defineAttribute } from './webidl.ts';

/** Names of the language itself that guests keep. */
const LANGUAGE = [
  ...['Object', 'Function', 'Array', 'Number', 'Boolean', 'String', 'Symbol', 'BigInt', 'Date'],
  ...['Promise', 'RegExp', 'Math', 'JSON', 'Intl', 'Reflect', 'Proxy', 'Iterator', 'globalThis'],
  ...['Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'FinalizationRegistry'],
  ...['Error', 'AggregateError', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError'],
  ...['TypeError', 'URIError', 'SuppressedError', 'DisposableStack', 'AsyncDisposableStack'],
  ...['ArrayBuffer', 'DataView', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array'],
  ...['Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array'],
  ...['Float16Array', 'Float32Array', 'Float64Array'],
  ...['parseInt', 'parseFloat', 'isNaN', 'isFinite', 'decodeURI', 'decodeURIComponent'],
  ...['encodeURI', 'encodeURIComponent', 'escape', 'unescape', 'eval'],
  ...['undefined', 'NaN', 'Infinity'],
];

/** Prepares the global scope; called once, before guest code. */
export function installPlatform(): void {
  removeUnknown();
  removeGrowing();
  removeClocks();
  installRandom();
  // An older sibling of Intl.Segmenter that only V8 has.
  Reflect.deleteProperty(Intl, 'v8BreakIterator');
  defineAll({
    Date: createDate(),
    queueMicrotask,
    setTimeout,
    setInterval,
    clearTimeout,
    clearInterval: clearTimeout,
    fetch,
    console: createConsole(),
    navigator: Object.freeze({ userAgent: 'Cofferdam', hardwareConcurrency: 1, language: 'en' }),
    self: globalThis,
  });
  for (const [name, names] of Object.entries(PIECES)) {
    for (const each of names) defineLazy(each, () => piece(name)[each]);
  }
  for (const name of STREAMS) defineLazy(name, () => load.fetch().streams()[name]);
  defineFixed('crypto', () => load.crypto().createCrypto());
  defineFixed('performance', () => load.events().createPerformance(), true);
  showLazy();
}

/** Pieces of which the platform itself needs more than the globals. */
export const load = {
  crypto: (): typeof Crypto => piece('crypto') as typeof Crypto,
  events: (): typeof Events => piece('events') as typeof Events,
  fetch: (): typeof Fetch => piece('fetch') as typeof Fetch,
};

/** A global function whose piece is not loaded because somebody looks whether there is one. */
function fetch(input: unknown, init: unknown): Promise<unknown> {
  return load.fetch().fetchFor(0, input, init);
}

/** Globals by the piece that has them. */
const PIECES: Readonly<Record<string, readonly string[]>> = {
  crypto: ['Crypto', 'CryptoKey', 'SubtleCrypto'],
  'dom-exception': ['DOMException'],
  encoding: ['TextEncoder', 'TextDecoder', 'atob', 'btoa'],
  events: ['AbortController', 'AbortSignal', 'Event', 'CustomEvent', 'EventTarget', 'Performance'],
  fetch: ['Headers', 'Request', 'Response', 'FormData', 'Blob', 'File', 'structuredClone'],
  messages: ['MessageChannel', 'MessageEvent', 'MessagePort'],
  'text-streams': [
    ...['TextEncoderStream', 'TextDecoderStream', 'CompressionStream', 'DecompressionStream'],
  ],
  url: ['URL', 'URLSearchParams'],
  'url-pattern': ['URLPattern'],
};

/** Those of the piece of streams, finished by `streams.ts`. */
const STREAMS = [
  ...(['ByteLengthQueuingStrategy', 'CountQueuingStrategy'] as const),
  ...(['ReadableByteStreamController', 'ReadableStream', 'ReadableStreamBYOBReader'] as const),
  ...(['ReadableStreamBYOBRequest', 'ReadableStreamDefaultController'] as const),
  ...(['ReadableStreamDefaultReader', 'TransformStream'] as const),
  ...(['TransformStreamDefaultController', 'WritableStream'] as const),
  ...(['WritableStreamDefaultController', 'WritableStreamDefaultWriter'] as const),
] satisfies readonly (keyof Streams)[];

function removeUnknown(): void {
  const known = new Set<PropertyKey>(LANGUAGE);
  for (const key of Reflect.ownKeys(globalThis)) {
    if (known.has(key) || key === Symbol.toStringTag) continue;
    if (!Reflect.deleteProperty(globalThis, key)) {
      throw new Error(`Global "${String(key)}" cannot be removed`);
    }
  }
}

/** Buffers that grow in place escape the isolate's memory limit (measured: 458 MB under one of 64). */
function removeGrowing(): void {
  const Native = ArrayBuffer;
  function GuestArrayBuffer(this: unknown, length?: unknown): unknown {
    if (new.target === undefined) throw new TypeError("Constructor ArrayBuffer requires 'new'");
    return Reflect.construct(Native, [length], new.target);
  }
  const prototype = Native.prototype as unknown as Record<string, unknown>;
  for (const name of ['resize', 'resizable', 'maxByteLength'])
    Reflect.deleteProperty(prototype, name);
  Object.defineProperties(GuestArrayBuffer, {
    name: { value: 'ArrayBuffer' },
    length: { value: 1 },
    prototype: { value: Native.prototype, writable: false },
    isView: { value: Native.isView.bind(Native), writable: true, configurable: true },
    [Symbol.species]: {
      get(this: unknown) {
        return this;
      },
      configurable: true,
    },
  });
  Object.defineProperty(Native.prototype, 'constructor', {
    value: GuestArrayBuffer,
    writable: true,
    configurable: true,
  });
  defineAll({ ArrayBuffer: GuestArrayBuffer });
}

function defineAll(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}

/** An attribute of the global scope, as opposed to a class; made when it is first read. */
function defineFixed(name: string, make: () => object, replaceable = false): void {
  let value: object | undefined;
  const check = (owner: unknown): void => {
    if (owner !== undefined && owner !== globalThis) throw new TypeError('Illegal invocation');
  };
  const get = (owner: unknown): object => {
    check(owner);
    return (value ??= make());
  };
  const set = (owner: unknown, other: unknown): void => {
    check(owner);
    defineAll({ [name]: other });
  };
  defineAttribute(globalThis, name, replaceable ? { get, set } : { get });
}
