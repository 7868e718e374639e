// What an admin enters for one WHM server, and the values of a product and of a checkout, parsed.

import { fail, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: z
    .union([z.hostname(), z.ipv6()])
    .meta({ label: 'WHM host', description: 'Name of the server, such as server1.example.com' }),
  port: z.int().min(1).max(65_535).default(2087).meta({ label: 'Port' }),
  username: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,31}$/, 'must be the name of root or of a reseller')
    .meta({ label: 'WHM user', description: 'root, or the reseller that owns the accounts' }),
  apiToken: secret({ label: 'API token', minLength: 8 }),
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
export type CpanelContext = Context<Config>;

const flag = z
  .union([z.boolean(), z.enum(['0', '1', 'true', 'false', ''])])
  .transform((value) => value === true || value === '1' || value === 'true');

/** What the admin set for a product; the names of `productConfig`. */
const settings = z.object({
  package: z.string().trim().min(1, 'has no value').max(200),
  dedicatedIp: flag.default(false),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
  const parsed = settings.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fail('invalid_input', `Product setting "${issue?.path.join('.')}": ${issue?.message}`, {
    remedy: 'Choose a WHM package in the settings of the product',
  });
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DOMAIN = new RegExp(
  `^(?=.{4,253}$)${LABEL}(?:\\.${LABEL})*\\.(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$`,
);

/**
 * The domain of a checkout as WHM writes it: lower case, international names in their ASCII form.
 *
 * No other value of the checkout is read: a customer can never change what the admin set.
 *
 * @returns The domain, or what is wrong with it
 */
export function readDomain({ domain }: JsonObject): { domain: string } | { problem: string } {
  if (domain === undefined || domain === null || domain === '') return { problem: 'has no value' };
  if (
    typeof domain !== 'string' ||
    domain.length > 253 ||
    /[^\p{L}\p{M}\p{N}.-]/u.test(domain.trim())
  )
    return { problem: 'must be a domain name such as example.com, with no scheme and no path' };
  const ascii = URL.parse(`http://${domain.trim()}`)?.hostname.replace(/\.$/, '') ?? '';
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
