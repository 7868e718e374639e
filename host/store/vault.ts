// Secrets at rest: AES-256-GCM under the master key, bound to the place they belong to.
// A sealed value that is moved to another instance or field does not open. What the store keeps of them is
// listed in sealed.ts, for a new master key.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { HostError } from '../errors.ts';

/** A secret as it is stored. */
export type SealedValue = { readonly $sealed: string };

/** Where a secret belongs: `category/name/instance` and the config field. */
export type SecretPlaceKey = { readonly instance: string; readonly field: string };

/** Seals and opens secrets. */
export type Vault = {
  seal(value: string, place: SecretPlaceKey): SealedValue;
  /** @throws {HostError} `HOST_STORE_FAILED` when the key or the place is not the one it was sealed for */
  open(sealed: SealedValue, place: SecretPlaceKey): string;
};

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param masterKey 32 bytes */
export function createVault(masterKey: Uint8Array): Vault {
  const bound = ({ instance, field }: SecretPlaceKey): Buffer =>
    Buffer.from(JSON.stringify([instance, field]));
  return {
    seal(value, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', masterKey, nonce).setAAD(bound(place));
      const body = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
      return { $sealed: Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64') };
    },
    open({ $sealed }, place) {
      const bytes = Buffer.from($sealed, 'base64');
      try {
        const nonce = bytes.subarray(0, NONCE_BYTES);
        const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
        const decipher = createDecipheriv('aes-256-gcm', masterKey, nonce);
        decipher.setAAD(bound(place)).setAuthTag(tag);
        const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
        return Buffer.concat([body, decipher.final()]).toString('utf8');
      } catch (error) {
        throw new HostError(
          'HOST_STORE_FAILED',
          `Cannot open secret "${place.field}" of "${place.instance}": it was sealed with another master key`,
          {
            remedy: 'Start with the right COFFERDAM_MASTER_KEY, or set the secret again',
            cause: error,
          },
        );
      }
    },
  };
}

/** Whether a stored config value is a sealed secret. */
export function isSealed(value: unknown): value is SealedValue {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { $sealed?: unknown }).$sealed === 'string'
  );
}
