// Virtualizor: virtual servers of every kind that a master can build, sold by its plans.

import { createPassword, defineServer, fail, isFailure } from 'cofferdam/sdk';

import { actions } from './actions.ts';
import { connect, loginUrlOf } from './api.ts';
import { advance, createVps } from './build.ts';
import { config, parseSettings, readCheckout } from './config.ts';
import type { VirtualizorContext } from './config.ts';
import { checkoutFields, productFields } from './fields.ts';
import { planIn } from './plans.ts';
import { done, requireVps, serviceIdOf, terminateVps } from './servers.ts';
import type { Tools } from './servers.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const toolsOf = (ctx: VirtualizorContext): Tools => ({ api: connect(ctx), storage: ctx.storage });

export default defineServer({
  config,

  async testConnection(ctx) {
    const plans = await connect(ctx).plans();
    if (plans.length > 0)
      return { ok: true, message: `Virtualizor answers; it has ${plans.length} plans` };
    return {
      ok: false,
      message: 'Virtualizor answers, but has no plans to sell',
      remedy: 'Make a plan in Virtualizor, and give the API key the right to see plans',
    };
  },

  create: (service, ctx) => createVps(toolsOf(ctx), service),

  async suspend(service, ctx) {
    const tools = toolsOf(ctx);
    const { vpsid, suspended } = await requireVps(tools, service);
    if (!suspended) await tools.api.act(vpsid, 'suspend');
    return done(vpsid);
  },

  async unsuspend(service, ctx) {
    const tools = toolsOf(ctx);
    const { vpsid, suspended } = await requireVps(tools, service);
    if (suspended) await tools.api.act(vpsid, 'unsuspend');
    return done(vpsid);
  },

  terminate: (service, ctx) => terminateVps(toolsOf(ctx), service),

  async getLoginUrl(service, ctx) {
    const tools = toolsOf(ctx);
    const { vpsid } = await requireVps(tools, service);
    return { url: loginUrlOf(ctx.config, vpsid, await tools.api.loginToken(vpsid)) };
  },

  async changePackage(change, ctx) {
    const tools = toolsOf(ctx);
    const vps = await requireVps(tools, change);
    const plan = planIn(await tools.api.plans(), parseSettings(change.product.settings));
    if (vps.plid === plan.plid) return done(vps.vpsid);
    if (plan.virt !== '' && plan.virt !== vps.virt)
      throw fail('invalid_input', `A ${vps.virt} server cannot take a plan for ${plan.virt}`);
    if (plan.space < vps.space) {
      throw fail('invalid_input', `A disk cannot shrink from ${vps.space} to ${plan.space} GiB`, {
        remedy: 'Choose a product with a disk at least as large',
      });
    }
    await tools.api.manage(vps.vpsid, { plid: plan.plid });
    return done(vps.vpsid);
  },

  async changePassword({ service, password = createPassword() }, ctx) {
    const tools = toolsOf(ctx);
    const { vpsid } = await requireVps(tools, service);
    await tools.api.manage(vpsid, { rootpass: password });
    return done(vpsid, { rootPassword: password });
  },

  async usage(service, ctx) {
    const tools = toolsOf(ctx);
    const { vpsid } = await requireVps(tools, service);
    const [now] = (await tools.api.status(vpsid)).status;
    if (now === undefined)
      throw fail('unavailable', `Virtualizor tells nothing about server ${vpsid}`);
    const limit = (amount: number, unit: number): number | null =>
      amount > 0 ? amount * unit : null;
    return [
      { name: 'cpu', used: now.used_cpu, limit: 100, unit: 'percent' },
      { name: 'memory', used: now.used_ram * MIB, limit: limit(now.ram, MIB), unit: 'bytes' },
      { name: 'disk', used: now.used_disk * GIB, limit: limit(now.disk, GIB), unit: 'bytes' },
      {
        name: 'traffic',
        used: now.used_bandwidth * GIB,
        limit: limit(now.bandwidth, GIB),
        unit: 'bytes',
      },
    ];
  },

  async list(_input, ctx) {
    const all = await connect(ctx).vpses();
    return all.map((vps) => {
      const serviceId = serviceIdOf(vps);
      return {
        remoteId: vps.vpsid,
        name: vps.hostname,
        status: vps.suspended ? 'suspended' : 'active',
        ...(serviceId === undefined ? {} : { serviceId }),
        ...(vps.email == null ? {} : { email: vps.email }),
        properties: { vpsid: vps.vpsid },
      };
    });
  },

  async info(service, ctx) {
    const tools = toolsOf(ctx);
    const vps = await requireVps(tools, service);
    const [now] = (await tools.api.status(vps.vpsid)).status;
    return {
      vpsid: vps.vpsid,
      hostname: vps.hostname,
      virtualization: vps.virt,
      system: vps.os_name,
      suspended: vps.suspended,
      running: now?.status === 1,
      addresses: vps.ips.filter((address) => typeof address === 'string'),
    };
  },

  productConfig: (values, ctx) => productFields(connect(ctx), values),
  checkoutConfig: async ({ product }, ctx) =>
    checkoutFields(connect(ctx), parseSettings(product.settings)),

  async validate({ product, checkout }, ctx) {
    const settings = parseSettings(product.settings);
    const read = readCheckout(checkout, settings);
    if ('problems' in read) return read.problems;
    const api = connect(ctx);
    const [plans, templatesOf] = await Promise.all([api.plans(), api.osList()]);
    try {
      planIn(plans, settings);
    } catch (error) {
      if (isFailure(error, 'invalid_input')) return [{ field: 'plan', message: error.message }];
      throw error;
    }
    if (templatesOf(settings.virt).some(({ id }) => id === read.choices.osId)) return [];
    return [{ field: 'os', message: 'is not on the master any more' }];
  },

  async reconcile({ operation, service }, ctx) {
    const tools = toolsOf(ctx);
    if (operation === 'terminate') return terminateVps(tools, service);
    const vps = await requireVps(tools, service);
    return operation === 'create' ? advance(tools, service, vps) : done(vps.vpsid);
  },

  actions,
});
