// What an admin enters for one Enhance cluster, and the values of a product and of a checkout, parsed.

import { fail, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: z.union([z.hostname(), z.ipv6()]).meta({
    label: 'Enhance host',
    description: 'Name of the control panel, such as cp.example.com',
  }),
  port: z.int().min(1).max(65_535).default(443).meta({ label: 'Port' }),
  orgId: z
    .uuid()
    .meta({ label: 'Organisation ID', description: 'The organisation that sells: yours' }),
  accessToken: secret({ label: 'Access token', minLength: 8 }),
  loginHost: z.hostname().optional().meta({
    label: 'Host of logins',
    description: 'Where customers log in, when that is another name than the host above',
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
  mark: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 of a-z, 0-9 and "-"')
    .default('cofferdam')
    .meta({
      label: 'Mark',
      description: 'Names this panel in Enhance; two panels on one cluster need two marks',
    }),
  adoptCustomers: z.boolean().default(false).meta({
    label: 'Take over customers',
    description:
      'Use an organisation or a login that exists with exactly the same e-mail address. Only when the panel checks addresses: who has the address gets a login',
  }),
  removeCustomers: z.boolean().default(true).meta({
    label: 'Remove empty customers',
    description: 'Remove an organisation that this extension made with its last subscription',
  }),
  wipe: z.boolean().default(false).meta({
    label: 'Wipe data on termination',
    description:
      'Off: Enhance keeps what is removed until you wipe it, and its domains stay taken. On: gone for good; needs a token of the master organisation',
  }),
});

/** The parsed config; the secret is a placeholder. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type EnhanceContext = Context<Config>;

const settings = z.object({
  plan: z.coerce.number('has no value').int().min(1),
  serverGroup: z
    .uuid()
    .or(z.literal(''))
    .optional()
    .transform((value) => (value === '' ? undefined : value)),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  const given = Object.entries(values).filter(([, value]) => value !== null);
  const parsed = settings.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fail('invalid_input', `Product setting "${issue?.path.join('.')}": ${issue?.message}`, {
    remedy: 'Choose a plan of Enhance in the settings of the product',
  });
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DOMAIN = new RegExp(`^(?=.{4,253}$)(?:${LABEL}\\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$`);

/**
 * The domain of a checkout in lower case, international names in their ASCII form.
 *
 * No other value of the checkout is read: a customer can never change what the admin set.
 *
 * @returns The domain, or what is wrong with it
 */
export function readDomain({ domain }: JsonObject): { domain: string } | { problem: string } {
  if (domain === undefined || domain === null || domain === '') return { problem: 'has no value' };
  const wrong = { problem: 'must be a domain name such as example.com, with no scheme and path' };
  if (typeof domain !== 'string' || domain.length > 253) return wrong;
  const trimmed = domain.trim();
  if (/[^\p{L}\p{M}\p{N}.-]/u.test(trimmed)) return wrong;
  const ascii = URL.parse(`http://${trimmed}`)?.hostname.replace(/\.$/, '') ?? '';
  if (!DOMAIN.test(ascii)) return wrong;
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
