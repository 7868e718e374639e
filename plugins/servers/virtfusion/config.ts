// What an admin enters for one VirtFusion control server, and what a product and a checkout say, parsed.

import { fail, fingerprint, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: z
    .union([z.hostname(), z.ipv6()])
    .meta({ label: 'VirtFusion host', description: 'Name or address of the control server' }),
  port: z.int().min(1).max(65_535).default(443).meta({ label: 'Port' }),
  apiToken: secret({ label: 'API token', minLength: 16 }),
  fingerprint: fingerprint(),
});

/** The parsed config; the token is a placeholder. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type VirtFusionContext = Context<Config>;

/** Where the control server answers, without a path. */
export function originOf({ host, port }: Config): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === 443 ? `https://${name}` : `https://${name}:${port}`;
}

const id = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const settings = z.object({
  packageId: id,
  groupId: id,
  ipv4: z.coerce.number().int().min(0).max(256).default(1),
  osIds: z.preprocess((value) => [value].flat(), z.array(id).min(1).max(200)),
  sendMail: z
    .union([z.boolean(), z.enum(['0', '1', 'true', 'false'])])
    .transform((value) => value === true || value === '1' || value === 'true')
    .default(false),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  const parsed = settings.safeParse(present(values, Object.keys(values)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fail('invalid_input', `Product setting "${issue?.path.join('.')}": ${issue?.message}`, {
    remedy: 'Correct the setting of the product',
  });
}

const checkout = z.object({
  hostname: z
    .string()
    .regex(
      /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i,
      'must be a DNS name such as web1.example.com',
    )
    .transform((name) => name.toLowerCase())
    .optional(),
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

/**
 * Reads the three names that a customer may set, so that nothing else of theirs is ever sent.
 *
 * @throws {ExtensionFailure} `invalid_input` that names the field
 */
export function parseCheckout(values: JsonObject, product: Settings): Checkout {
  const [problem] = checkoutProblems(values, product);
  if (problem !== undefined) throw fail('invalid_input', `"${problem.field}" ${problem.message}`);
  const { hostname, os = product.osIds[0] ?? 0, sshKey } = checkout.parse(present(values, NAMES));
  return { hostname, osId: os, sshKey };
}

/** What is wrong with a customer's values, by field. */
export function checkoutProblems(
  values: JsonObject,
  { osIds }: Settings,
): { field: string; message: string }[] {
  const parsed = checkout.safeParse(present(values, NAMES));
  if (!parsed.success)
    return parsed.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
  const { os } = parsed.data;
  if (os === undefined && osIds.length > 1)
    return [{ field: 'os', message: 'must be chosen: the product offers several' }];
  if (os !== undefined && !osIds.includes(os))
    return [{ field: 'os', message: 'must be one that the product offers' }];
  return [];
}

const NAMES = ['hostname', 'os', 'sshKey'];

/** The named values that a form really filled in. */
function present(values: JsonObject, names: readonly string[]): JsonObject {
  const entries = names.map((name) => [name, values[name]] as const);
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined && value !== null && value !== ''),
  ) as JsonObject;
}
