// What a guest finds in its global scope: known names only. Everything that V8 brings and this list does
// not name is deleted before any guest code runs, so that a new V8 cannot add a power silently.

import { AbortController, AbortSignal } from './abort.ts';
import { Blob, File } from './blob.ts';
import { structuredClone } from './clone.ts';
import { createConsole } from './console.ts';
import { createCrypto, Crypto, SubtleCrypto } from './crypto.ts';
import { CryptoKey } from './crypto-keys.ts';
import { DOMException } from './dom-exception.ts';
import { atob, btoa, TextDecoder, TextEncoder } from './encoding.ts';
import { CustomEvent, Event, EventTarget } from './events.ts';
import { createFetch } from './fetch.ts';
import { FormData } from './form-data.ts';
import { Headers } from './headers.ts';
import { defineLazy, showLazy } from './lazy.ts';
import type * as Messages from './message-channel.ts';
import { createPerformance, Performance } from './performance.ts';
import { installRandom } from './random.ts';
import { Request } from './request.ts';
import { Response } from './response.ts';
import { STREAM_NAMES, streams } from './streams.ts';
import {
  CompressionStream,
  DecompressionStream,
  TextDecoderStream,
  TextEncoderStream,
} from './text-streams.ts';
import { createDate, removeClocks } from './time.ts';
import { clearTimeout, queueMicrotask, setInterval, setTimeout } from './timers.ts';
import { URL, URLSearchParams } from './url.ts';
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
    URL,
    URLSearchParams,
    TextEncoder,
    TextDecoder,
    TextEncoderStream,
    TextDecoderStream,
    CompressionStream,
    DecompressionStream,
    atob,
    btoa,
    structuredClone,
    queueMicrotask,
    setTimeout,
    setInterval,
    clearTimeout,
    clearInterval: clearTimeout,
    AbortController,
    AbortSignal,
    Event,
    CustomEvent,
    EventTarget,
    DOMException,
    Headers,
    Request,
    Response,
    FormData,
    Blob,
    File,
    Crypto,
    CryptoKey,
    SubtleCrypto,
    console: createConsole(),
    Performance,
    navigator: Object.freeze({ userAgent: 'Cofferdam', hardwareConcurrency: 1, language: 'en' }),
    self: globalThis,
    fetch: createFetch(0),
  });
  defineFixed('crypto', createCrypto());
  defineFixed('performance', createPerformance(), true);
  for (const name of STREAM_NAMES) defineLazy(name, () => streams()[name]);
  for (const name of MESSAGES) defineLazy(name, () => messages()[name]);
  defineLazy('URLPattern', () => urlPattern().URLPattern);
  showLazy();
}

const MESSAGES = ['MessageChannel', 'MessageEvent', 'MessagePort'] as const;

/** Lazy requires, resolved by the bundler: most isolates never need these. */
function messages(): typeof Messages {
  return require('./message-channel.ts') as typeof Messages;
}

function urlPattern(): { readonly URLPattern: unknown } {
  return require('urlpattern-polyfill/urlpattern') as { readonly URLPattern: unknown };
}

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

/** An attribute of the global scope, as opposed to a class. */
function defineFixed(name: string, value: object, replaceable = false): void {
  const check = (owner: unknown): void => {
    if (owner !== undefined && owner !== globalThis) throw new TypeError('Illegal invocation');
  };
  const get = (owner: unknown): object => {
    check(owner);
    return value;
  };
  const set = (owner: unknown, other: unknown): void => {
    check(owner);
    defineAll({ [name]: other });
  };
  defineAttribute(globalThis, name, replaceable ? { get, set } : { get });
}
