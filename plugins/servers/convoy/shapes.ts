// What the Convoy panel answers, as far as this extension reads it; sizes are bytes.
// Source: app/Transformers/Admin and app/Data of ConvoyPanel/panel 4.6.

import { z } from 'cofferdam/sdk';

/** An address of a pool that the node may use. */
export const address = z.looseObject({
  id: z.number(),
  server_id: z.number().nullish(),
  type: z.enum(['ipv4', 'ipv6']),
  address: z.string(),
});

/** An account of the panel. */
export const user = z.looseObject({
  id: z.number(),
  name: z.string(),
  email: z.string(),
  root_admin: z.boolean(),
});

/** A server; `id` is the short form of its uuid, `internal_id` counts up. */
export const server = z.looseObject({
  internal_id: z.number(),
  uuid: z.string(),
  node_id: z.number(),
  user_id: z.number(),
  vmid: z.number(),
  hostname: z.string(),
  name: z.string(),
  status: z.string().nullable(),
  usages: z.looseObject({ bandwidth: z.number() }),
  limits: z.looseObject({
    cpu: z.number(),
    memory: z.number(),
    disk: z.number(),
    snapshots: z.number().nullable(),
    backups: z.number().nullable(),
    bandwidth: z.number().nullable(),
    addresses: z.looseObject({ ipv4: z.array(address), ipv6: z.array(address) }),
  }),
  user: z.looseObject({ data: user }).optional(),
});

/** A Proxmox node. */
export const node = z.looseObject({
  id: z.number(),
  name: z.string(),
  memory: z.number(),
  memory_overallocate: z.number(),
  memory_allocated: z.number(),
  disk: z.number(),
  disk_overallocate: z.number(),
  disk_allocated: z.number(),
});

const template = z.looseObject({ uuid: z.string(), name: z.string(), hidden: z.coerce.boolean() });

/** Templates of one kind of system. */
export const templateGroup = z.looseObject({
  name: z.string(),
  hidden: z.coerce.boolean(),
  templates: z.looseObject({ data: z.array(template) }),
});

/** See `address`. */
export type Address = z.infer<typeof address>;
/** See `user`. */
export type PanelUser = z.infer<typeof user>;
/** See `server`. */
export type ConvoyServer = z.infer<typeof server>;
/** See `node`. */
export type ConvoyNode = z.infer<typeof node>;

/** All addresses of a server. */
export function addressesOf({ limits: { addresses } }: ConvoyServer): Address[] {
  return [...addresses.ipv4, ...addresses.ipv6];
}
