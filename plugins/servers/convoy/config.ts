// What an admin enters for one Convoy panel, and the settings of a product, parsed.

import {
  fingerprint,
  flag,
  hostName,
  panelAddress,
  readChoices,
  readSettings,
  secret,
  whole,
  z,
} from 'cofferdam/sdk';
import type { Context, JsonObject, Problem } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelAddress('https://convoy.example.com'),
  apiKey: secret({
    label: 'Application API key',
    description: 'Made in the admin area under Tokens; looks like "1|…"',
    minLength: 16,
    maxLength: 200,
  }),
  namespace: z.string().max(60).default('').meta({
    label: 'Namespace',
    description: 'Set it when another panel sells servers on the same Convoy; never change it',
  }),
  fingerprint: fingerprint(),
});

/** The parsed config; the key is a placeholder. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type ConvoyContext = Context<Config>;

const MIB = 1_048_576;
const GIB = 1_073_741_824;

const list = z
  .union([z.array(z.string()), z.string()])
  .transform((value) => (Array.isArray(value) ? value : value.split(/[\s,]+/)))
  .transform((values) => values.map((each) => each.trim()).filter((each) => each !== ''))
  .pipe(z.array(z.guid('must be uuids of templates')).max(500));

/** What the admin set for a product; the names of `productConfig`. */
const settings = z.object({
  nodeId: whole(1, 2_147_483_647),
  templates: list.prefault([]),
  cpu: whole(1, 512),
  // Convoy takes no server below 16 MiB.
  memoryMiB: whole(16, 16_777_216),
  diskGiB: whole(1, 1_048_576),
  bandwidthGiB: whole(0, 1_048_576).optional(),
  snapshots: whole(0, 10_000).optional(),
  backups: whole(0, 10_000).optional(),
  ipv4: whole(0, 256).default(1),
  ipv6: whole(0, 256).default(0),
  startOnCompletion: flag().default(true),
  resetBandwidthOnRenew: flag().default(false),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** What a product limits, as Convoy counts it: bytes, and null for "unlimited". */
export type Limits = {
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
  readonly snapshots: number | null;
  readonly backups: number | null;
  readonly bandwidth: number | null;
};

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  return readSettings(settings, values);
}

/** The limits of a product. No bandwidth, or 0, means unlimited: at creation and at every change. */
export function limitsOf({ cpu, memoryMiB, diskGiB, ...more }: Settings): Limits {
  const { bandwidthGiB = 0, snapshots = null, backups = null } = more;
  return {
    cpu,
    memory: memoryMiB * MIB,
    disk: diskGiB * GIB,
    snapshots,
    backups,
    bandwidth: bandwidthGiB === 0 ? null : bandwidthGiB * GIB,
  };
}

const checkout = z.object({
  template: z.guid('must be one of the templates'),
  hostname: hostName(191),
});

/** What the customer chose, parsed. */
export type Checkout = z.output<typeof checkout>;

/** Only these two names are read: a customer can never change what the admin set. */
export function readCheckout(
  values: JsonObject,
): { readonly choices: Checkout } | { readonly problems: readonly Problem[] } {
  return readChoices(checkout, values);
}
