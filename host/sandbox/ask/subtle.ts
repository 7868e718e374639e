// crypto.subtle for one isolate, by Node's own webcrypto. Keys stay here; the guest holds numbers.

import { webcrypto } from 'node:crypto';

import { LIMITS } from '../../limits.ts';

type Key = CryptoKey;
type Pair = { readonly publicKey: Key; readonly privateKey: Key };
type Values = readonly unknown[];

const { subtle } = webcrypto;
const OPERATIONS = new Set([
  'digest',
  'generateKey',
  'importKey',
  'exportKey',
  'sign',
  'verify',
  'encrypt',
  'decrypt',
  'deriveBits',
  'deriveKey',
  'wrapKey',
  'unwrapKey',
]);
/** Node runs these on its thread pool: a guest must not ask for hours of it. */
const ITERATIONS_MAX = 10_000_000;
const MODULUS_MAX = 8_192;

/** The keys of one isolate. */
export function createKeys(): {
  run(request: unknown): Promise<unknown>;
  drop(text: string): string;
} {
  const keys = new Map<number, Key>();
  let nextHandle = 1;

  const keep = (key: Key): object => {
    if (keys.size >= LIMITS.keysPerInstance) {
      throw new RangeError(`More than ${LIMITS.keysPerInstance} keys are held: let some go`);
    }
    const handle = nextHandle++;
    keys.set(handle, key);
    const { type, extractable, usages } = key;
    return { $k: handle, type, extractable, algorithm: pack(key.algorithm), usages };
  };

  const pack = (value: unknown): unknown => {
    if (value instanceof ArrayBuffer) return { $b: Buffer.from(value).toString('base64') };
    if (ArrayBuffer.isView(value)) {
      const { buffer, byteOffset, byteLength } = value;
      return { $b: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('base64') };
    }
    if (value instanceof CryptoKey) return keep(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(pack);
    if (isPair(value)) {
      return { publicKey: keep(value.publicKey), privateKey: keep(value.privateKey) };
    }
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, pack(each)]));
  };

  const unpack = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(unpack);
    const { $b: base64, $k: handle } = value as { $b?: unknown; $k?: unknown };
    if (typeof base64 === 'string') return new Uint8Array(Buffer.from(base64, 'base64'));
    if (handle !== undefined) {
      const key = keys.get(Number(handle));
      if (key === undefined) throw new TypeError('The key is gone');
      return key;
    }
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpack(each)]));
  };

  return {
    drop(text) {
      keys.delete(Number(text));
      return '';
    },
    async run(request) {
      const { op, values } = request as { op?: unknown; values?: unknown };
      if (typeof op !== 'string' || !OPERATIONS.has(op) || !Array.isArray(values)) {
        throw new TypeError('Unknown operation');
      }
      const given = values.map(unpack);
      checkCost(given);
      // Node checks every argument itself; its errors carry the standard's names.
      const operation = subtle[op as 'digest'] as (...all: Values) => Promise<unknown>;
      return pack(await operation.apply(subtle, given));
    },
  };
}

function isPair(value: object): value is Pair {
  return 'publicKey' in value && value.publicKey instanceof CryptoKey;
}

function checkCost(values: Values): void {
  for (const value of values) {
    if (typeof value !== 'object' || value === null) continue;
    const { iterations, modulusLength } = value as Record<string, unknown>;
    if (Number(iterations ?? 0) > ITERATIONS_MAX) {
      throw new RangeError(`More than ${ITERATIONS_MAX} iterations`);
    }
    if (Number(modulusLength ?? 0) > MODULUS_MAX) {
      throw new RangeError(`A modulus over ${MODULUS_MAX} bits`);
    }
  }
}
