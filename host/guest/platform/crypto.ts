// `crypto`: random values and SubtleCrypto. Everything is done by the cell; with a key of a sealed secret by
// the host, so that a guest can sign and verify with bytes that it never holds.

import { ask } from '../bridge.ts';
import { askHost, dataOf, makeKey, pack, run } from './crypto-keys.ts';
import type { BufferSource, CryptoKey } from './crypto-keys.ts';
import { DOMException } from './dom-exception.ts';
import { isBufferSource, toBytes } from './encoding.ts';
import { defineInterface, needs } from './webidl.ts';

const RANDOM_BYTES = 65_536;
const INTEGER_VIEW = /^(?:Big)?(?:Int|Uint)(?:8|16|32|64)(?:Clamped)?Array$/;
const MAKING = Symbol('making crypto');

/** The operations of `crypto.subtle`. */
export class SubtleCrypto {
  constructor(making?: symbol) {
    if (making !== MAKING) throw new TypeError('Illegal constructor');
  }

  /** Whether an operation can be done with an algorithm. */
  static supports(operation: unknown, algorithm: unknown, more?: unknown): boolean {
    needs(arguments, 2, 'supports');
    const values = [
      `${operation as string}`,
      pack(algorithm),
      ...(more === undefined ? [] : [pack(more)]),
    ];
    return ask('subtle.supports', JSON.stringify(values)) === 'true';
  }

  async digest(algorithm: unknown, data: BufferSource): Promise<unknown> {
    needs(arguments, 2, 'digest');
    return run('digest', [algorithm, bytes(data)]);
  }
  async generateKey(algorithm: unknown, extractable: unknown, usages: unknown): Promise<unknown> {
    needs(arguments, 3, 'generateKey');
    return run('generateKey', [algorithm, Boolean(extractable), list(usages)]);
  }
  async importKey(...values: unknown[]): Promise<unknown> {
    needs(values, 5, 'importKey');
    const [format, data, algorithm, extractable, usages] = values;
    const given = isBufferSource(data) ? bytes(data) : data;
    const sealed = sealedText(given);
    if (sealed !== undefined) {
      return importSealed({ format, sealed, algorithm, usages: list(usages) });
    }
    return run('importKey', [format, given, algorithm, Boolean(extractable), list(usages)]);
  }
  async exportKey(format: unknown, key: CryptoKey): Promise<unknown> {
    needs(arguments, 2, 'exportKey');
    refuseSealed(key);
    return run('exportKey', [format, key]);
  }
  async sign(algorithm: unknown, key: CryptoKey, data: BufferSource): Promise<unknown> {
    needs(arguments, 3, 'sign');
    const { handle } = dataOf(key);
    if (typeof handle !== 'string') return run('sign', [algorithm, key, bytes(data)]);
    const signed = { data: bytes(data).toBase64() };
    const payload = { op: 'sign', handle, algorithm: named(algorithm), ...signed };
    const { signature } = (await askHost(payload)) as { signature: string };
    return Uint8Array.fromBase64(signature).buffer;
  }
  async verify(...values: unknown[]): Promise<unknown> {
    needs(values, 4, 'verify');
    const [algorithm, key, signature, data] = values as [
      unknown,
      CryptoKey,
      BufferSource,
      BufferSource,
    ];
    const { handle } = dataOf(key);
    if (typeof handle !== 'string') {
      return run('verify', [algorithm, key, bytes(signature), bytes(data)]);
    }
    const signed = { data: bytes(data).toBase64(), signature: bytes(signature).toBase64() };
    const payload = { op: 'verify', handle, algorithm: named(algorithm), ...signed };
    return ((await askHost(payload)) as { valid: boolean }).valid;
  }
  async encrypt(algorithm: unknown, key: CryptoKey, data: BufferSource): Promise<unknown> {
    needs(arguments, 3, 'encrypt');
    refuseSealed(key);
    return run('encrypt', [algorithm, key, bytes(data)]);
  }
  async decrypt(algorithm: unknown, key: CryptoKey, data: BufferSource): Promise<unknown> {
    needs(arguments, 3, 'decrypt');
    refuseSealed(key);
    return run('decrypt', [algorithm, key, bytes(data)]);
  }
  async deriveBits(algorithm: unknown, key: CryptoKey, length: unknown = null): Promise<unknown> {
    needs(arguments, 2, 'deriveBits');
    refuseSealed(key);
    return run('deriveBits', [algorithm, key, length]);
  }
  async deriveKey(...values: unknown[]): Promise<unknown> {
    needs(values, 5, 'deriveKey');
    const [algorithm, key, derived, extractable, usages] = values;
    refuseSealed(key);
    return run('deriveKey', [algorithm, key, derived, Boolean(extractable), list(usages)]);
  }
  async wrapKey(...values: unknown[]): Promise<unknown> {
    needs(values, 4, 'wrapKey');
    const [format, key, wrapping, algorithm] = values;
    refuseSealed(key);
    refuseSealed(wrapping);
    return run('wrapKey', [format, key, wrapping, algorithm]);
  }
  async unwrapKey(...values: unknown[]): Promise<unknown> {
    needs(values, 7, 'unwrapKey');
    const [format, wrapped, key, algorithm, keyAlgorithm, extractable, usages] = values;
    refuseSealed(key);
    const given = [format, bytes(wrapped), key, algorithm, keyAlgorithm];
    return run('unwrapKey', [...given, Boolean(extractable), list(usages)]);
  }
  async getPublicKey(key: CryptoKey, usages: unknown): Promise<unknown> {
    needs(arguments, 2, 'getPublicKey');
    refuseSealed(key);
    return run('getPublicKey', [key, list(usages)]);
  }
  async encapsulateBits(algorithm: unknown, key: CryptoKey): Promise<unknown> {
    needs(arguments, 2, 'encapsulateBits');
    refuseSealed(key);
    return run('encapsulateBits', [algorithm, key]);
  }
  async encapsulateKey(...values: unknown[]): Promise<unknown> {
    needs(values, 5, 'encapsulateKey');
    const [algorithm, key, shared, extractable, usages] = values;
    refuseSealed(key);
    return run('encapsulateKey', [algorithm, key, shared, Boolean(extractable), list(usages)]);
  }
  async decapsulateBits(algorithm: unknown, key: CryptoKey, text: BufferSource): Promise<unknown> {
    needs(arguments, 3, 'decapsulateBits');
    refuseSealed(key);
    return run('decapsulateBits', [algorithm, key, bytes(text)]);
  }
  async decapsulateKey(...values: unknown[]): Promise<unknown> {
    needs(values, 6, 'decapsulateKey');
    const [algorithm, key, text, shared, extractable, usages] = values;
    refuseSealed(key);
    const given = [algorithm, key, bytes(text), shared];
    return run('decapsulateKey', [...given, Boolean(extractable), list(usages)]);
  }
}
defineInterface(SubtleCrypto, 'SubtleCrypto', {
  constructor: 0,
  ...{
    supports: 2,
    importKey: 5,
    verify: 4,
    deriveBits: 2,
    deriveKey: 5,
    wrapKey: 4,
    unwrapKey: 7,
  },
  ...{ encapsulateKey: 5, decapsulateKey: 6 },
});

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
    if (!(#subtle in this)) throw new TypeError('Illegal invocation');
    needs(arguments, 1, 'getRandomValues');
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
    if (!(#subtle in this)) throw new TypeError('Illegal invocation');
    return ask('uuid', '');
  }
}
defineInterface(Crypto, 'Crypto', { constructor: 0 });

/** Makes the global `crypto`. */
export function createCrypto(): Crypto {
  return new Crypto(MAKING);
}

function bytes(data: unknown): Uint8Array<ArrayBuffer> {
  if (!isBufferSource(data)) throw new TypeError('Expected an ArrayBuffer or a view of one');
  return toBytes(data).slice();
}

function list(usages: unknown): string[] {
  if (typeof usages !== 'object' || usages === null) {
    throw new TypeError('Key usages come as a sequence');
  }
  return Array.from(usages as Iterable<unknown>, (usage) => `${usage as string}`);
}

async function importSealed({
  format,
  sealed,
  algorithm,
  usages,
}: {
  format: unknown;
  sealed: string;
  algorithm: unknown;
  usages: readonly string[];
}): Promise<CryptoKey> {
  const packed = named(algorithm);
  const payload = { op: 'import', sealed, format, algorithm: packed, extractable: false, usages };
  const { handle, type = 'secret' } = (await askHost(payload)) as { handle: string; type?: string };
  return makeKey({ handle, type, extractable: false, algorithm: packed, usages });
}

/** Algorithms come as a name or an object. */
function named(algorithm: unknown): object {
  return typeof algorithm === 'object' && algorithm !== null
    ? (pack(algorithm) as object)
    : { name: String(algorithm) };
}

function refuseSealed(key: unknown): void {
  if (typeof dataOf(key).handle !== 'string') return;
  throw new DOMException('A key of a sealed secret can only sign and verify', 'InvalidAccessError');
}

function sealedText(data: unknown): string | undefined {
  if (!(data instanceof Uint8Array) || data.length < 8 || data.length > 100) return undefined;
  let text = '';
  for (const byte of data) text += String.fromCharCode(byte);
  return /^sealed:[A-Za-z0-9]+$/.test(text) ? text : undefined;
}
