// The Proxmox VE API as this extension uses it: replies parsed.
// Source: the API viewer of Proxmox VE 9 (apidata 9.1).

import { createRemote, originOf, readShape, z } from 'cofferdam/sdk';
import type { Context } from 'cofferdam/sdk';

import type { Config } from './config.ts';
import { explain } from './refusals.ts';

/** A machine's two kinds. */
export type GuestType = 'qemu' | 'lxc';

/** Where a guest is. */
export type Guest = { readonly node: string; readonly type: GuestType; readonly vmid: number };

type Form = Readonly<Record<string, string | number | undefined>>;

const resource = z.looseObject({
  type: z.enum(['qemu', 'lxc']),
  vmid: z.number(),
  node: z.string(),
  name: z.string().optional(),
  status: z.string().optional(),
  template: z.union([z.number(), z.boolean()]).optional(),
  tags: z.string().optional(),
  lock: z.string().optional(),
});
const current = z.looseObject({
  status: z.string(),
  lock: z.string().optional(),
  cpu: z.number().optional(),
  cpus: z.number().optional(),
  mem: z.number().optional(),
  maxmem: z.number().optional(),
  disk: z.number().optional(),
  maxdisk: z.number().optional(),
  netin: z.number().optional(),
  netout: z.number().optional(),
  uptime: z.number().optional(),
});
const task = z.looseObject({ status: z.string(), exitstatus: z.string().optional() });
const config = z.looseObject({
  description: z.string().optional(),
  tags: z.string().optional(),
  net0: z.string().optional(),
});
const upid = z.string().regex(/^UPID:/);

/** How a guest is set up; disks and cards by their names. */
export type GuestConfig = z.infer<typeof config>;

/** The API of one cluster. */
export type Proxmox = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect({ config: values, fetch, call }: Context<Config>) {
  const remote = createRemote({
    name: 'Proxmox',
    fetch,
    baseUrl: `${originOf(values)}/api2/json`,
    headers: { authorization: `PVEAPIToken=${values.tokenId}=${values.tokenSecret}` },
    explain,
  });
  async function request<T>(
    method: string,
    path: string,
    { form, query, shape }: { form?: Form; query?: Form; shape: z.ZodType<T> },
  ): Promise<T> {
    const reply = await remote.request(method, path, {
      ...(form === undefined ? {} : { form }),
      ...(query === undefined ? {} : { query }),
      signal: call.signal,
    });
    const body = z.object({ data: shape });
    return readShape(body, reply.json, `Proxmox's answer to ${method} ${path}`).data;
  }

  return { ...clusterOf(request), ...guestsOf(request) };
}

type Request = <T>(
  method: string,
  path: string,
  options: { form?: Form; query?: Form; shape: z.ZodType<T> },
) => Promise<T>;

/** What the cluster has. */
function clusterOf(request: Request) {
  return {
    version: () => request('GET', '/version', { shape: z.looseObject({ version: z.string() }) }),
    permissions: () =>
      request('GET', '/access/permissions', {
        shape: z.record(z.string(), z.record(z.string(), z.unknown())),
      }),
    nodes: () =>
      request('GET', '/nodes', {
        shape: z.array(z.looseObject({ node: z.string(), status: z.string().optional() })),
      }),
    pools: () =>
      request('GET', '/pools', { shape: z.array(z.looseObject({ poolid: z.string() })) }),
    storages: (node: string) =>
      request('GET', `/nodes/${encodeURIComponent(node)}/storage`, {
        shape: z.array(
          z.looseObject({
            storage: z.string(),
            content: z.string().default(''),
            active: z.unknown(),
          }),
        ),
      }),
    content: (node: string, storage: string, content: string) =>
      request(
        'GET',
        `/nodes/${encodeURIComponent(node)}/storage/${encodeURIComponent(storage)}/content`,
        {
          query: { content },
          shape: z.array(z.looseObject({ volid: z.string() })),
        },
      ),
    bridges: (node: string) =>
      request('GET', `/nodes/${encodeURIComponent(node)}/network`, {
        query: { type: 'any_bridge' },
        shape: z.array(z.looseObject({ iface: z.string() })),
      }),
    guests: () =>
      request('GET', '/cluster/resources', { query: { type: 'vm' }, shape: z.array(resource) }),
    nextId: async () =>
      Number(await request('GET', '/cluster/nextid', { shape: z.union([z.string(), z.number()]) })),
  };
}

const at = ({ node, type, vmid }: Guest): string =>
  `/nodes/${encodeURIComponent(node)}/${type}/${vmid}`;
const nothing = z.unknown();

/** What is done with one guest. */
function guestsOf(request: Request) {
  return {
    create: (node: string, type: GuestType, form: Form) =>
      request('POST', `/nodes/${encodeURIComponent(node)}/${type}`, { form, shape: upid }),
    clone: (template: Guest, form: Form) =>
      request('POST', `${at(template)}/clone`, { form, shape: upid }),
    config: (guest: Guest) => request('GET', `${at(guest)}/config`, { shape: config }),
    configure: (guest: Guest, form: Form) =>
      request('PUT', `${at(guest)}/config`, { form, shape: nothing }),
    resize: (guest: Guest, disk: string, size: string) =>
      request('PUT', `${at(guest)}/resize`, {
        form: { disk, size },
        shape: z.union([upid, z.null()]),
      }),
    remove: (guest: Guest) =>
      request('DELETE', at(guest), {
        query: { purge: 1, 'destroy-unreferenced-disks': 1 },
        shape: upid,
      }),
    current: (guest: Guest) => request('GET', `${at(guest)}/status/current`, { shape: current }),
    power: (guest: Guest, act: 'start' | 'stop' | 'shutdown' | 'reboot', form: Form = {}) =>
      request('POST', `${at(guest)}/status/${act}`, { form, shape: upid }),
    task: (node: string, id: string) =>
      request('GET', `/nodes/${encodeURIComponent(node)}/tasks/${encodeURIComponent(id)}/status`, {
        shape: task,
      }),
    setPassword: (guest: Guest, username: string, password: string) =>
      request('POST', `${at(guest)}/agent/set-user-password`, {
        form: { username, password },
        shape: nothing,
      }),
    interfaces: (guest: Guest) =>
      request(
        'GET',
        guest.type === 'qemu'
          ? `${at(guest)}/agent/network-get-interfaces`
          : `${at(guest)}/interfaces`,
        {
          shape: nothing,
        },
      ),
  };
}
