// What an admin enters for one Virtualizor master, and what a product and a checkout say, parsed.

import {
  fingerprint,
  hostName,
  panelHost,
  panelPort,
  problemFailure,
  readChoices,
  readOffered,
  readSettings,
  secret,
  z,
} from 'cofferdam/sdk';
import type { Context, JsonObject, Problem } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelHost({ label: 'Virtualizor host', description: 'Name or address of the master' }),
  port: panelPort(4085, { label: 'Admin port', description: 'The one with TLS' }),
  clientPort: panelPort(4083, { label: 'Customer port', description: 'Where login links lead' }),
  apiKey: secret({ label: 'API key', minLength: 8 }),
  apiPassword: secret({ label: 'API password', minLength: 8 }),
  fingerprint: fingerprint(),
});

/** The parsed config; the secrets are placeholders. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type VirtualizorContext = Context<Config>;

/** What Virtualizor calls its kinds of virtualization. */
export const VIRTS = [
  'kvm',
  'lxc',
  'openvz',
  'xen',
  'xenhvm',
  'xcp',
  'xcphvm',
  'vzk',
  'vzo',
  'proxk',
  'proxl',
  'proxo',
] as const;

const text = z.coerce.string().trim().min(1).max(200);
const settings = z.object({
  virt: z.enum(VIRTS),
  plan: text,
  osIds: z.preprocess((value) => [value].flat(), z.array(text).min(1).max(200)),
  serverGroup: text.optional(),
  domain: hostName(100).optional(),
});

/** A product's settings, parsed; `plan` is a plan's id or its exact name. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  return readSettings(settings, values);
}

const checkout = z.object({ hostname: hostName().optional(), os: text.optional() });

/** What the customer chose, parsed. */
export type Checkout = { readonly hostname?: string | undefined; readonly osId: string };

/** Reads what the customer chose, or what is wrong with it: an operating system that is not offered. */
export function readCheckout(
  values: JsonObject,
  { osIds }: Settings,
): { readonly choices: Checkout } | { readonly problems: readonly Problem[] } {
  const read = readChoices(checkout, values);
  if ('problems' in read) return read;
  const { hostname, os } = read.choices;
  const offered = readOffered(osIds, { field: 'os', value: os });
  return 'choice' in offered ? { choices: { hostname, osId: offered.choice } } : offered;
}

/** @throws {ExtensionFailure} `invalid_input` that names the field */
export function parseCheckout(values: JsonObject, product: Settings): Checkout {
  const read = readCheckout(values, product);
  if ('choices' in read) return read.choices;
  throw problemFailure(read.problems);
}
