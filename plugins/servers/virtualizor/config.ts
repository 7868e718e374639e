// What an admin enters for one Virtualizor master, and what a product and a checkout say, parsed.

import { fail, fingerprint, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

const port = z.int().min(1).max(65_535);

/** The config form. */
export const config = z.object({
  host: z
    .union([z.hostname(), z.ipv6()])
    .meta({ label: 'Virtualizor host', description: 'Name or address of the master' }),
  port: port.default(4085).meta({ label: 'Admin port', description: 'The one with TLS' }),
  clientPort: port
    .default(4083)
    .meta({ label: 'Customer port', description: 'Where login links lead' }),
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
  domain: z
    .string()
    .regex(
      /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i,
      'must be a DNS name',
    )
    .max(100)
    .optional(),
});

/** A product's settings, parsed; `plan` is a plan's id or its exact name. */
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
  os: text.optional(),
});

/** What the customer chose, parsed. */
export type Checkout = { readonly hostname?: string | undefined; readonly osId: string };

/**
 * Reads the two names that a customer may set, so that nothing else of theirs is ever sent.
 *
 * @throws {ExtensionFailure} `invalid_input` that names the field
 */
export function parseCheckout(values: JsonObject, product: Settings): Checkout {
  const [problem] = checkoutProblems(values, product);
  if (problem !== undefined) throw fail('invalid_input', `"${problem.field}" ${problem.message}`);
  const { hostname, os = product.osIds[0] ?? '' } = checkout.parse(present(values, NAMES));
  return { hostname, osId: os };
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

const NAMES = ['hostname', 'os'];

/** The named values that a form really filled in. */
function present(values: JsonObject, names: readonly string[]): JsonObject {
  const entries = names.map((name) => [name, values[name]] as const);
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined && value !== null && value !== ''),
  ) as JsonObject;
}
