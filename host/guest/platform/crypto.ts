// `crypto`: random values and SubtleCrypto. Keys live in the cell; keys made from a sealed secret live in
// the host, so that the guest can sign and verify with bytes that it never holds.

import { ask, request } from '../bridge.ts';
import type { WireError } from '../bridge.ts';
import { DOMException } from './dom-exception.ts';
import { isBufferSource, toBytes } from './encoding.ts';

type KeyData = {
  readonly handle: number | string;
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: unknown;
  readonly usages: readonly string[];
};

const RANDOM_BYTES = 65_536;
const INTEGER_VIEW = /^(?:Big)?(?:Int|Uint)(?:8|16|32|64)(?:Clamped)?Array$/;
const keys = new WeakMap<CryptoKey, KeyData>();
const MAKING = Symbol('making a key');
const dropped = new FinalizationRegistry<number>((handle) => {
  ask('key.drop', `${handle}`);
});

function dataOf(key: CryptoKey): KeyData {
  const data = keys.get(key);
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
    return [...dataOf(this).usages];
  }
  get [Symbol.toStringTag](): string {
    return 'CryptoKey';
  }
}

/** The operations of `crypto.subtle`. */
export class SubtleCrypto {
  constructor(making?: symbol) {
    if (making !== MAKING) throw new TypeError('Illegal constructor');
  }
  async digest(algorithm: unknown, data: BufferSource): Promise<ArrayBuffer> {
    return bytesOf(await run('digest', [algorithm, bytes(data)]));
  }
  async generateKey(algorithm: unknown, extractable: unknown, usages: unknown): Promise<unknown> {
    return run('generateKey', [algorithm, Boolean(extractable), usages]);
  }
  async importKey(
    format: string,
    data: unknown,
    algorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<CryptoKey> {
    const given = isBufferSource(data) ? bytes(data) : data;
    const sealed = sealedText(given);
    if (sealed !== undefined) return importSealed({ format, sealed, algorithm, usages });
    return (await run('importKey', [
      format,
      given,
      algorithm,
      Boolean(extractable),
      usages,
    ])) as CryptoKey;
  }
  async exportKey(format: string, key: CryptoKey): Promise<unknown> {
    refuseSealed(key);
    const value = await run('exportKey', [format, key]);
    return value instanceof Uint8Array ? value.buffer : value;
  }
  async sign(algorithm: unknown, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    const { handle } = dataOf(key);
    if (typeof handle === 'string') {
      const payload = {
        op: 'sign',
        handle,
        algorithm: plain(algorithm),
        data: bytes(data).toBase64(),
      };
      const { signature } = (await askHost(payload)) as { signature: string };
      return (Uint8Array.fromBase64(signature) as Uint8Array<ArrayBuffer>).buffer;
    }
    return bytesOf(await run('sign', [algorithm, key, bytes(data)]));
  }
  async verify(
    algorithm: unknown,
    key: CryptoKey,
    signature: BufferSource,
    data: BufferSource,
  ): Promise<boolean> {
    const { handle } = dataOf(key);
    if (typeof handle === 'string') {
      const signed = { data: bytes(data).toBase64(), signature: bytes(signature).toBase64() };
      const payload = { op: 'verify', handle, algorithm: plain(algorithm), ...signed };
      return ((await askHost(payload)) as { valid: boolean }).valid;
    }
    return Boolean(await run('verify', [algorithm, key, bytes(signature), bytes(data)]));
  }
  async encrypt(algorithm: unknown, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    refuseSealed(key);
    return bytesOf(await run('encrypt', [algorithm, key, bytes(data)]));
  }
  async decrypt(algorithm: unknown, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    refuseSealed(key);
    return bytesOf(await run('decrypt', [algorithm, key, bytes(data)]));
  }
  async deriveBits(
    algorithm: unknown,
    key: CryptoKey,
    length: unknown = null,
  ): Promise<ArrayBuffer> {
    refuseSealed(key);
    return bytesOf(await run('deriveBits', [algorithm, key, length]));
  }
  async deriveKey(
    algorithm: unknown,
    key: CryptoKey,
    derived: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<CryptoKey> {
    refuseSealed(key);
    return (await run('deriveKey', [
      algorithm,
      key,
      derived,
      Boolean(extractable),
      usages,
    ])) as CryptoKey;
  }
  async wrapKey(
    format: string,
    key: CryptoKey,
    wrapping: CryptoKey,
    algorithm: unknown,
  ): Promise<ArrayBuffer> {
    refuseSealed(key);
    refuseSealed(wrapping);
    return bytesOf(await run('wrapKey', [format, key, wrapping, algorithm]));
  }
  async unwrapKey(...values: unknown[]): Promise<CryptoKey> {
    const [format, wrapped, key, algorithm, keyAlgorithm, extractable, usages] = values;
    refuseSealed(key as CryptoKey);
    const given = [format, bytes(wrapped as BufferSource), key, algorithm, keyAlgorithm];
    return (await run('unwrapKey', [...given, Boolean(extractable), usages])) as CryptoKey;
  }
  get [Symbol.toStringTag](): string {
    return 'SubtleCrypto';
  }
}

/** The class of the global `crypto`. */
export class Crypto {
  readonly #subtle = new SubtleCrypto(MAKING);

  constructor(making?: symbol) {
    if (making !== MAKING) throw new TypeError('Illegal constructor');
  }
  get subtle(): SubtleCrypto {
    return this.#subtle;
  }
  getRandomValues<T extends ArrayBufferView>(view: T): T {
    const name = (view as unknown as { [Symbol.toStringTag]?: string })?.[Symbol.toStringTag] ?? '';
    if (!ArrayBuffer.isView(view) || !INTEGER_VIEW.test(name)) {
      throw new DOMException('getRandomValues fills integer arrays', 'TypeMismatchError');
    }
    if (view.byteLength > RANDOM_BYTES) {
      throw new DOMException(`At most ${RANDOM_BYTES} bytes at a time`, 'QuotaExceededError');
    }
    if (view.byteLength > 0) {
      toBytes(view).set(Uint8Array.fromBase64(ask('random', `${view.byteLength}`)));
    }
    return view;
  }
  randomUUID(): string {
    return ask('uuid', '');
  }
  get [Symbol.toStringTag](): string {
    return 'Crypto';
  }
}

/** Makes the global `crypto`. */
export function createCrypto(): Crypto {
  return new Crypto(MAKING);
}

type BufferSource = ArrayBuffer | ArrayBufferView;

function bytes(data: unknown): Uint8Array<ArrayBuffer> {
  if (!isBufferSource(data)) throw new TypeError('Expected an ArrayBuffer or a view of one');
  return toBytes(data).slice();
}

function bytesOf(value: unknown): ArrayBuffer {
  if (value instanceof Uint8Array) return value.buffer as ArrayBuffer;
  throw new TypeError('The operation gave no bytes');
}

/** Runs one operation in the cell. */
function run(operation: string, values: readonly unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const payload = { op: operation, values: values.map(pack) };
    request(0, 'cell.subtle', payload, {
      reply: (value) => resolve(unpack(value)),
      refuse: (error) => reject(toException(error)),
    });
  });
}

function askHost(payload: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request(0, 'crypto', payload, {
      reply: resolve,
      refuse: (error) => reject(toException(error)),
    });
  });
}

async function importSealed({
  format,
  sealed,
  algorithm,
  usages,
}: {
  format: string;
  sealed: string;
  algorithm: unknown;
  usages: unknown;
}): Promise<CryptoKey> {
  const named = plain(algorithm) as { name?: string };
  const payload = { op: 'import', sealed, format, algorithm: named, extractable: false, usages };
  const { handle, type = 'secret' } = (await askHost(payload)) as { handle: string; type?: string };
  return makeKey({
    handle,
    type,
    extractable: false,
    algorithm: named,
    usages: [...(usages as string[])],
  });
}

/** Algorithms come as a name or an object. */
function plain(algorithm: unknown): object {
  return typeof algorithm === 'object' && algorithm !== null
    ? (pack(algorithm) as object)
    : { name: String(algorithm) };
}

function refuseSealed(key: CryptoKey): void {
  if (typeof dataOf(key).handle !== 'string') return;
  throw new DOMException('A key of a sealed secret can only sign and verify', 'InvalidAccessError');
}

function sealedText(data: unknown): string | undefined {
  if (!(data instanceof Uint8Array) || data.length < 8 || data.length > 100) return undefined;
  let text = '';
  for (const byte of data) text += String.fromCharCode(byte);
  return /^sealed:[A-Za-z0-9]+$/.test(text) ? text : undefined;
}

function makeKey(data: KeyData): CryptoKey {
  const key = new CryptoKey(MAKING);
  keys.set(key, data);
  if (typeof data.handle === 'number') dropped.register(key, data.handle);
  return key;
}

function pack(value: unknown): unknown {
  if (isBufferSource(value)) return { $b: toBytes(value).toBase64() };
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof CryptoKey) return { $k: dataOf(value).handle };
  if (Array.isArray(value)) return value.map(pack);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, pack(each)]));
}

function unpack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$b' in value) return Uint8Array.fromBase64(value.$b as string);
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
