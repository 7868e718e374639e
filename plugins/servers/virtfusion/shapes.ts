// The parts of VirtFusion's replies that this extension reads.

import { z } from 'cofferdam/sdk';

const words = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

const address = z.looseObject({ address: z.string() });
const networkInterface = z.looseObject({
  ipv4: z.array(address).catch([]),
  ipv6: z.array(z.looseObject({ subnet: z.string(), cidr: z.number() })).catch([]),
});

/** A server as `GET /servers/{id}` tells it. */
export const serverShape = z.looseObject({
  id: z.number(),
  name: words,
  hostname: words,
  state: words,
  suspended: z.boolean(),
  protected: z.boolean().default(false),
  buildFailed: z.boolean().default(false),
  /** When the system was put on it; null before */
  built: z.string().nullish(),
  owner: z
    .looseObject({
      extRelationId: z.union([z.number(), z.string()]).nullish(),
      relStr: z.string().nullish(),
      email: words,
    })
    .optional(),
  settings: z
    .looseObject({ resources: z.looseObject({ storage: z.number().optional() }).optional() })
    .optional(),
  network: z.looseObject({ interfaces: z.array(networkInterface).catch([]) }).optional(),
  tasks: z
    .looseObject({
      active: z.boolean().default(false),
      actions: z.looseObject({ pending: z.array(z.unknown()).catch([]) }).optional(),
    })
    .optional(),
});

/** A server. */
export type Server = z.output<typeof serverShape>;

/** A server in a list of somebody's servers. */
export const ownServerShape = z.looseObject({ id: z.number(), name: words });

/** A server in the list of all. */
export const listedShape = z.looseObject({
  id: z.number(),
  name: words,
  suspended: z.boolean(),
});

/** A customer or an admin. `password` is there in the reply that made one, and only there. */
export const userShape = z.looseObject({
  id: z.number(),
  admin: z.boolean().default(false),
  email: words,
  password: z.string().optional(),
});

/** A package. */
export const packageShape = z.looseObject({
  id: z.number(),
  name: z.string(),
  enabled: z.boolean().default(true),
  primaryStorage: z.number().optional(),
});

/** A group of hypervisors. */
export const groupShape = z.looseObject({
  id: z.number(),
  name: z.string(),
  enabled: z.boolean().default(true),
});

/** Systems, in groups. */
export const templatesShape = z
  .array(
    z.looseObject({
      templates: z.array(
        z.looseObject({ id: z.number(), name: z.string(), version: words, variant: words }),
      ),
    }),
  )
  .transform((groups) =>
    groups
      .flatMap(({ templates }) => templates)
      .map(({ id, name, version, variant }) => ({
        id,
        label: [name, version, variant].filter((part) => part !== '').join(' '),
      })),
  );

/** Traffic of one month, in bytes; a limit of 0 is none. */
export const trafficShape = z.looseObject({
  monthly: z.array(
    z.looseObject({
      start: z.string(),
      rx: z.number(),
      tx: z.number(),
      total: z.number(),
      limit: z.number().default(0),
    }),
  ),
});

/** What a login link is made of. */
export const loginShape = z.looseObject({
  authentication: z.looseObject({
    endpoint_complete: z.string().min(1).max(2_000),
    expiry: z.looseObject({ expires: z.string().optional() }).optional(),
  }),
});

/** Where a VNC viewer connects to. */
export const vncShape = z.looseObject({
  vnc: z.looseObject({
    ip: z.string(),
    hostname: z.string().nullish(),
    port: z.number(),
    password: z.string(),
  }),
});

/** A public key of a customer. */
export const sshKeyShape = z.looseObject({ id: z.number(), publicKey: z.string().optional() });

/** Whether VirtFusion still works on a server. */
export function isBusy({ tasks }: Server): boolean {
  return tasks !== undefined && (tasks.active || (tasks.actions?.pending ?? []).length > 0);
}
