// Convoy: KVM servers on a panel for Proxmox.

import { defineServer, originOf } from 'cofferdam/sdk';

import { createPassword, requireCustomer, setPassword } from './accounts.ts';
import { chooseAddresses } from './addresses.ts';
import { connect } from './api.ts';
import { renew, resize, suspend, terminate, unsuspend } from './changes.ts';
import { config, parseSettings } from './config.ts';
import { checkoutFields, productFields } from './fields.ts';
import { readOrder, requireRoom } from './offers.ts';
import { advance, createServer } from './orders.ts';
import { doneOf, knownOf, requireServer } from './servers.ts';
import { addressesOf } from './shapes.ts';

const MIB = 1_048_576;
/** The panel's login tokens are good for so long. */
const LOGIN_MS = 15_000;

export default defineServer({
  config,

  async testConnection(ctx) {
    const api = connect(ctx);
    await api.probe();
    const nodes = await api.nodes();
    if (nodes.length > 0) return { ok: true, message: `Convoy answers with ${nodes.length} nodes` };
    return {
      ok: false,
      message: 'Convoy has no node',
      remedy: 'Add a Proxmox node at Convoy before the first product',
    };
  },

  create: (service, ctx) => createServer(connect(ctx), service, ctx),
  suspend: (service, ctx) => suspend(connect(ctx), service, ctx),
  unsuspend: (service, ctx) => unsuspend(connect(ctx), service, ctx),
  terminate: (service, ctx) => terminate(connect(ctx), service, { ctx, isRetry: true }),

  async getLoginUrl(service, ctx) {
    const api = connect(ctx);
    const { user_id: userId } = await requireServer(api, service, ctx);
    requireCustomer(await api.user(userId));
    const query = new URLSearchParams({ token: await api.loginToken(userId) });
    return {
      url: `${originOf(ctx.config)}/authenticate?${query.toString()}`,
      expiresAt: new Date(Date.now() + LOGIN_MS).toISOString(),
    };
  },

  changePackage: (change, ctx) => resize(connect(ctx), change, ctx),
  renew: (service, ctx) => renew(connect(ctx), service, ctx),

  async changePassword({ service, password = createPassword() }, ctx) {
    const api = connect(ctx);
    const server = await requireServer(api, service, ctx);
    const user = await api.user(server.user_id);
    await setPassword(api, user, password);
    const oneTime = { accountEmail: user.email, accountPassword: password };
    return { status: 'done', ...knownOf(server), oneTime };
  },

  async usage(service, ctx) {
    const { usages, limits } = await requireServer(connect(ctx), service, ctx);
    const { bandwidth: limit } = limits;
    return [{ name: 'traffic', used: usages.bandwidth, limit: limit || null, unit: 'bytes' }];
  },

  async list(_input, ctx) {
    const servers = await connect(ctx).servers();
    return servers.map(({ uuid, user_id: userId, name, status, user }) => ({
      remoteId: uuid,
      name,
      status: STATES[status ?? 'built'] ?? 'unknown',
      ...(user === undefined ? {} : { email: user.data.email }),
      properties: { uuid, userId },
    }));
  },

  async info(service, ctx) {
    const server = await requireServer(connect(ctx), service, ctx);
    const { hostname, status, vmid, limits } = server;
    return {
      hostname,
      vmid,
      status: status ?? 'built',
      addresses: addressesOf(server).map(({ address }) => address),
      cpu: limits.cpu,
      memoryMiB: Math.floor(limits.memory / MIB),
      diskMiB: Math.floor(limits.disk / MIB),
    };
  },

  productConfig: (values, ctx) => productFields(connect(ctx), values),
  checkoutConfig: ({ product }, ctx) =>
    checkoutFields(connect(ctx), parseSettings(product.settings)),

  async validate({ product, checkout }, ctx) {
    const api = connect(ctx);
    const settings = parseSettings(product.settings);
    await requireRoom(api, settings);
    await chooseAddresses(api, settings.nodeId, { wanted: settings, taken: new Set() });
    const read = await readOrder(api, settings, checkout);
    return 'problems' in read ? read.problems : [];
  },

  async reconcile({ operation, service }, ctx) {
    const api = connect(ctx);
    switch (operation) {
      case 'suspend':
        return suspend(api, service, ctx);
      case 'changePackage':
        return resize(api, service, ctx);
      case 'terminate':
        return terminate(api, service, { ctx, isRetry: false });
      case 'create':
        return advance(api, service, await requireServer(api, service, ctx));
      default:
        return doneOf(await requireServer(api, service, ctx));
    }
  },

  actions: {
    forget: {
      label: 'Remove from Convoy only',
      audience: 'admin',
      confirm: 'Remove it from Convoy and leave the machine at Proxmox to you?',
      async run({ subject }, ctx) {
        const api = connect(ctx);
        const { uuid, status } = await requireServer(api, subject, ctx);
        // The panel refuses whatever has a deletion behind it.
        if (status === 'deleting' || status === 'deletion_failed') await api.clearStatus(uuid);
        await api.removeByForce(uuid);
        return { message: `Server ${uuid} is removed from Convoy` };
      },
    },
  },
});

const STATES: { readonly [status: string]: 'active' | 'suspended' | 'pending' } = {
  built: 'active',
  suspended: 'suspended',
  installing: 'pending',
  restoring_backup: 'pending',
  restoring_snapshot: 'pending',
  deleting: 'pending',
};
