// What an admin enters for one DirectAdmin server, and the settings of a product, parsed.

import { fingerprint, panelHost, panelPort, readSettings, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelHost({
    label: 'DirectAdmin host',
    description: 'Name of the server, such as server1.example.com',
  }),
  port: panelPort(2222),
  username: z
    .string()
    .regex(/^[a-z][a-z0-9]{1,31}$/, 'must be the name of an admin or a reseller')
    .meta({ label: 'User', description: 'The admin or reseller who owns the users' }),
  loginKey: secret({
    label: 'Login key',
    description: 'A login key of that user; see the README for the commands it needs',
    minLength: 8,
  }),
  fingerprint: fingerprint(),
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
  const remedy = 'Choose a user package and an address in the settings of the product';
  return readSettings(settings, values, remedy);
}
