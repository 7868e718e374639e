// What an admin enters for one WHM server, and the settings of a product, parsed.

import { fingerprint, flag, panelHost, panelPort, readSettings, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelHost({
    label: 'WHM host',
    description: 'Name of the server, such as server1.example.com',
  }),
  port: panelPort(2087),
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

/** What the admin set for a product; the names of `productConfig`. */
const settings = z.object({
  package: z.string().trim().min(1, 'has no value').max(200),
  dedicatedIp: flag().default(false),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  return readSettings(settings, values, 'Choose a WHM package in the settings of the product');
}
