// What an admin enters for one VirtFusion control server, and what a product and a checkout say, parsed.

import {
  fingerprint,
  flag,
  hostName,
  panelHost,
  panelPort,
  problemFailure,
  readChoices,
  readOffered,
  readSettings,
  secret,
  whole,
  z,
} from 'cofferdam/sdk';
import type { Context, JsonObject, Problem } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelHost({
    label: 'VirtFusion host',
    description: 'Name or address of the control server',
  }),
  port: panelPort(443),
  apiToken: secret({ label: 'API token', minLength: 16 }),
  fingerprint: fingerprint(),
});

/** The parsed config; the token is a placeholder. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type VirtFusionContext = Context<Config>;

const id = whole(1, Number.MAX_SAFE_INTEGER);
const settings = z.object({
  packageId: id,
  groupId: id,
  ipv4: whole(0, 256).default(1),
  osIds: z.preprocess((value) => [value].flat(), z.array(id).min(1).max(200)),
  sendMail: flag().default(false),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  return readSettings(settings, values);
}

const checkout = z.object({
  hostname: hostName().optional(),
  os: id.optional(),
  sshKey: z
    .string()
    .trim()
    .max(4_000)
    .regex(
      /^(?:ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/=]+(?: [^\n]*)?$/,
      'must be one public key in OpenSSH form',
    )
    .optional(),
});

/** What the customer chose, parsed. */
export type Checkout = {
  readonly hostname?: string | undefined;
  readonly osId: number;
  readonly sshKey?: string | undefined;
};

/** Reads what the customer chose, or what is wrong with it: an operating system that is not offered. */
export function readCheckout(
  values: JsonObject,
  { osIds }: Settings,
): { readonly choices: Checkout } | { readonly problems: readonly Problem[] } {
  const read = readChoices(checkout, values);
  if ('problems' in read) return read;
  const { os, ...others } = read.choices;
  const offered = readOffered(osIds, { field: 'os', value: os });
  return 'choice' in offered ? { choices: { ...others, osId: offered.choice } } : offered;
}

/** @throws {ExtensionFailure} `invalid_input` that names the field */
export function parseCheckout(values: JsonObject, product: Settings): Checkout {
  const read = readCheckout(values, product);
  if ('choices' in read) return read.choices;
  throw problemFailure(read.problems);
}
