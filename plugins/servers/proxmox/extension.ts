// Proxmox VE: machines and containers, built from a clone, an ISO or a container template.

import { createPassword, defineServer, fail } from 'cofferdam/sdk';

import { actions } from './actions.ts';
import { addressesOf } from './addresses.ts';
import { connect } from './api.ts';
import { createGuest } from './build.ts';
import { checkoutProblems, config, parseSettings } from './config.ts';
import type { ProxmoxContext } from './config.ts';
import { growDisk } from './disks.ts';
import { CHECKOUT_FIELDS, productFields } from './fields.ts';
import { done, pending, requireGuest } from './guests.ts';
import type { Tools } from './guests.ts';
import { changeForm, TAG } from './parameters.ts';
import { power } from './power.ts';
import { terminate } from './removal.ts';
import { afterTask } from './tasks.ts';

/** What every product needs of a token; the README says how to give it, and what some need beside it. */
const PRIVILEGES = [
  ...['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt', 'VM.Config.Options', 'VM.Config.CPU'],
  ...['VM.Config.Memory', 'VM.Config.Disk', 'VM.Config.Network'],
  ...['Datastore.Audit', 'Datastore.AllocateSpace'],
];

const toolsOf = (ctx: ProxmoxContext): Tools => ({ api: connect(ctx), storage: ctx.storage });

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

  create: (service, ctx) => createGuest(toolsOf(ctx), service),

  async suspend(service, ctx) {
    const tools = toolsOf(ctx);
    const { api } = tools;
    const guest = await requireGuest(tools, service);
    // Without this a restart of the node would start what was suspended.
    await api.configure(guest, { onboot: 0 });
    return power(api, guest, { act: 'shutdown', wanted: 'stopped' });
  },

  async unsuspend(service, ctx) {
    const tools = toolsOf(ctx);
    const { api } = tools;
    const guest = await requireGuest(tools, service);
    await api.configure(guest, { onboot: 1 });
    return power(api, guest, { act: 'start', wanted: 'running' });
  },

  terminate: (service, ctx) => terminate(toolsOf(ctx), service),

  async changePackage(change, ctx) {
    const tools = toolsOf(ctx);
    const { api } = tools;
    const guest = await requireGuest(tools, change);
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
    const now = await api.config(guest);
    await api.configure(guest, changeForm(before, after, now.net0));
    const resizing = await growDisk(api, guest, { config: now, diskGiB: after.diskGiB });
    if (resizing !== undefined && (await afterTask(api, guest, resizing)) === 'running')
      return pending(guest, resizing);
    return done(guest);
  },

  async changePassword({ service, password = createPassword() }, ctx) {
    const tools = toolsOf(ctx);
    const { api } = tools;
    const guest = await requireGuest(tools, service);
    if (guest.type === 'lxc')
      throw fail('unsupported', 'Proxmox cannot change the password of a container');
    const { user = 'root' } = parseSettings(service.product.settings);
    await api.setPassword(guest, user, password);
    return done(guest, { password });
  },

  async usage(service, ctx) {
    const tools = toolsOf(ctx);
    const now = await tools.api.current(await requireGuest(tools, service));
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
    const tools = toolsOf(ctx);
    const { api } = tools;
    const guest = await requireGuest(tools, service);
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
    const tools = toolsOf(ctx);
    if (operation === 'create') return createGuest(tools, service);
    if (operation === 'terminate') return terminate(tools, service);
    const guest = await requireGuest(tools, service);
    const { upid } = service.properties;
    const isRunning =
      typeof upid === 'string' && (await afterTask(tools.api, guest, upid)) === 'running';
    return isRunning ? pending(guest, upid) : done(guest);
  },

  actions,
});
