// What an admin enters for one Proxmox cluster, and the settings of a product, parsed.

import { fail, fingerprint, secret, z } from 'cofferdam/sdk';
import type { Context, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: z
    .union([z.hostname(), z.ipv6()])
    .meta({ label: 'Proxmox host', description: 'Name or address of one node of the cluster' }),
  port: z.int().min(1).max(65_535).default(8006).meta({ label: 'Port' }),
  tokenId: z
    .string()
    .regex(/^[^\s@!:]+@[^\s@!:]+![A-Za-z][\w.-]*$/, 'must look like "user@realm!token"')
    .meta({ label: 'API token ID', description: 'user@realm!token' }),
  tokenSecret: secret({ label: 'API token secret', minLength: 8 }),
  fingerprint: fingerprint(),
});

/** The parsed config; the secret is a placeholder. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type ProxmoxContext = Context<Config>;

const text = z.string().trim().max(200);
const optional = text.optional().transform((value) => (value === '' ? undefined : value));
const number = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const flag = z
  .union([z.boolean(), z.enum(['0', '1', 'true', 'false'])])
  .transform((value) => value === true || value === '1' || value === 'true');

/** What the admin set for a product; the names of `productConfig`. */
const settings = z.object({
  node: text.min(1),
  type: z.enum(['qemu', 'lxc']).default('qemu'),
  source: z.enum(['clone', 'iso', 'template']).default('clone'),
  template: number(100, 999_999_999).optional(),
  iso: optional,
  ostemplate: optional,
  storage: optional,
  disk: z.enum(['scsi', 'virtio', 'sata', 'ide']).default('scsi'),
  cores: number(1, 512).default(1),
  sockets: number(1, 4).default(1),
  memoryMiB: number(16, 16_777_216).default(1_024),
  swapMiB: number(0, 1_048_576).default(512),
  diskGiB: number(1, 128_000).default(10),
  bridge: text.min(1).default('vmbr0'),
  vlan: number(1, 4_094).optional(),
  rateMbps: number(1, 1_000_000).optional(),
  firewall: flag.default(false),
  pool: optional,
  cpu: optional,
  ostype: optional,
  cloudInit: flag.default(true),
  user: optional,
  ipConfig: text.default('ip=dhcp'),
  start: flag.default(true),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  const given = Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== '' && value !== null),
  );
  const parsed = settings.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fail('invalid_input', `Product setting "${issue?.path.join('.')}": ${issue?.message}`, {
      remedy: 'Correct the setting of the product',
    });
  }
  const { data } = parsed;
  const wanted =
    data.source === 'clone' ? 'template' : data.type === 'lxc' ? 'ostemplate' : undefined;
  if (data.source !== 'clone' && data.storage === undefined) throw missing('storage');
  if (wanted !== undefined && data[wanted] === undefined) throw missing(wanted);
  return data;
}

function missing(name: string) {
  return fail('invalid_input', `Product setting "${name}" has no value`, {
    remedy: 'Set it on the product',
  });
}

const checkout = z.object({
  hostname: z
    .string()
    .regex(
      /^(?=.{1,63}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i,
      'must be a DNS name of at most 63 characters',
    )
    .optional(),
  sshKeys: z
    .string()
    .max(16_000)
    .refine(
      (value) =>
        value
          .split('\n')
          .every(
            (line) =>
              line.trim() === '' ||
              /^(?:ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/=]+(?: .*)?$/.test(line.trim()),
          ),
      'must be public keys in OpenSSH form, one a line',
    )
    .optional(),
});

/** What the customer chose, parsed. */
export type Checkout = z.output<typeof checkout>;

/** Only these two names are read: a customer can never change what the admin set. */
export function parseCheckout(values: JsonObject): Checkout {
  const problems = checkoutProblems(values);
  const [first] = problems;
  if (first !== undefined) throw fail('invalid_input', `"${first.field}" ${first.message}`);
  return checkout.parse(present(values));
}

/** What is wrong with a customer's values, by field. */
export function checkoutProblems(values: JsonObject): { field: string; message: string }[] {
  const parsed = checkout.safeParse(present(values));
  if (parsed.success) return [];
  return parsed.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
}

function present({ hostname, sshKeys }: JsonObject): JsonObject {
  return {
    ...(hostname === undefined || hostname === '' || hostname === null ? {} : { hostname }),
    ...(sshKeys === undefined || sshKeys === '' || sshKeys === null ? {} : { sshKeys }),
  };
}
