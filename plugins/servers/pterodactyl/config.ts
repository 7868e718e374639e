// What an admin enters for one Pterodactyl panel, and the settings of a product, parsed.

import { fingerprint, flag, panelAddress, readSettings, secret, whole, z } from 'cofferdam/sdk';
import type { Context, Json, JsonObject } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  host: panelAddress('https://panel.example.com'),
  apiKey: secret({
    label: 'Application API key',
    description: 'Begins with ptla_; made under Admin, Application API',
    minLength: 16,
    maxLength: 200,
  }),
  clientKey: secret({
    label: 'Client API key of an administrator',
    description: 'Optional, begins with ptlc_: for usage and the power buttons',
    minLength: 16,
    maxLength: 200,
  }).optional(),
  externalIdPrefix: z
    .string()
    .regex(/^[A-Za-z0-9_:-]{0,40}$/, 'may have letters, digits, "_", ":" and "-" only')
    .default('')
    .meta({
      label: 'Prefix of external ids',
      description:
        'Set it when another panel sells servers on the same Pterodactyl; never change it',
    }),
  fingerprint: fingerprint(),
});

/** The parsed config; the secrets are placeholders. */
export type Config = z.output<typeof config>;

/** The context of every handler of this extension. */
export type PterodactylContext = Context<Config>;

/** Begins the names of product settings and checkout fields that set an egg's variable. */
export const VARIABLE = 'env_';

const ID_MAX = 2_147_483_647;
/** A list, or its items in one text. */
const list = z
  .union([z.array(z.union([z.string(), z.number()])), z.string(), z.number()])
  .transform((value) =>
    (Array.isArray(value) ? value : String(value).split(/[\s,]+/))
      .map((each) => String(each).trim())
      .filter((each) => each !== ''),
  );
const listOf = <T extends z.ZodType<unknown, string>>(item: T, max: number) =>
  list.pipe(z.array(item).max(max)).prefault([]);

const idText = z.string().transform(Number).pipe(z.int().min(1).max(ID_MAX));

/** Ports from the first to the last, both included. */
export type PortRange = { readonly from: number; readonly to: number };

const port = z
  .string()
  .transform((text) => readRange(text))
  .refine((range) => range !== undefined, 'must be ports or ranges, such as "25565-25600"')
  .transform((range) => range ?? { from: 0, to: 0 });

const variableName = z.string().regex(/^\w{1,191}$/, 'must be names of variables');
const portVariable = z
  .string()
  .regex(
    /^\w{1,191}(?:=\d{1,5}(?:-\d{1,5})?)?$/,
    'must look like "QUERY_PORT" or "RCON=27015-27100"',
  )
  .transform((text) => {
    const [name = '', range = ''] = text.split('=');
    return { name, range: readRange(range) };
  });

/** What the admin set for a product; the names of `productConfig`. */
const settings = z.object({
  locationIds: listOf(idText, 100),
  nodeId: whole(1, ID_MAX).optional(),
  nestId: whole(1, ID_MAX),
  eggId: whole(1, ID_MAX),
  dockerImage: z.string().max(191).optional(),
  startup: z.string().max(10_000).optional(),
  memoryMiB: whole(0, 16_777_216),
  swapMiB: whole(-1, 16_777_216).default(0),
  diskMiB: whole(0, 1_073_741_824),
  cpuPercent: whole(0, 1_000_000).default(0),
  io: whole(10, 1000).default(500),
  cpuPinning: z
    .string()
    .regex(/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/, 'must look like "0-1,3"')
    .optional(),
  databases: whole(0, 10_000).default(0),
  backups: whole(0, 10_000).default(0),
  extraAllocations: whole(0, 10_000).default(0),
  portVariables: listOf(portVariable, 50),
  portRange: listOf(port, 50),
  dedicatedIp: flag().default(false),
  skipScripts: flag().default(false),
  startOnCompletion: flag().default(false),
  oomKiller: flag().default(false),
  customerVariables: listOf(variableName, 100),
});

/** A product's settings, parsed; `variables` by their name at the egg. */
export type Settings = z.output<typeof settings> & {
  readonly variables: Readonly<Record<string, string>>;
};

/** @throws {ExtensionFailure} `invalid_input` that names the setting */
export function parseSettings(values: JsonObject): Settings {
  return { ...readSettings(settings, values), variables: readVariables(values) };
}

/** The `env_…` values that a form filled in, by the variable's name. */
export function readVariables(values: JsonObject): Record<string, string> {
  const found = Object.entries(values).filter(
    ([name, value]) =>
      name.startsWith(VARIABLE) && value !== null && value !== '' && typeof value !== 'object',
  );
  return Object.fromEntries(
    found.map(([name, value]) => [name.slice(VARIABLE.length), textOf(value)]),
  );
}

/** As an egg's variable says it: switches are 1 and 0. */
function textOf(value: Json): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return String(value);
}

function readRange(text: string): PortRange | undefined {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  return from >= 1 && from <= to && to <= 65_535 ? { from, to } : undefined;
}
