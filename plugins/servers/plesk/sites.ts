// One service's site at Plesk: finding it, knowing that it is ours, making it once.
// Plesk keeps no external id of a site: its owner says whose user it is, its system user which service.

import {
  checkNoOrder,
  closeOrder,
  fail,
  isFailure,
  isRefusal,
  orAbsent,
  orderOnce,
  parseDomain,
} from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import type { Client, Domain, Plesk } from './api.ts';
import { readReport, setSitePassword, systemUserOf } from './commands.ts';
import { parseSettings } from './config.ts';
import type { PleskContext } from './config.ts';
import { ensureCustomer, removeIfEmpty, whileMaking } from './customers.ts';
import type { Customer } from './customers.ts';
import { createPassword, externalIdOf, siteLoginOf } from './names.ts';

/** A site of a service, with its owner. */
export type Site = { readonly domain: Domain; readonly owner: Client };

/** Plesk tells the day a site was made: this long after it one that the panel forgot is still new. */
const NEW_MS = 2 * 24 * 60 * 60_000;

/** The site of a service; undefined when there is none. One of somebody else is never returned. */
export async function findSite(
  api: Plesk,
  ctx: PleskContext,
  service: Service,
): Promise<Site | undefined> {
  const known = knownId(service);
  const byId = known === undefined ? undefined : await orAbsent(() => api.domain(known));
  if (byId !== undefined) return ownedSite(api, ctx, service, byId);
  const named = await findNamed(api, nameOf(service));
  const site = named && (await ownedSite(api, ctx, service, named));
  if (site === undefined) return undefined;
  // Another service of the same user may have this name: the system user tells them apart.
  const report = await readReport(api, site.domain.name);
  return systemUserOf(report) === (await siteLoginOf(ctx.config, service)) ? site : undefined;
}

/** A site by its whole name. */
export async function findNamed(api: Plesk, name: string): Promise<Domain | undefined> {
  const found = await api.domainsNamed(name);
  return found.find((each) => each.name === name || each.ascii_name === name);
}

async function ownedSite(
  api: Plesk,
  { config }: PleskContext,
  service: Service,
  domain: Domain,
): Promise<Site | undefined> {
  const owner = await orAbsent(() => api.ownerOf(domain.id));
  const isOurs = owner !== undefined && owner.external_id === externalIdOf(config, service.user);
  return isOurs ? { domain, owner } : undefined;
}

/** The service's site. @throws {ExtensionFailure} `not_found` */
export async function requireSite(api: Plesk, ctx: PleskContext, service: Service): Promise<Site> {
  const site = await findSite(api, ctx, service);
  if (site !== undefined) return site;
  throw fail('not_found', `No site of service ${service.id} exists at Plesk`, {
    remedy: 'Create the service again, or give its site back to its customer in Plesk',
  });
}

/** Makes the site and its customer, or finds what an earlier call made. */
export async function createSite(
  api: Plesk,
  ctx: PleskContext,
  service: Service,
): Promise<ServerResult> {
  const { plan, ip } = parseSettings(service.product.settings);
  const name = parseDomain(service.checkout);
  const existing = await findSite(api, ctx, service);
  if (existing !== undefined) {
    await closeOrder(ctx.storage, service.id);
    return resume(api, ctx, service, existing);
  }
  const login = await siteLoginOf(ctx.config, service);
  const password = createPassword();
  return whileMaking(ctx, service, async () => {
    const customer = await ensureCustomer(api, ctx, service);
    try {
      const { id } = await orderOnce(ctx.storage, service.id, () =>
        api.createDomain({
          name,
          hosting_type: 'virtual',
          hosting_settings: { ftp_login: login, ftp_password: password },
          owner_client: {
            id: customer.id,
            login: customer.login,
            guid: customer.guid,
            external_id: externalIdOf(ctx.config, service.user),
          },
          ...(ip === undefined ? {} : { ip_addresses: [ip] }),
          plan: { name: plan },
        }),
      );
      const panel = panelLogin(customer);
      return done({ id, name }, customer, { ftpUsername: login, ftpPassword: password, ...panel });
    } catch (error) {
      await undo(api, ctx, customer, error);
      throw error;
    }
  });
}

/** A customer made for a site that Plesk refused goes again; what may have happened stays. */
async function undo(
  api: Plesk,
  { log }: PleskContext,
  { id, isNew }: Customer,
  cause: unknown,
): Promise<void> {
  if (!isNew || !isRefusal(cause)) return;
  try {
    if ((await api.clientDomains(id)).length === 0) await api.removeClient(id);
  } catch (error) {
    if (!isFailure(error)) throw error;
    // The refusal of the site is what must be told; the next create finds the customer again.
    log.warn('The customer of a refused site could not be removed', { id, why: error.message });
  }
}

/** A site that the panel does not know yet: its password was lost with a reply, so it gets a new one. */
async function resume(
  api: Plesk,
  ctx: PleskContext,
  service: Service,
  { domain, owner }: Site,
): Promise<ServerResult> {
  const age = Date.now() - Date.parse(domain.created);
  if (knownId(service) !== undefined || age > NEW_MS) return done(domain, owner);
  const password = createPassword();
  await setSitePassword(api, domain.name, password);
  const login = await siteLoginOf(ctx.config, service);
  return done(domain, owner, { ftpUsername: login, ftpPassword: password });
}

/** Removes the site, and its customer when nothing is left. A site that is gone is a success. */
export async function removeSite(
  api: Plesk,
  ctx: PleskContext,
  service: Service,
): Promise<ServerResult> {
  const site = await findSite(api, ctx, service);
  if (site === undefined) {
    await checkNoOrder(ctx.storage, service.id);
  } else {
    await closeOrder(ctx.storage, service.id);
    await orAbsent(() => api.removeDomain(site.domain.id));
  }
  if (ctx.config.removeCustomers) await removeIfEmpty(api, ctx, service.user);
  return { status: 'done', properties: { domainId: null, domain: null, customerId: null } };
}

/** A finished operation. */
export function done(
  domain: { readonly id: number; readonly name: string },
  { id }: { readonly id: number },
  oneTime?: JsonObject,
): ServerResult {
  const result = {
    status: 'done',
    remoteId: String(domain.id),
    properties: { domainId: domain.id, domain: domain.name, customerId: id },
  } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}

function panelLogin({ login, password }: Customer): JsonObject {
  return password === undefined ? {} : { panelUsername: login, panelPassword: password };
}

function knownId({ properties }: Service): number | undefined {
  const { domainId } = properties;
  return typeof domainId === 'number' && Number.isInteger(domainId) ? domainId : undefined;
}

/** The name the site was made with; what the customer entered when the panel does not know. */
function nameOf({ properties, checkout }: Service): string {
  const { domain } = properties;
  return typeof domain === 'string' && domain !== '' ? domain : parseDomain(checkout);
}
