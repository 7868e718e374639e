// Web hosting on a Plesk server. Sites: sites.ts; their customers: customers.ts; the API: api.ts.

import { defineServer, fail, inTurns, originOf, readDomain } from 'cofferdam/sdk';
import type { RemoteService, ServerResult, Service } from 'cofferdam/sdk';

import { connect } from './api.ts';
import type { Client, Plesk, SiteStatus } from './api.ts';
import {
  applyPlan,
  readLoginPath,
  readReport,
  setSitePassword,
  switchPlan,
  systemUserOf,
  usageOf,
  UTILITIES,
} from './commands.ts';
import { config, parseSettings } from './config.ts';
import type { PleskContext } from './config.ts';
import { CHECKOUT_FIELDS, productFields } from './fields.ts';
import { createPassword } from './names.ts';
import { createSite, done, findNamed, removeSite, requireSite } from './sites.ts';

/** Requests that one listing may need; the host allows 1000 in a call. */
const LIST_REQUESTS = 900;
/** Requests of a listing that are under way at a time. */
const LIST_AT_ONCE = 8;

export default defineServer({
  config,

  async testConnection(ctx) {
    const api = connect(ctx);
    const { panel_version: version, hostname } = await api.server();
    const commands = await api.commands();
    const missing = UTILITIES.filter((name) => !commands.includes(name));
    if (missing.length === 0)
      return { ok: true, message: `Plesk ${version} on ${hostname} answers` };
    return {
      ok: false,
      message: `Plesk lets this login call no ${missing.join(', ')}`,
      remedy: 'Use the secret key of an administrator, and update the REST API extension of Plesk',
    };
  },

  create: (service, ctx) => createSite(connect(ctx), ctx, service),
  suspend: (service, ctx) => setStatus(ctx, service, 'suspended'),
  unsuspend: (service, ctx) => setStatus(ctx, service, 'active'),
  terminate: (service, ctx) => removeSite(connect(ctx), ctx, service),

  async getLoginUrl(service, ctx) {
    const api = connect(ctx);
    const { owner } = await requireSite(api, ctx, service);
    const path = await readLoginPath(api, owner.login);
    return { url: originOf(ctx.config) + path };
  },

  async changePackage(change, ctx) {
    const api = connect(ctx);
    const { plan } = parseSettings(change.product.settings);
    const { domain, owner } = await requireSite(api, ctx, change);
    await switchPlan(api, domain.name, plan);
    return done(domain, owner);
  },

  async changePassword({ service, password = createPassword() }, ctx) {
    const api = connect(ctx);
    const { domain, owner } = await requireSite(api, ctx, service);
    const login = systemUserOf(await readReport(api, domain.name));
    await setSitePassword(api, domain.name, password);
    return done(domain, owner, { ftpUsername: login, ftpPassword: password });
  },

  async usage(service, ctx) {
    const api = connect(ctx);
    const { domain } = await requireSite(api, ctx, service);
    return usageOf(await readReport(api, domain.name));
  },

  list: (_input, ctx) => listSites(connect(ctx), ctx),

  async info(service, ctx) {
    const api = connect(ctx);
    const { domain, owner } = await requireSite(api, ctx, service);
    return {
      domain: domain.name,
      status: await api.statusOf(domain.id),
      ftpUsername: systemUserOf(await readReport(api, domain.name)),
      panelUsername: owner.login,
      createdOn: domain.created,
    };
  },

  productConfig: (_values, ctx) => productFields(connect(ctx)),
  checkoutConfig: async () => CHECKOUT_FIELDS,

  async validate({ product, checkout }, ctx) {
    parseSettings(product.settings);
    const read = readDomain(checkout);
    if ('problem' in read) return [{ field: 'domain', message: read.problem }];
    const taken = await findNamed(connect(ctx), read.domain);
    return taken === undefined ? [] : [{ field: 'domain', message: 'is hosted here already' }];
  },

  actions: {
    resetPanelPassword: {
      label: 'New Plesk password',
      audience: 'both',
      confirm: 'Set a new password for the login to Plesk? The old one ends.',
      async run({ subject }, ctx) {
        const api = connect(ctx);
        const { owner } = await requireSite(api, ctx, subject);
        const password = createPassword();
        await api.updateClient(owner.id, { password });
        return {
          message: 'The new password is shown this once',
          oneTime: { panelUsername: owner.login, panelPassword: password },
        };
      },
    },
    applyPlan: {
      label: 'Apply the plan again',
      audience: 'admin',
      async run({ subject }, ctx) {
        const api = connect(ctx);
        const { domain } = await requireSite(api, ctx, subject);
        await applyPlan(api, domain.name);
        return { message: `${domain.name} is as its plan says` };
      },
    },
  },
});

/** A site that is as wanted already is left alone. */
async function setStatus(
  ctx: PleskContext,
  service: Service,
  wanted: SiteStatus,
): Promise<ServerResult> {
  const api = connect(ctx);
  const { domain, owner } = await requireSite(api, ctx, service);
  if ((await api.statusOf(domain.id)) !== wanted) await api.setStatus(domain.id, wanted);
  return done(domain, owner);
}

/** Sites of the customers of this panel; Plesk has no list that says whose a site is. */
async function listSites(api: Plesk, { config }: PleskContext): Promise<RemoteService[]> {
  const all = await api.clients();
  const customers = all.filter(({ external_id }) => external_id?.startsWith(`${config.mark}:`));
  assertListable(customers.length);
  const owned = await inTurns(customers, LIST_AT_ONCE, async (customer) =>
    (await api.clientDomains(customer.id)).map((domain) => ({ domain, customer })),
  );
  const sites = owned.flat();
  assertListable(customers.length + sites.length);
  return inTurns(sites, LIST_AT_ONCE, async ({ domain, customer }) =>
    describeSite(domain, customer, await api.statusOf(domain.id)),
  );
}

function describeSite(
  { id, name }: { readonly id: number; readonly name: string },
  { id: customerId, email }: Client,
  status: SiteStatus,
): RemoteService {
  return {
    remoteId: String(id),
    name,
    status: status === 'active' ? 'active' : 'suspended',
    email,
    properties: { domainId: id, domain: name, customerId },
  };
}

function assertListable(requests: number): void {
  if (requests <= LIST_REQUESTS) return;
  throw fail(
    'capacity',
    `Listing the sites takes ${requests} requests; ${LIST_REQUESTS} are allowed`,
    {
      remedy: 'Look at the subscriptions in Plesk itself: its API lists only customer by customer',
    },
  );
}
