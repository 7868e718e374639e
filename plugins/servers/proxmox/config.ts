// What an admin enters for one Proxmox cluster, and the settings of a product, parsed.

import {
  fail,
  fingerprint,
  flag,
  hostName,
  panelHost,
  panelPort,
  problemFailure,
  readChoices,
  readSettings,
  secret,
  whole,
  z,
} from 'cofferdam/sdk';
import type { Context, JsonObject, Problem } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelHost({
    label: 'Proxmox host',
    description: 'Name or address of one node of the cluster',
  }),
  port: panelPort(8006),
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
const optional = text.min(1).optional();

/** What the admin set for a product; the names of `productConfig`. */
const settings = z.object({
  node: text.min(1),
  type: z.enum(['qemu', 'lxc']).default('qemu'),
  source: z.enum(['clone', 'iso', 'template']).default('clone'),
  template: whole(100, 999_999_999).optional(),
  iso: optional,
  ostemplate: optional,
  storage: optional,
  disk: z.enum(['scsi', 'virtio', 'sata', 'ide']).default('scsi'),
  cores: whole(1, 512).default(1),
  sockets: whole(1, 4).default(1),
  memoryMiB: whole(16, 16_777_216).default(1_024),
  swapMiB: whole(0, 1_048_576).default(512),
  diskGiB: whole(1, 128_000).default(10),
  bridge: text.min(1).default('vmbr0'),
  vlan: whole(1, 4_094).optional(),
  rateMbps: whole(1, 1_000_000).optional(),
  firewall: flag().default(false),
  pool: optional,
  cpu: optional,
  ostype: optional,
  cloudInit: flag().default(true),
  user: optional,
  ipConfig: text.default('ip=dhcp'),
  start: flag().default(true),
});

/** A product's settings, parsed. */
export type Settings = z.output<typeof settings>;

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  const data = readSettings(settings, values);
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
  hostname: hostName(63).optional(),
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
  const read = readChoices(checkout, values);
  if ('choices' in read) return read.choices;
  throw problemFailure(read.problems);
}

/** What is wrong with a customer's values, by field. */
export function checkoutProblems(values: JsonObject): readonly Problem[] {
  const read = readChoices(checkout, values);
  return 'choices' in read ? [] : read.problems;
}
