// Keys made of sealed secrets: the guest signs and verifies with bytes that never leave the host.

import { webcrypto } from 'node:crypto';

import * as z from 'zod';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Capability } from './capability.ts';
import type { SecretBook } from './secrets.ts';

const { subtle } = webcrypto;
const packed = z.object({ $b: z.base64() });
const algorithm = z.looseObject({ name: z.string().max(50) });
const data = z.base64().max(LIMITS.askChars);
const request = z.discriminatedUnion('op', [
  z.object({
    op: z.literal('import'),
    sealed: z.string().max(100),
    format: z.enum(['raw', 'raw-secret', 'pkcs8', 'spki']),
    algorithm,
    usages: z.array(z.enum(['sign', 'verify'])).max(2),
  }),
  z.object({ op: z.literal('sign'), handle: z.string().max(50), algorithm, data }),
  z.object({
    op: z.literal('verify'),
    handle: z.string().max(50),
    algorithm,
    data,
    signature: z.base64().max(20_000),
  }),
]);

/** Makes the `crypto` capability of one isolate. */
export function createSealedKeys(secrets: SecretBook): Capability {
  const keys = new Map<string, CryptoKey>();
  const find = (handle: string): CryptoKey => {
    const key = keys.get(handle);
    if (key !== undefined) return key;
    throw new HostError('EXTENSION_OUTPUT_INVALID', 'The key is gone');
  };
  return async (payload) => {
    const parsed = request.safeParse(payload);
    if (!parsed.success) throw refused('the request does not fit');
    const asked = parsed.data;
    try {
      if (asked.op === 'sign') {
        const bytes = Buffer.from(asked.data, 'base64');
        const signature = await subtle.sign(unpack(asked.algorithm), find(asked.handle), bytes);
        return { value: { signature: Buffer.from(signature).toString('base64') } };
      }
      if (asked.op === 'verify') {
        const bytes = Buffer.from(asked.data, 'base64');
        const signature = Buffer.from(asked.signature, 'base64');
        const key = find(asked.handle);
        return {
          value: { valid: await subtle.verify(unpack(asked.algorithm), key, signature, bytes) },
        };
      }
      if (keys.size >= LIMITS.keysPerInstance) throw refused('too many keys are held');
      const value = secrets.valueOf(asked.sealed);
      if (value === undefined) throw refused('it is no sealed secret of this instance');
      const format = asked.format === 'raw-secret' ? 'raw' : asked.format;
      const bytes = new Uint8Array(format === 'raw' ? Buffer.from(value) : pemBytes(value));
      const named = unpack(asked.algorithm);
      const key = await subtle.importKey(format, bytes, named, false, asked.usages);
      const handle = `sealed${keys.size + 1}`;
      keys.set(handle, key);
      return { value: { handle, type: key.type } };
    } catch (error) {
      if (error instanceof HostError) throw error;
      // Messages of webcrypto can quote what they were given.
      throw refused('the algorithm and the secret do not fit each other');
    }
  };
}

function refused(why: string): HostError {
  return new HostError('EXTENSION_OUTPUT_INVALID', `Cannot use the sealed key: ${why}`, {
    remedy: 'Import the secret with the algorithm that the vendor names, for sign or verify',
  });
}

/** Bytes inside an algorithm come packed. */
function unpack(value: z.infer<typeof algorithm>): { name: string } {
  const entries = Object.entries(value).map(([name, each]) => {
    const bytes = packed.safeParse(each);
    return [name, bytes.success ? Buffer.from(bytes.data.$b, 'base64') : each] as const;
  });
  return { ...Object.fromEntries(entries), name: value.name };
}

function pemBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}
