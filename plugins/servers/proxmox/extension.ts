// Proxmox VE: machines and containers, built from a clone, an ISO or a container template.

import { createPassword, defineServer, fail, isFailure } from 'cofferdam/sdk';
import type { ServerResult, Service } from 'cofferdam/sdk';

import { connect, orAbsent } from './api.ts';
import type { Guest, Proxmox } from './api.ts';
import { checkoutProblems, config, parseSettings } from './config.ts';
import { CHECKOUT_FIELDS, productFields } from './fields.ts';
import {
  advance,
  afterTask,
  createGuest,
  done,
  findGuest,
  growDisk,
  isOurs,
  pending,
  requireGuest,
  serviceTag,
  TAG,
} from './guests.ts';

/** What a token needs; the README says how to give it. */
const PRIVILEGES = [
  'VM.Allocate',
  'VM.Audit',
  'VM.PowerMgmt',
  'VM.Config.Options',
  'Datastore.Audit',
];

export default defineServer({
  config,

  async testConnection(ctx) {
    const api = connect(ctx);
    const { version } = await api.version();
    const held = Object.values(await api.permissions()).flatMap((each) => Object.keys(each));
    const missing = PRIVILEGES.filter((privilege) => !held.includes(privilege));
    if (missing.length === 0) return { ok: true, message: `Proxmox VE ${version} answers` };
    return {
      ok: false,
      message: `The API token lacks ${missing.join(', ')}`,
      remedy: 'Give the token a role with these privileges, on the path that holds the machines',
    };
  },

  create: (service, ctx) => createGuest(connect(ctx), service),

  async suspend(service, ctx) {
    const api = connect(ctx);
    const guest = await requireGuest(api, service);
    // Without this a restart of the node would start what was suspended.
    await api.configure(guest, { onboot: 0 });
    return power(api, guest, { act: 'shutdown', wanted: 'stopped' });
  },

  async unsuspend(service, ctx) {
    const api = connect(ctx);
    const guest = await requireGuest(api, service);
    await api.configure(guest, { onboot: 1 });
    return power(api, guest, { act: 'start', wanted: 'running' });
  },

  terminate: (service, ctx) => terminate(connect(ctx), service),

  async changePackage(change, ctx) {
    const api = connect(ctx);
    const guest = await requireGuest(api, change);
    const before = parseSettings(change.previousProduct.settings);
    const after = parseSettings(change.product.settings);
    if (after.type !== guest.type)
      throw fail('invalid_input', 'A machine cannot become a container, nor the other way round');
    if (after.diskGiB < before.diskGiB) {
      throw fail(
        'invalid_input',
        `A disk cannot shrink from ${before.diskGiB} to ${after.diskGiB} GiB`,
        {
          remedy: 'Choose a product with a disk at least as large',
        },
      );
    }
    const { cores, sockets, memoryMiB, swapMiB } = after;
    await api.configure(guest, {
      cores,
      memory: memoryMiB,
      ...(guest.type === 'qemu' ? { sockets } : { swap: swapMiB }),
    });
    const resizing = await growDisk(api, guest, after);
    if (resizing !== undefined && (await afterTask(api, guest, resizing)) === 'running')
      return pending(guest, resizing);
    return done(guest);
  },

  async changePassword({ service, password = createPassword() }, ctx) {
    const api = connect(ctx);
    const guest = await requireGuest(api, service);
    if (guest.type === 'lxc')
      throw fail('unsupported', 'Proxmox cannot change the password of a container');
    const { user = 'root' } = parseSettings(service.product.settings);
    await api.setPassword(guest, user, password);
    return done(guest, { password });
  },

  async usage(service, ctx) {
    const api = connect(ctx);
    const now = await api.current(await requireGuest(api, service));
    return [
      { name: 'cpu', used: Math.round((now.cpu ?? 0) * 1_000) / 10, limit: 100, unit: 'percent' },
      { name: 'memory', used: now.mem ?? 0, limit: now.maxmem ?? null, unit: 'bytes' },
      { name: 'disk', used: now.disk ?? 0, limit: now.maxdisk ?? null, unit: 'bytes' },
      { name: 'received', used: now.netin ?? 0, limit: null, unit: 'bytes' },
      { name: 'sent', used: now.netout ?? 0, limit: null, unit: 'bytes' },
    ];
  },

  async list(_input, ctx) {
    const all = await connect(ctx).guests();
    return all
      .filter(({ tags }) => (tags ?? '').split(/[;, ]/).includes(TAG))
      .map(({ vmid, node, type, name, status }) => ({
        remoteId: String(vmid),
        name: name ?? String(vmid),
        status: status === 'running' ? 'active' : status === 'stopped' ? 'suspended' : 'unknown',
        properties: { vmid, node, type },
      }));
  },

  async info(service, ctx) {
    const api = connect(ctx);
    const guest = await requireGuest(api, service);
    const { status, uptime = 0 } = await api.current(guest);
    return {
      vmid: guest.vmid,
      node: guest.node,
      type: guest.type,
      status,
      uptimeSeconds: uptime,
      addresses: await addressesOf(api, guest),
    };
  },

  productConfig: (values, ctx) => productFields(connect(ctx), values),
  checkoutConfig: async () => CHECKOUT_FIELDS,
  validate: async ({ product, checkout }) => {
    parseSettings(product.settings);
    return checkoutProblems(checkout);
  },

  async reconcile({ operation, service }, ctx) {
    const api = connect(ctx);
    if (operation === 'terminate') return terminate(api, service);
    const guest = await requireGuest(api, service);
    if (operation === 'create') return advance(api, service, guest);
    const { upid } = service.properties;
    if (typeof upid === 'string' && (await afterTask(api, guest, upid)) === 'running')
      return pending(guest, upid);
    return done(guest);
  },

  actions: {
    start: action('Start', { act: 'start', wanted: 'running' }),
    stop: action('Stop', {
      act: 'stop',
      wanted: 'stopped',
      confirm: 'Stop without shutting down? Unsaved data is lost.',
    }),
    reboot: action('Restart', { act: 'reboot', wanted: 'running' }),
    console: {
      label: 'Console',
      audience: 'admin',
      async run({ subject }, ctx) {
        const guest = await requireGuest(connect(ctx), subject);
        const { host, port } = ctx.config;
        const query = new URLSearchParams({
          console: guest.type === 'lxc' ? 'lxc' : 'kvm',
          novnc: '1',
          node: guest.node,
          vmid: String(guest.vmid),
        });
        return {
          url: `https://${host}:${port}/?${query.toString()}`,
          message: 'Asks for a login at Proxmox: an API token cannot open a console',
        };
      },
    },
  },
});

type PowerAct = {
  readonly act: 'start' | 'stop' | 'shutdown' | 'reboot';
  readonly wanted: 'running' | 'stopped';
};

/** A machine that is as wanted already is left alone. */
async function power(api: Proxmox, guest: Guest, { act, wanted }: PowerAct): Promise<ServerResult> {
  const { status } = await api.current(guest);
  if (status === wanted && act !== 'reboot') return done(guest);
  const upid = await api.power(guest, act, act === 'shutdown' ? { forceStop: 1, timeout: 60 } : {});
  return (await afterTask(api, guest, upid)) === 'running' ? pending(guest, upid) : done(guest);
}

/** Stops, waits for the stop, removes. A machine that is gone is a success; one of somebody else stays. */
async function terminate(api: Proxmox, service: Service): Promise<ServerResult> {
  const gone = {
    status: 'done',
    properties: { vmid: null, node: null, type: null, upid: null },
  } as const;
  const guest = await findGuest(api, service);
  if (guest === undefined) return gone;
  if (!(await isOurs(api, guest, await serviceTag(service.id)))) {
    throw fail('conflict', `Machine ${guest.vmid} does not belong to service ${service.id}`, {
      remedy: 'Look at its tags in Proxmox; remove it by hand if it is the right one',
    });
  }
  const now = await orAbsent(() => api.current(guest));
  if (now === undefined) return gone;
  // An earlier call ordered the removal and never heard of it: it runs.
  if (now.lock === 'destroy' || now.lock === 'destroyed') return pending(guest, null);
  if (now.status !== 'stopped') {
    const stopping = await api.power(guest, 'stop');
    if ((await afterTask(api, guest, stopping)) === 'running') return pending(guest, stopping);
  }
  const removing = await api.remove(guest).catch((error: unknown) => {
    if (isFailure(error, 'not_found')) return undefined;
    throw error;
  });
  if (removing !== undefined && (await afterTask(api, guest, removing)) === 'running')
    return pending(guest, removing);
  return gone;
}

/** Addresses a customer can reach it at; a machine without guest agent says nothing. */
async function addressesOf(api: Proxmox, guest: Guest): Promise<string[]> {
  try {
    const text = JSON.stringify(await api.interfaces(guest));
    const found = text.match(/"(?:ip-address|inet6?)":"([0-9a-fA-F.:]+)/g) ?? [];
    const addresses = found.map((each) => each.split(':"')[1] ?? '');
    return [...new Set(addresses)].filter(
      (each) => each !== '127.0.0.1' && each !== '::1' && !each.startsWith('fe80'),
    );
  } catch (error) {
    if (isFailure(error)) return [];
    throw error;
  }
}

function action(label: string, { confirm, ...act }: PowerAct & { readonly confirm?: string }) {
  return {
    label,
    audience: 'both',
    ...(confirm === undefined ? {} : { confirm }),
    async run({ subject }: { readonly subject: Service }, ctx: Parameters<typeof connect>[0]) {
      const api = connect(ctx);
      const result = await power(api, await requireGuest(api, subject), act);
      return { message: result.status === 'pending' ? `${label} has begun` : `${label} is done` };
    },
  } as const;
}
