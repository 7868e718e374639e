// CryptoKey and the way values of crypto.subtle cross. Keys live in the cell; those made from a sealed secret
// live in the host. A guest holds neither bytes nor handles: both stay in this module.

import { ask, request } from '../bridge.ts';
import type { WireError } from '../bridge.ts';
import { DOMException } from './dom-exception.ts';
import { isBufferSource, toBytes } from './encoding.ts';
import { createSlots } from './slots.ts';
import { defineInterface } from './webidl.ts';

/** What is known of a key; `handle` is a number in the cell, a text in the host. */
export type KeyData = {
  readonly handle: number | string;
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: unknown;
  readonly usages: readonly string[];
};

/** Bytes as the operations take them. */
export type BufferSource = ArrayBuffer | ArrayBufferView;

const keys = createSlots<object, KeyData>();
const MAKING = Symbol('making a key');
// What clones of a key have in common is its data: the cell's key goes when the last of them is gone.
const dropped = new FinalizationRegistry<number>((handle) => {
  ask('key.drop', `${handle}`);
});

/** Members of every algorithm and of JSON Web Keys: read one by one, so that inherited ones are seen too. */
const MEMBERS = [
  ...['name', 'hash', 'length', 'namedCurve', 'modulusLength', 'publicExponent', 'public'],
  ...['iv', 'counter', 'additionalData', 'tagLength', 'label', 'salt', 'info', 'iterations'],
  ...['saltLength', 'context', 'customization', 'functionName', 'outputLength', 'domainSeparation'],
  ...['nonce', 'parallelism', 'memory', 'passes', 'version', 'secretValue', 'associatedData'],
  ...['kty', 'use', 'key_ops', 'alg', 'ext', 'crv', 'x', 'y', 'n', 'e', 'd', 'p', 'q', 'dp', 'dq'],
  ...['qi', 'oth', 'k', 'pub', 'priv', 'r', 't'],
];

/** The data behind a key. @throws {TypeError} For what is no key */
export function dataOf(key: unknown): KeyData {
  const data = typeof key === 'object' && key !== null ? keys.get(key) : undefined;
  if (data === undefined) throw new TypeError('Expected a CryptoKey');
  return data;
}

/** A key whose bytes are elsewhere. */
export class CryptoKey {
  constructor(making?: symbol) {
    if (making !== MAKING) throw new TypeError('Illegal constructor');
  }
  get type(): string {
    return dataOf(this).type;
  }
  get extractable(): boolean {
    return dataOf(this).extractable;
  }
  get algorithm(): unknown {
    return dataOf(this).algorithm;
  }
  get usages(): readonly string[] {
    return dataOf(this).usages;
  }
}
defineInterface(CryptoKey, 'CryptoKey', { constructor: 0 });

/** Makes the object that stands for a key. */
export function makeKey(data: KeyData): CryptoKey {
  if (typeof data.handle === 'number') dropped.register(data, data.handle);
  return wrap(data);
}

/** Another object for the same key, or nothing when the value is no key. */
export function cloneKey(value: object): CryptoKey | undefined {
  const data = keys.get(value);
  return data === undefined ? undefined : wrap(data);
}

function wrap(data: KeyData): CryptoKey {
  const key = new CryptoKey(MAKING);
  keys.set(key, data);
  return key;
}

/** Runs one operation in the cell; what comes back are keys, ArrayBuffers and plain values. */
export function run(operation: string, values: readonly unknown[]): Promise<unknown> {
  return askFor('cell.subtle', { op: operation, values: values.map(pack) }).then(unpack);
}

/** Asks the host about a sealed key. */
export function askHost(payload: object): Promise<unknown> {
  return askFor('crypto', payload);
}

function askFor(capability: string, payload: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request(0, capability, payload, {
      reply: resolve,
      refuse: (error) => reject(toException(error)),
    });
  });
}

/** A value as plain data. */
export function pack(value: unknown): unknown {
  if (value === undefined) return { $u: 1 };
  // JSON has no such numbers; the cell refuses them by name.
  if (typeof value === 'number' && !Number.isFinite(value)) return { $n: String(value) };
  if (isBufferSource(value)) return { $b: toBytes(value).toBase64() };
  if (typeof value !== 'object' || value === null) return value;
  if (keys.has(value)) return { $k: dataOf(value).handle };
  if (Symbol.iterator in value) return Array.from(value as Iterable<unknown>, pack);
  const packed: Record<string, unknown> = {};
  for (const name of MEMBERS) {
    const member = (value as Record<string, unknown>)[name];
    if (member !== undefined) packed[name] = pack(member);
  }
  return packed;
}

function unpack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$b' in value) return Uint8Array.fromBase64(value.$b as string).buffer;
  if ('$v' in value) return Uint8Array.fromBase64(value.$v as string);
  if ('$k' in value) {
    const { $k: handle, ...data } = value as unknown as { $k: number } & Omit<KeyData, 'handle'>;
    return makeKey({ ...data, algorithm: unpack(data.algorithm), handle });
  }
  if (Array.isArray(value)) return value.map(unpack);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpack(each)]));
}

function toException({ code, message }: WireError): Error {
  if (code === 'TypeError') return new TypeError(message);
  return new DOMException(message, code.endsWith('Error') ? code : 'OperationError');
}
