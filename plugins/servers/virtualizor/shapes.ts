// The parts of Virtualizor's replies that this extension reads. PHP writes numbers as texts, an empty
// map as a list and a missing one as null or false: all of that is the same here.

import { z } from 'cofferdam/sdk';

const id = z.union([z.string(), z.number()]).transform(String);
const amount = z.coerce.number();
const flag = z.unknown().transform((value) => value === true || value === 1 || value === '1');
const words = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

/** A map whose keys say nothing that its values do not. */
export function mapOf<T>(shape: z.ZodType<T>): z.ZodType<T[]> {
  return z
    .union([z.array(shape), z.record(z.string(), shape), z.null(), z.literal(false)])
    .transform((value) => (value === null || value === false ? [] : Object.values(value)));
}

/**
 * A reply with a list under `key`.
 *
 * Without the key it is an empty list only when the reply has the title that every page of Virtualizor
 * has: any other JSON says nothing about what exists.
 */
export function listOf<T>(key: string, shape: z.ZodType<T>): z.ZodType<T[]> {
  return z
    .looseObject({ title: z.string().optional(), [key]: mapOf(shape).optional() })
    .refine((reply) => reply[key] !== undefined || reply['title'] !== undefined, {
      path: [key],
      message: 'is missing',
    })
    .transform((reply) => (reply[key] ?? []) as T[]);
}

/** A virtual server, from a list or as `addvs` tells it. */
export const vpsShape = z.looseObject({
  vpsid: id,
  hostname: words,
  virt: words,
  plid: id.nullish().transform((value) => value ?? ''),
  os_name: words,
  space: amount.catch(0),
  suspended: flag,
  notes: words,
  email: z.string().nullish(),
  ips: mapOf(z.unknown()).catch([]),
});

/** A virtual server. */
export type Vps = z.output<typeof vpsShape>;

/** A plan; the resources go into `addvs` as they are. */
export const planShape = z.looseObject({
  plid: id,
  plan_name: z.string(),
  virt: words,
  space: amount,
  ram: amount,
  swap: amount.optional(),
  bandwidth: amount.optional(),
  network_speed: amount.optional(),
  cpu: amount.optional(),
  cores: amount.optional(),
  cpu_percent: amount.optional(),
  ips: amount.optional(),
  ips6: amount.optional(),
  ips6_subnet: amount.optional(),
  vnc: amount.optional(),
  osreinstall_limit: amount.optional(),
  kvm_cache: words,
  io_mode: words,
  vnc_keymap: words,
  nic_type: words,
});

/** A plan. */
export type Plan = z.output<typeof planShape>;

/** An account of Virtualizor; `type` 0 is a customer. */
export const userShape = z.looseObject({ uid: id, email: z.string(), type: id });

/** A customer or an admin. */
export type User = z.output<typeof userShape>;

/** A group of nodes. */
export const serverGroupShape = z.looseObject({ sgid: id, sg_name: words });

/** Templates: kind of virtualization → distribution → id → template. */
export const osListShape = z
  .looseObject({
    oslist: z.record(
      z.string(),
      z.union([
        z.record(z.string(), z.record(z.string(), z.looseObject({ name: z.string() }))),
        z.array(z.unknown()),
      ]),
    ),
  })
  .transform(({ oslist }) => (virt: string): { id: string; name: string }[] => {
    const distributions = oslist[virt];
    if (distributions === undefined || Array.isArray(distributions)) return [];
    return Object.values(distributions).flatMap((templates) =>
      Object.entries(templates).map(([osid, { name }]) => ({ id: osid, name })),
    );
  });

/** What a server uses now: memory in MiB, disk and traffic in GiB; a limit of 0 is none. */
export const statusShape = z.looseObject({
  status: amount,
  used_cpu: amount.catch(0),
  used_ram: amount.catch(0),
  ram: amount.catch(0),
  used_disk: amount.catch(0),
  disk: amount.catch(0),
  used_bandwidth: amount.catch(0),
  bandwidth: amount.catch(0),
});

/** The parts of a login link. They become an address: anything else could lead the customer away. */
export const tokenShape = z.looseObject({
  token_key: z.string().regex(/^[A-Za-z0-9]{4,100}$/),
  sid: z.string().regex(/^[A-Za-z0-9]{4,200}$/),
});

/** Where a VNC viewer connects to. */
export const vncShape = z.looseObject({
  info: z.looseObject({ ip: z.string(), port: amount, password: z.string() }),
});

/** Something that Virtualizor works on in the background. */
export const taskShape = z.looseObject({
  actid: id,
  vpsid: id,
  action: z.string(),
  status: id,
  status_txt: words,
  progress: z.union([z.string(), z.number()]).nullish(),
});

/** A task. */
export type Task = z.output<typeof taskShape>;
