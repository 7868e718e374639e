// Keys made of sealed secrets: the guest signs and verifies with bytes that never leave the host. It must
// never give a key back, nor say in an error what one looks like.

import { webcrypto } from 'node:crypto';

import * as z from 'zod';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Capability } from './capability.ts';
import { invalidField } from './failures.ts';
import type { SecretBook } from './secrets.ts';

const { subtle } = webcrypto;
const SIGNING = new Set(['HMAC', 'RSASSA-PKCS1-V1_5', 'RSA-PSS', 'ECDSA', 'ED25519']);
// Members that vendors' algorithms need, and no other: with `length`, an HMAC key loses its last bits one
// by one, and signatures that stay the same tell them.
const algorithm = z.object({
  name: z
    .string()
    .max(50)
    .refine((name) => SIGNING.has(name.toUpperCase()), 'must be an algorithm that signs'),
  hash: z.union([z.string().max(20), z.object({ name: z.string().max(20) })]).optional(),
  namedCurve: z.string().max(20).optional(),
  saltLength: z.int().min(0).max(1_000).optional(),
});
const data = z.base64().max(LIMITS.askChars);
const importing = z.object({
  op: z.literal('import'),
  sealed: z.string().max(100),
  format: z.enum(['raw', 'raw-secret', 'pkcs8', 'spki']),
  algorithm,
  usages: z.array(z.enum(['sign', 'verify'])).max(2),
});
const request = z.discriminatedUnion('op', [
  importing,
  z.object({ op: z.literal('sign'), handle: z.string().max(50), algorithm, data }),
  z.object({
    op: z.literal('verify'),
    handle: z.string().max(50),
    algorithm,
    data,
    signature: z.base64().max(20_000),
  }),
]);

type Importing = z.infer<typeof importing>;

/**
 * Makes the `crypto` capability of one isolate.
 *
 * `import` answers `{handle, type}`, `sign` `{signature}` in Base64, `verify` `{valid}`. The same import
 * gives the same handle: vendor SDKs import their key again for every webhook.
 */
export function createSealedKeys(secrets: SecretBook): Capability {
  const keys = new SealedKeys(secrets);
  return async (payload) => {
    const parsed = request.safeParse(payload);
    if (!parsed.success) throw invalidField('Sealed key', parsed.error, REMEDY);
    const asked = parsed.data;
    try {
      if (asked.op === 'import') return { value: await keys.import(asked) };
      const key = keys.find(asked.handle);
      const named = asked.algorithm;
      const bytes = Buffer.from(asked.data, 'base64');
      if (asked.op === 'sign') {
        const signature = await subtle.sign(named, key, bytes);
        return { value: { signature: Buffer.from(signature).toString('base64') } };
      }
      const signature = Buffer.from(asked.signature, 'base64');
      return { value: { valid: await subtle.verify(named, key, signature, bytes) } };
    } catch (error) {
      if (error instanceof HostError) throw error;
      // Messages of webcrypto can quote what they were given.
      throw refused('the algorithm and the secret do not fit each other', error);
    }
  };
}

/** The keys of one isolate, oldest use first; the oldest goes when there are too many. */
class SealedKeys {
  readonly #secrets: SecretBook;
  readonly #handles = new Map<string, string>();
  readonly #keys = new Map<string, { readonly key: CryptoKey; readonly asked: string }>();
  #made = 0;

  constructor(secrets: SecretBook) {
    this.#secrets = secrets;
  }

  find(handle: string): CryptoKey {
    const known = this.#keys.get(handle);
    if (known === undefined) throw refused('it was given up for newer ones');
    this.#keys.delete(handle);
    this.#keys.set(handle, known);
    return known.key;
  }

  async import({ op: _op, ...asked }: Importing): Promise<{ handle: string; type: string }> {
    const text = JSON.stringify({ ...asked, usages: asked.usages.toSorted() });
    const known = this.#handles.get(text);
    if (known !== undefined) return { handle: known, type: this.find(known).type };
    const format = asked.format === 'raw-secret' ? 'raw' : asked.format;
    const raw = this.#secrets.keyOf(asked.sealed);
    const value = this.#secrets.valueOf(asked.sealed);
    if (raw === undefined || value === undefined) {
      throw refused('it is no sealed secret of this instance');
    }
    const bytes = new Uint8Array(format === 'raw' ? raw : pemBytes(value));
    const key = await subtle.importKey(format, bytes, asked.algorithm, false, asked.usages);
    this.#made += 1;
    const handle = `sealed${this.#made}`;
    this.#handles.set(text, handle);
    this.#keys.set(handle, { key, asked: text });
    for (const [oldest, { asked: oldestAsked }] of this.#keys) {
      if (this.#keys.size <= LIMITS.keysPerInstance) break;
      this.#keys.delete(oldest);
      this.#handles.delete(oldestAsked);
    }
    return { handle, type: key.type };
  }
}

const REMEDY = 'Import the secret with the algorithm that the vendor names, for sign or verify';

function refused(why: string, cause?: unknown): HostError {
  return new HostError('EXTENSION_OUTPUT_INVALID', `Cannot use the sealed key: ${why}`, {
    remedy: REMEDY,
    cause,
  });
}

function pemBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}
