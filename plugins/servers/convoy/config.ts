// What an admin enters for one Convoy panel, and the settings of a product, parsed.

import { fail, fingerprint, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: z
    .string()
    .trim()
    .regex(
      /^(?:https?:\/\/)?(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?\/?$/i,
      'must be a host name, or an address such as "https://convoy.example.com"',
    )
    .meta({ label: 'Panel address', description: 'Such as https://convoy.example.com' }),
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

const number = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const flag = z
  .union([z.boolean(), z.enum(['0', '1', 'true', 'false'])])
  .transform((value) => value === true || value === '1' || value === 'true');
const list = z
  .union([z.array(z.string()), z.string()])
  .transform((value) => (Array.isArray(value) ? value : value.split(/[\s,]+/)))
  .transform((values) => values.map((each) => each.trim()).filter((each) => each !== ''))
  .pipe(z.array(z.guid('must be uuids of templates')).max(500));

/** What the admin set for a product; the names of `productConfig`. */
const settings = z.object({
  nodeId: number(1, 2_147_483_647),
  templates: list.prefault([]),
  cpu: number(1, 512),
  // Convoy takes no server below 16 MiB.
  memoryMiB: number(16, 16_777_216),
  diskGiB: number(1, 1_048_576),
  bandwidthGiB: number(0, 1_048_576).optional(),
  snapshots: number(0, 10_000).optional(),
  backups: number(0, 10_000).optional(),
  ipv4: number(0, 256).default(1),
  ipv6: number(0, 256).default(0),
  startOnCompletion: flag.default(true),
  resetBandwidthOnRenew: flag.default(false),
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
  const parsed = settings.safeParse(withoutEmpty(values));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fail('invalid_input', `Product setting "${String(issue?.path[0])}": ${issue?.message}`, {
    remedy: 'Correct the setting of the product',
  });
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

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';

const checkout = z.object({
  template: z.guid('must be one of the templates'),
  hostname: z
    .string()
    .trim()
    .max(191)
    .regex(
      new RegExp(`^${LABEL}(?:\\.${LABEL})*$`, 'i'),
      'must be a DNS name such as vm1.example.com',
    )
    .transform((name) => name.toLowerCase()),
});

/** What the customer chose, parsed. */
export type Checkout = z.output<typeof checkout>;

/** One thing wrong with a form. */
export type Problem = { readonly field: string; readonly message: string };

/** Only these two names are read: a customer can never change what the admin set. */
export function readCheckout(values: JsonObject): Checkout | readonly Problem[] {
  const parsed = checkout.safeParse(withoutEmpty(values));
  if (parsed.success) return parsed.data;
  return parsed.error.issues.map(({ path, message }) => ({
    field: path.join('.'),
    message: values[String(path[0])] === undefined ? 'must have a value' : message,
  }));
}

function withoutEmpty(values: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== '' && value !== null),
  );
}
