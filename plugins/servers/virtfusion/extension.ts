// VirtFusion: KVM servers in hypervisor groups, sold by packages.

import { defineServer, fail, originOf } from 'cofferdam/sdk';

import { actions } from './actions.ts';
import { connect } from './api.ts';
import { advance, createServer, userNameOf } from './build.ts';
import { config, parseSettings } from './config.ts';
import type { VirtFusionContext } from './config.ts';
import { relationOf } from './customers.ts';
import { checkoutFields, productFields } from './fields.ts';
import { done, requireServer, terminateServer } from './servers.ts';
import type { Tools } from './servers.ts';
import { problemsOf } from './validation.ts';

const toolsOf = (ctx: VirtFusionContext): Tools => ({ api: connect(ctx), storage: ctx.storage });

/** Everything that a package decides; what is not named stays as it was. */
const WHOLE_PACKAGE = {
  cpu: true,
  memory: true,
  primaryDiskSize: true,
  primaryDiskReadIOPS: true,
  primaryDiskWriteIOPS: true,
  primaryDiskReadThroughput: true,
  primaryDiskWriteThroughput: true,
  primaryNetworkInboundSpeed: true,
  primaryNetworkOutboundSpeed: true,
  primaryNetworkTraffic: true,
  backupPlan: true,
};

export default defineServer({
  config,

  async testConnection(ctx) {
    const api = connect(ctx);
    await api.connection();
    const packages = await api.packages();
    if (packages.some(({ enabled }) => enabled))
      return { ok: true, message: `VirtFusion answers; it has ${packages.length} packages` };
    return {
      ok: false,
      message: 'VirtFusion answers, but has no package to sell',
      remedy: 'Make a package in VirtFusion, and give the token the right to read packages',
    };
  },

  create: (service, ctx) => createServer(toolsOf(ctx), service),

  async suspend(service, ctx) {
    const tools = toolsOf(ctx);
    const { id, suspended } = await requireServer(tools, service);
    if (!suspended) await tools.api.suspend(id);
    return done(id);
  },

  async unsuspend(service, ctx) {
    const tools = toolsOf(ctx);
    const { id, suspended } = await requireServer(tools, service);
    if (suspended) await tools.api.unsuspend(id);
    return done(id);
  },

  terminate: (service, ctx) => terminateServer(toolsOf(ctx), service),

  async getLoginUrl(service, ctx) {
    const tools = toolsOf(ctx);
    const { id } = await requireServer(tools, service);
    const { authentication } = await tools.api.login(relationOf(service.user), id);
    const { endpoint_complete, expiry } = authentication;
    const origin = originOf(ctx.config);
    const url = URL.parse(endpoint_complete, origin);
    if (url === null || url.origin !== origin) {
      throw fail('invalid_response', 'VirtFusion made a login link that leads to another host', {
        remedy: 'Set the host in the configuration to the address that VirtFusion calls its own',
      });
    }
    const expiresAt = expiry?.expires;
    return expiresAt === undefined || Number.isNaN(Date.parse(expiresAt))
      ? { url: url.href }
      : { url: url.href, expiresAt };
  },

  async changePackage(change, ctx) {
    const tools = toolsOf(ctx);
    const { id, settings } = await requireServer(tools, change);
    const { packageId } = parseSettings(change.product.settings);
    const wanted = (await tools.api.packages()).find((each) => each.id === packageId);
    if (wanted === undefined) {
      throw fail('invalid_input', `Product setting "packageId" names no package: ${packageId}`, {
        remedy: 'Choose the package in the product again',
      });
    }
    const now = settings?.resources?.storage ?? 0;
    if ((wanted.primaryStorage ?? now) < now) {
      throw fail(
        'invalid_input',
        `A disk cannot shrink from ${now} to ${wanted.primaryStorage} GB`,
        { remedy: 'Choose a product with a disk at least as large' },
      );
    }
    await tools.api.changePackage(id, packageId, WHOLE_PACKAGE);
    return done(id);
  },

  async changePassword({ service, password }, ctx) {
    if (password !== undefined) {
      throw fail('unsupported', 'VirtFusion makes passwords itself and takes none', {
        remedy: 'Leave the password empty',
      });
    }
    const tools = toolsOf(ctx);
    const { id } = await requireServer(tools, service);
    const user = await userNameOf(tools.api, service);
    return done(id, { rootPassword: await tools.api.resetPassword(id, user) });
  },

  async usage(service, ctx) {
    const tools = toolsOf(ctx);
    const { id } = await requireServer(tools, service);
    const { monthly } = await tools.api.traffic(id);
    const [now] = monthly.toSorted((a, b) => (a.start < b.start ? 1 : -1));
    const { rx = 0, tx = 0, total = 0, limit = 0 } = now ?? {};
    return [
      { name: 'traffic', used: total, limit: limit > 0 ? limit : null, unit: 'bytes' },
      { name: 'received', used: rx, limit: null, unit: 'bytes' },
      { name: 'sent', used: tx, limit: null, unit: 'bytes' },
    ];
  },

  async list(_input, ctx) {
    const all = await connect(ctx).servers();
    return all.map(({ id, name, suspended }) => ({
      remoteId: String(id),
      name: name === '' ? String(id) : name,
      status: suspended ? 'suspended' : 'active',
      properties: { serverId: id },
    }));
  },

  async info(service, ctx) {
    const { id, name, hostname, state, suspended, network } = await requireServer(
      toolsOf(ctx),
      service,
    );
    const addresses = (network?.interfaces ?? []).flatMap(({ ipv4, ipv6 }) => [
      ...ipv4.map(({ address }) => address),
      ...ipv6.map(({ subnet, cidr }) => `${subnet}/${cidr}`),
    ]);
    return { serverId: id, name, hostname, state, suspended, addresses };
  },

  productConfig: (values, ctx) => productFields(connect(ctx), values),
  checkoutConfig: async ({ product }, ctx) =>
    checkoutFields(connect(ctx), parseSettings(product.settings)),
  validate: (input, ctx) => problemsOf(connect(ctx), input),

  async reconcile({ operation, service }, ctx) {
    const tools = toolsOf(ctx);
    if (operation === 'terminate') return terminateServer(tools, service);
    const server = await requireServer(tools, service);
    return operation === 'create' ? advance(tools, service, server) : done(server.id);
  },

  actions,
});
