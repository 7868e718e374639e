// What an admin enters for one Enhance cluster, and the settings of a product, parsed.

import { fingerprint, panelHost, panelPort, readSettings, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelHost({
    label: 'Enhance host',
    description: 'Name of the control panel, such as cp.example.com',
  }),
  port: panelPort(443),
  orgId: z
    .uuid()
    .meta({ label: 'Organisation ID', description: 'The organisation that sells: yours' }),
  accessToken: secret({ label: 'Access token', minLength: 8 }),
  loginHost: z.hostname().optional().meta({
    label: 'Host of logins',
    description: 'Where customers log in, when that is another name than the host above',
  }),
  fingerprint: fingerprint(),
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
  plan: z.coerce.number('must be the id of a plan').int().min(1),
  serverGroup: z.uuid('must be the id of a server group').optional(),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  return readSettings(settings, values, 'Choose a plan of Enhance in the settings of the product');
}
