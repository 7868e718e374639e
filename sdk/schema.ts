// Config schemas: zod as `z`, and `secret` for values that the guest may use but never read.

import * as z from 'zod';

export { z };

/**
 * Marks a config field as a secret.
 *
 * The handler gets a placeholder (`sealed:…`); the host puts the real value in when a request leaves
 * for a host and a place that the manifest names under `secrets`. The checks named here run in the
 * host, because the guest never has the value.
 *
 * @param meta.label What the admin sees above the field
 * @param meta.startsWith Accepted beginnings, such as `sk_` and `rk_`
 * @param meta.key How the value spells the bytes of a key, for `crypto.subtle.importKey('raw', …)`: `base64`
 *   is base64, after `whsec_` when that is there (Standard Webhooks); the default is the text itself, as UTF-8
 * @param meta.multiline A textarea instead of a password field, for PEM keys
 */
export function secret(meta: {
  label: string;
  description?: string;
  startsWith?: string | readonly string[];
  minLength?: number;
  maxLength?: number;
  multiline?: boolean;
  key?: 'base64';
}): z.ZodString {
  return z.string().meta({ ...meta, secret: true });
}

/**
 * The field for the SHA-256 fingerprint of a panel's certificate, optional. The host trusts a
 * certificate with it, and no other, when a request leaves for a host that the config names.
 */
export function fingerprint(): z.ZodOptional<z.ZodString> {
  return z
    .string()
    .regex(/^(?:[0-9A-Fa-f]{2}:?){32}$/, 'must be a SHA-256 fingerprint: 32 pairs of hex digits')
    .optional()
    .meta({
      label: 'Certificate fingerprint',
      description: 'SHA-256, for a certificate that no public authority signed; see the README',
      tls: 'fingerprint',
    });
}
