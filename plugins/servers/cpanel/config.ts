// What an admin enters for one WHM server, and the values of a product and of a checkout, parsed.

import { fail, fingerprint, secret, z } from 'cofferdam/sdk';
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
  fingerprint: fingerprint(),
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
