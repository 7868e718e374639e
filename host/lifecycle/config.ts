// The config of one instance: what an admin sends, what is kept, what a guest is handed. Pure but for
// the vault. A secret is written once and never shown again.

import { HostError } from '../errors.ts';
import { isSealed } from '../store/vault.ts';
import type { Vault } from '../store/vault.ts';
import type { Description, FieldSchema } from './compiled.ts';
import { isSecret, secretFields } from './fields.ts';
import { configError } from './own-calls.ts';
import type { FieldIssue } from './own-calls.ts';

/** What a secret reads as. */
export const MASK = '********';

type Values = Readonly<Record<string, unknown>>;

/** Stored values as an admin sees them. */
export function maskConfig(stored: Values): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(stored).map(([name, value]) => [name, isSealed(value) ? MASK : value]),
  );
}

/** Stored values with their secrets in the clear: never leaves the host. */
export function openConfig(
  stored: Values,
  instance: string,
  vault: Vault,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(stored).map(([field, value]) => [
      field,
      isSealed(value) ? vault.open(value, { instance, field }) : value,
    ]),
  );
}

/**
 * What is to be kept after an admin sent `values`: they replace the config; `"********"` keeps a secret.
 *
 * @throws {HostError} `CALLER_CONFIG_INVALID` that names every unknown field and every unfit secret
 */
export function mergeConfig(
  values: Values,
  stored: Values,
  { description, instance, vault }: { description: Description; instance: string; vault: Vault },
): Record<string, unknown> {
  const properties = description.config?.properties ?? {};
  const issues: FieldIssue[] = [];
  const merged: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(values)) {
    const schema = Object.hasOwn(properties, field) ? properties[field] : undefined;
    if (schema === undefined) {
      const known = Object.keys(properties).join(', ') || 'none';
      issues.push({
        field,
        message: `is not a field of this extension: known fields are ${known}`,
      });
    } else if (!isSecret(schema)) {
      merged[field] = value;
    } else if (value === MASK) {
      if (isSealed(stored[field])) merged[field] = stored[field];
      else
        issues.push({
          field,
          message: `is "${MASK}", but no value is stored yet: send the secret`,
        });
    } else if (value !== null && value !== '') {
      const message = checkSecret(value, schema);
      if (message === undefined) merged[field] = vault.seal(String(value), { instance, field });
      else issues.push({ field, message });
    }
  }
  if (issues.length > 0) throw configError(issues);
  return merged;
}

/** Values for a guest to check: secrets as stand-ins that tell nothing. */
export function standInConfig(stored: Values, description: Description): Record<string, unknown> {
  const secrets = new Set(secretFields(description));
  return Object.fromEntries(
    Object.entries(stored).map(([name, value]) => [
      name,
      secrets.has(name) ? 'sealed:check' : value,
    ]),
  );
}

/** The guest never sees a secret, so its rules are checked here; the message never quotes it. */
function checkSecret(value: unknown, schema: FieldSchema): string | undefined {
  if (typeof value !== 'string') return 'must be text';
  const inner = schema.anyOf?.find((option) => option.type === 'string') ?? schema;
  const { minLength = 1, maxLength = 16_384 } = { ...schema, ...inner };
  if (value.length < minLength) return `must have at least ${minLength} characters`;
  if (value.length > maxLength) return `must have at most ${maxLength} characters`;
  if (/[\0]/.test(value)) return 'must not contain a null character';
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  if ({ ...schema, ...inner }.key === 'base64' && !isBase64.test(value.replace(/^whsec_/, ''))) {
    return 'must be base64 (after "whsec_" when it begins with that)';
  }
  const starts = schema.startsWith ?? inner.startsWith;
  const wanted = starts === undefined || typeof starts === 'string' ? starts : [...starts];
  const all = typeof wanted === 'string' ? [wanted] : (wanted ?? []);
  if (all.length > 0 && !all.some((start) => value.startsWith(start))) {
    return `must start with ${all.map((start) => `"${start}"`).join(' or ')}`;
  }
  return undefined;
}

/** @throws {HostError} `CALLER_CONFIG_MISSING` when a required field has no value */
export function assertComplete(stored: Values, description: Description, subject: string): void {
  const { properties = {}, required = [] } = description.config ?? {};
  const missing = required.filter(
    (name) => properties[name]?.default === undefined && stored[name] === undefined,
  );
  if (missing.length === 0) return;
  const names = missing.map((name) => `"${name}"`).join(', ');
  throw new HostError(
    'CALLER_CONFIG_MISSING',
    `Cannot enable "${subject}": config field ${names} has no value`,
    { remedy: 'Send the config first: PUT …/config', details: { fields: missing } },
  );
}
