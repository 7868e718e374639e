// The keys of one isolate and the way values of crypto.subtle cross: a guest holds numbers, JSON holds marks
// for what it cannot say. The other half is host/guest/platform/crypto-keys.ts.

import { LIMITS } from '../../limits.ts';

type Key = CryptoKey;
type Pair = { readonly publicKey: Key; readonly privateKey: Key };
/** Bytes, a key, a number that is none, nothing. */
type Packed = { $b?: unknown; $k?: unknown; $n?: unknown; $u?: unknown };

/** Makes an empty table. */
export function createKeyTable(): {
  /** What an operation gave, as plain data; keys in it are kept. */
  pack(value: unknown): unknown;
  /** What a guest sent, as an operation takes it. @throws {TypeError} When a key is gone */
  unpack(value: unknown): unknown;
  drop(handle: number): void;
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
      return { $v: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('base64') };
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
    const { $b: base64, $k: handle, $n: number, $u: nothing } = value as Packed;
    if (typeof base64 === 'string') return new Uint8Array(Buffer.from(base64, 'base64'));
    if (nothing !== undefined) return undefined;
    if (number !== undefined) return Number(number);
    if (handle !== undefined) {
      const key = keys.get(Number(handle));
      if (key === undefined) throw new TypeError('The key is gone');
      return key;
    }
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpack(each)]));
  };

  return { pack, unpack, drop: (handle) => void keys.delete(handle) };
}

function isPair(value: object): value is Pair {
  return 'publicKey' in value && value.publicKey instanceof CryptoKey;
}
