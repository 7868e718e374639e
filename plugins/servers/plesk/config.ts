// What an admin enters for one Plesk server, and the settings of a product, parsed.

import { fail, fingerprint, panelHost, panelPort, readSettings, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelHost({
    label: 'Plesk host',
    description: 'Name of the server, such as plesk.example.com',
  }),
  port: panelPort(8443),
  apiKey: secret({
    label: 'Secret key',
    description: 'Made on the server, see the README; or a login and a password instead',
    minLength: 8,
  }).optional(),
  login: z
    .string()
    .regex(/^[^\s:]{1,60}$/, 'must be a login name, without spaces and colons')
    .optional()
    .meta({ label: 'Login', description: 'Only without a secret key' }),
  password: secret({ label: 'Password', description: 'Only without a secret key' }).optional(),
  fingerprint: fingerprint(),
  mark: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 of a-z, 0-9 and "-"')
    .default('cofferdam')
    .meta({
      label: 'Mark',
      description: 'Names this panel in Plesk; two panels on one server need two marks',
    }),
  adoptCustomers: z.boolean().default(false).meta({
    label: 'Take over customers',
    description:
      'Use a customer that exists with exactly the same e-mail address. Only when the panel checks addresses: who has the address gets a login',
  }),
  removeCustomers: z.boolean().default(true).meta({
    label: 'Remove empty customers',
    description: 'Remove a customer that this extension made when their last site is gone',
  }),
});

/** The parsed config; the secrets are placeholders. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type PleskContext = Context<Config>;

/** The one header with the credentials. @throws {ExtensionFailure} `invalid_config` without any */
export function credentialsOf({ apiKey, login, password }: Config): Record<string, string> {
  if (apiKey !== undefined) return { 'x-api-key': apiKey };
  if (login !== undefined && password !== undefined) {
    return { authorization: `Basic ${btoa(`${login}:${password}`)}` };
  }
  throw fail('invalid_config', '"apiKey" has no value, nor have "login" and "password" both one', {
    remedy: 'Enter a secret key of Plesk, or the login and the password of an administrator',
  });
}

const settings = z.object({
  plan: z.string().trim().min(1, 'has no value').max(255),
  ip: z.union([z.ipv4(), z.ipv6()], 'must be an address of the server').optional(),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  return readSettings(settings, values, 'Choose a plan of Plesk in the settings of the product');
}
