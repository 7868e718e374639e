// What the Pterodactyl panel answers, as far as this extension reads it.
// Source: the transformers of pterodactyl/panel 1.11 under Api/Application and Api/Client.

import { fail, z } from 'cofferdam/sdk';

/** An address and port of a node. */
export const allocation = z.looseObject({
  id: z.number(),
  ip: z.string(),
  alias: z.string().nullish(),
  port: z.number(),
  assigned: z.boolean(),
});

/** An account of the panel. */
export const user = z.looseObject({
  id: z.number(),
  email: z.string(),
  username: z.string(),
  first_name: z.string().nullish(),
  last_name: z.string().nullish(),
  root_admin: z.boolean().default(false),
});

/** A game server; without the right to read a relationship the panel leaves its contents out. */
export const server = z.looseObject({
  id: z.number(),
  external_id: z.string().nullable(),
  uuid: z.string(),
  identifier: z.string(),
  name: z.string(),
  status: z.string().nullable(),
  user: z.number(),
  node: z.number(),
  allocation: z.number(),
  egg: z.number(),
  limits: z.looseObject({ memory: z.number(), disk: z.number(), cpu: z.number() }),
  feature_limits: z.looseObject({}),
  container: z.looseObject({
    startup_command: z.string(),
    image: z.string(),
    // PHP says an empty map as a list.
    environment: z.record(z.string(), z.unknown()).or(z.array(z.unknown()).length(0)),
  }),
  relationships: z
    .looseObject({
      allocations: z.looseObject({
        data: z.array(z.looseObject({ attributes: allocation })).optional(),
      }),
      user: z.looseObject({ attributes: user.nullable() }),
    })
    .partial()
    .optional(),
});

/** A machine that runs game servers; memory and disk in MiB. */
export const node = z.looseObject({
  id: z.number(),
  name: z.string(),
  location_id: z.number(),
  memory: z.number(),
  memory_overallocate: z.number(),
  disk: z.number(),
  disk_overallocate: z.number(),
  allocated_resources: z.looseObject({ memory: z.coerce.number(), disk: z.coerce.number() }),
});

/** A variable of an egg; `rules` in Laravel's words. */
export const variable = z.looseObject({
  name: z.string(),
  description: z.string().nullish(),
  env_variable: z.string(),
  default_value: z.string().nullish(),
  rules: z.string(),
});

/** A kind of game. */
export const egg = z.looseObject({
  id: z.number(),
  name: z.string(),
  docker_image: z.string(),
  docker_images: z.record(z.string(), z.string()).or(z.array(z.string())).optional(),
  startup: z.string(),
  relationships: z
    .looseObject({
      variables: z.looseObject({
        data: z.array(z.looseObject({ attributes: variable })).optional(),
      }),
    })
    .optional(),
});

/** A nest, or an egg in a list. */
export const named = z.looseObject({ id: z.number(), name: z.string() });

/** A group of nodes. */
export const location = z.looseObject({
  id: z.number(),
  short: z.string(),
  long: z.string().nullish(),
});

/** What a server uses now. */
export const stats = z.looseObject({
  current_state: z.string(),
  resources: z.looseObject({
    memory_bytes: z.number(),
    cpu_absolute: z.number(),
    disk_bytes: z.number(),
    network_rx_bytes: z.number(),
    network_tx_bytes: z.number(),
    uptime: z.number(),
  }),
});

/** See `allocation`. */
export type Allocation = z.infer<typeof allocation>;
/** See `user`. */
export type PanelUser = z.infer<typeof user>;
/** See `server`. */
export type GameServer = z.infer<typeof server>;
/** See `node`. */
export type PanelNode = z.infer<typeof node>;
/** See `egg`. */
export type Egg = z.infer<typeof egg>;
/** See `variable`. */
export type Variable = z.infer<typeof variable>;

/** The addresses a server has. @throws {ExtensionFailure} `forbidden` when the key may not read them */
export function allocationsOf({ relationships }: GameServer): Allocation[] {
  return included(relationships?.allocations?.data, 'allocations');
}

/** The owner's e-mail address. @throws {ExtensionFailure} `forbidden` when the key may not read it */
export function ownerOf({ relationships }: GameServer): PanelUser {
  const owner = relationships?.user?.attributes ?? undefined;
  if (owner === undefined) throw unreadable('users');
  return owner;
}

/** An egg's variables. @throws {ExtensionFailure} `forbidden` when the key may not read them */
export function variablesOf({ relationships }: Egg): Variable[] {
  return included(relationships?.variables.data, 'eggs');
}

/** The environment of a server by name; absent values left out. */
export function environmentOf({ container }: GameServer): Record<string, string> {
  const entries = Object.entries(container.environment).filter(([, value]) => value != null);
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function included<T>(items: readonly { attributes: T }[] | undefined, what: string): T[] {
  if (items === undefined) throw unreadable(what);
  return items.map(({ attributes }) => attributes);
}

function unreadable(what: string) {
  return fail('forbidden', `Pterodactyl does not show its ${what} to this API key`, {
    remedy: `Give the application API key the right to read ${what}`,
  });
}
