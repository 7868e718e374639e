// What an admin enters for one DirectAdmin server, and the values of a product and of a checkout, parsed.

import { fail, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: z.union([z.hostname(), z.ipv6()]).meta({
    label: 'DirectAdmin host',
    description: 'Name of the server, such as server1.example.com',
  }),
  port: z.int().min(1).max(65_535).default(2222).meta({ label: 'Port' }),
  username: z
    .string()
    .regex(/^[a-z][a-z0-9]{1,31}$/, 'must be the name of an admin or a reseller')
    .meta({ label: 'User', description: 'The admin or reseller who owns the users' }),
  loginKey: secret({
    label: 'Login key',
    description: 'A login key of that user; see the README for the commands it needs',
    minLength: 8,
  }),
  fingerprint: z
    .string()
    .regex(/^(?:[0-9A-Fa-f]{2}:?){32}$/, 'must be a SHA-256 fingerprint: 32 pairs of hex digits')
    .optional()
    .meta({
      label: 'Certificate fingerprint',
      description: 'SHA-256, for a certificate that no public authority signed; see the README',
      tls: 'fingerprint',
    }),
});

/** The parsed config; the secret is a placeholder. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type DirectAdminContext = Context<Config>;

/** What the admin set for a product; the names of `productConfig`. */
const settings = z.object({
  package: z.string().trim().min(1, 'has no value').max(200),
  ip: z.union([z.ipv4(), z.ipv6()], 'must be an address of the server'),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  const parsed = settings.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fail('invalid_input', `Product setting "${issue?.path.join('.')}": ${issue?.message}`, {
    remedy: 'Choose a user package and an address in the settings of the product',
  });
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const TOP = '(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})';
const DOMAIN = new RegExp(`^(?=.{4,253}$)${LABEL}(?:\\.${LABEL})*\\.${TOP}$`);

/**
 * The domain of a checkout as DirectAdmin writes it: lower case, international names in ASCII form.
 *
 * No other value of the checkout is read: a customer can never change what the admin set.
 *
 * @returns The domain, or what is wrong with it
 */
export function readDomain({ domain }: JsonObject): { domain: string } | { problem: string } {
  if (domain === undefined || domain === null || domain === '') return { problem: 'has no value' };
  const text = typeof domain === 'string' ? domain.trim() : '';
  if (text === '' || text.length > 253 || /[^\p{L}\p{M}\p{N}.-]/u.test(text))
    return { problem: 'must be a domain name such as example.com, with no scheme and no path' };
  const ascii = URL.parse(`http://${text}`)?.hostname.replace(/\.$/, '') ?? '';
  if (!DOMAIN.test(ascii)) return { problem: 'must be a domain name such as example.com' };
  if (ascii.startsWith('www.')) return { problem: 'must be the name without "www."' };
  return { domain: ascii };
}

/** @throws {ExtensionFailure} `invalid_input` that names the field */
export function parseDomain(checkout: JsonObject): string {
  const read = readDomain(checkout);
  if ('domain' in read) return read.domain;
  throw fail('invalid_input', `"domain" ${read.problem}`, {
    remedy: 'Correct the domain of the order',
  });
}
