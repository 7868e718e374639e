// Web hosting on an Enhance cluster. Subscriptions and websites: sites.ts; customers: customers.ts.

import { defineServer, fail, readDomain } from 'cofferdam/sdk';
import type { ServerResult, Service, Usage } from 'cofferdam/sdk';

import { connect } from './api.ts';
import type { Subscription } from './api.ts';
import { createSite } from './build.ts';
import { config, parseSettings } from './config.ts';
import type { EnhanceContext } from './config.ts';
import { createPassword } from './customers.ts';
import { CHECKOUT_FIELDS, DOMAIN_PROBLEMS, productFields } from './fields.ts';
import { listSubscriptions, statusOf } from './listing.ts';
import { done, findWebsite, removeSite, requireSubscription } from './sites.ts';

export default defineServer({
  config,

  async testConnection(ctx) {
    const { name, status } = await connect(ctx).seller();
    if (status === 'active') return { ok: true, message: `Enhance answers for "${name}"` };
    return {
      ok: false,
      message: `The organisation "${name}" is marked as deleted`,
      remedy: 'Restore it in Enhance, or enter the id of another one',
    };
  },

  create: (service, ctx) => createSite(connect(ctx), ctx, service),
  suspend: (service, ctx) => setSuspended(ctx, service, true),
  unsuspend: (service, ctx) => setSuspended(ctx, service, false),
  terminate: (service, ctx) => removeSite(connect(ctx), ctx, service),

  async getLoginUrl(service, ctx) {
    const api = connect(ctx);
    const { subscriberId } = await requireSubscription(api, ctx, service);
    const { ownerLoginId } = await api.org(subscriberId);
    const owners = (await api.owners(subscriberId)).filter(({ isActive }) => isActive);
    const owner = owners.find(({ loginId }) => loginId === ownerLoginId) ?? owners[0];
    if (owner === undefined) throw noOwner(service);
    return { url: checkLink(ctx, await api.loginLink(subscriberId, owner.id)) };
  },

  async changePackage(change, ctx) {
    const api = connect(ctx);
    const { plan: planId } = parseSettings(change.product.settings);
    const found = await requireSubscription(api, ctx, change);
    if (found.planId !== planId) {
      await api.changeSubscription(found.subscriberId, found.id, { planId });
    }
    return done(found);
  },

  async changePassword({ service, password = createPassword() }, ctx) {
    const api = connect(ctx);
    const found = await requireSubscription(api, ctx, service);
    const { ownerLoginId, ownerEmail = '' } = await api.org(found.subscriberId);
    if (ownerLoginId === undefined) throw noOwner(service);
    await api.setPassword(ownerLoginId, password);
    return done(found, undefined, { username: ownerEmail, password });
  },

  async usage(service, ctx) {
    const { resources } = await requireSubscription(connect(ctx), ctx, service);
    // A resource that the plan has none of says nothing.
    return resources.filter(({ total }) => total !== 0).map(measure);
  },

  list: (_input, ctx) => listSubscriptions(connect(ctx), ctx),

  async info(service, ctx) {
    const api = connect(ctx);
    const found = await requireSubscription(api, ctx, service);
    const site = await findWebsite(api, found);
    const { ownerEmail } = await api.org(found.subscriberId);
    return {
      plan: found.planName,
      status: statusOf(found),
      domain: site?.domain.domain ?? null,
      addresses: (site?.serverIps ?? []).map(({ ip }) => ip),
      username: ownerEmail ?? null,
    };
  },

  productConfig: (values, ctx) => productFields(connect(ctx), values),
  checkoutConfig: async () => CHECKOUT_FIELDS,

  async validate({ product, checkout }, ctx) {
    parseSettings(product.settings);
    const read = readDomain(checkout);
    if ('problem' in read) return [{ field: 'domain', message: read.problem }];
    const message = DOMAIN_PROBLEMS[await connect(ctx).checkDomain(read.domain)];
    return message === undefined ? [] : [{ field: 'domain', message }];
  },

  async reconcile({ operation, service }, ctx) {
    const api = connect(ctx);
    if (operation === 'create') return createSite(api, ctx, service);
    if (operation === 'terminate') return removeSite(api, ctx, service);
    return done(await requireSubscription(api, ctx, service));
  },

  actions: {
    sshPassword: {
      label: 'New SSH password',
      audience: 'both',
      confirm: 'Set a new password for SSH? The old one ends.',
      async run({ subject }, ctx) {
        const api = connect(ctx);
        const found = await requireSubscription(api, ctx, subject);
        const site = await findWebsite(api, found);
        if (site === undefined) throw fail('not_found', 'The subscription has no website');
        const sshPassword = createPassword();
        await api.setSshPassword(found.subscriberId, site.id, sshPassword);
        return { message: 'The new password is shown this once', oneTime: { sshPassword } };
      },
    },
    measure: {
      label: 'Measure usage again',
      audience: 'admin',
      async run({ subject }, ctx) {
        const api = connect(ctx);
        const { subscriberId, id } = await requireSubscription(api, ctx, subject);
        await api.measure(subscriberId, id);
        return { message: 'Enhance has counted the resources of the subscription' };
      },
    },
  },
});

/** A subscription that is as wanted already is left alone. */
async function setSuspended(
  ctx: EnhanceContext,
  service: Service,
  isSuspended: boolean,
): Promise<ServerResult> {
  const api = connect(ctx);
  const found = await requireSubscription(api, ctx, service);
  if ((found.suspendedBy !== undefined) !== isSuspended) {
    await api.changeSubscription(found.subscriberId, found.id, { isSuspended });
  }
  return done(found);
}

/** A link that Enhance made, when it leads where customers of this cluster log in. */
function checkLink({ config: { host, loginHost = host } }: EnhanceContext, text: string): string {
  const link = URL.parse(text);
  const isThere = link?.hostname === host || link?.hostname === loginHost;
  if (link?.protocol === 'https:' && isThere) return link.href;
  throw fail('invalid_response', `Enhance: a login link leads to "${link?.host ?? 'no address'}"`, {
    remedy: 'Enter that name as "Host of logins" when it is your control panel',
  });
}

function noOwner(service: Service) {
  return fail(
    'not_found',
    `The organisation of service ${service.id} has no owner who can log in`,
    {
      remedy: 'Give it an owner in Enhance',
    },
  );
}

function measure({ name, usage, total }: Subscription['resources'][number]): Usage {
  const unit = name === 'diskspace' || name === 'transfer' ? 'bytes' : 'count';
  return { name, used: usage, limit: total ?? null, unit };
}
