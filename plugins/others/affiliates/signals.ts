// By what two accounts of one person look alike, as salted hashes: an address is never kept.

import { textOf } from 'cofferdam/sdk';
import type { Json, JsonObject, Storage } from 'cofferdam/sdk';

import { objectAt } from './events.ts';
import { amend, KEYS } from './keep.ts';

/** Mailboxes that ignore dots, and what follows a plus, in the name. */
const DOTLESS = new Set(['gmail.com', 'googlemail.com']);
const HASH_CHARS = 22;

/** The signals of a user: `email:…`, `phone:…`, `address:…`, `ip:…`, `payment:…`. */
export async function signalsOf(storage: Storage, traits: JsonObject): Promise<string[]> {
  const plain = Object.entries({
    email: normalEmail(textOf(traits['email'])),
    phone: normalPhone(textOf(traits['phone'])),
    address: normalAddress(objectAt(traits, 'address')),
    ip: textOf(traits['ip'])?.toLowerCase(),
    payment: textOf(traits['paymentFingerprint']),
  }).flatMap(([kind, value]) => (value === undefined ? [] : [{ kind, value }]));
  if (plain.length === 0) return [];
  const salt = await readSalt(storage);
  return await Promise.all(
    plain.map(async ({ kind, value }) => `${kind}:${await hash(`${salt}:${kind}:${value}`)}`),
  );
}

/** A short hash of a text, not to be turned back without the salt of this instance. */
export async function hashText(storage: Storage, text: string): Promise<string> {
  return await hash(`${await readSalt(storage)}:${text}`);
}

async function readSalt(storage: Storage): Promise<string> {
  const known = await storage.get<string>(KEYS.salt);
  if (known !== null) return known;
  const made = crypto.getRandomValues(new Uint8Array(24)).toHex();
  return (await amend<string>(storage, KEYS.salt, (current) => current ?? made)) ?? made;
}

async function hash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64({ alphabet: 'base64url' }).slice(0, HASH_CHARS);
}

function normalEmail(email: string | undefined): string | undefined {
  const at = email?.lastIndexOf('@') ?? -1;
  if (email === undefined || at < 1) return undefined;
  const domain = email.slice(at + 1).toLowerCase();
  const [name = ''] = email.slice(0, at).toLowerCase().split('+');
  if (!DOTLESS.has(domain)) return `${name}@${domain}`;
  return `${name.replaceAll('.', '')}@gmail.com`;
}

function normalPhone(phone: string | undefined): string | undefined {
  const digits = (phone ?? '').replaceAll(/\D/g, '').replace(/^00/, '');
  return digits.length < 6 ? undefined : digits;
}

/** A street and a postcode: a town alone is shared by many. */
function normalAddress(address: JsonObject | undefined): string | undefined {
  const squeeze = (value: Json | undefined): string =>
    (textOf(value) ?? '').toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
  const line = squeeze(address?.['line1']);
  const postcode = squeeze(address?.['postcode']);
  return line === '' || postcode === '' ? undefined : `${line}|${postcode}`;
}
