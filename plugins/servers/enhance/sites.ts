// One service's subscription and website: found by the panel's mark in the subscription's friendly name,
// which only the seller can write; made in steps that a later call goes on with, or that are undone.

import { fail, isFailure, parseDomain, z } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import { orAbsent } from './api.ts';
import type { Enhance, Subscription, Website } from './api.ts';
import { parseSettings } from './config.ts';
import type { Config, EnhanceContext } from './config.ts';
import { ensureOrg, ensureOwner, findOrg, removeIfEmpty } from './customers.ts';
import type { Owner } from './customers.ts';
import { changeRecord, isRefusal, whileLocked } from './records.ts';

/** When to ask again while another call works on the same customer. */
const RETRY_MS = 3_000;

const known = z.object({
  orgId: z.uuid(),
  subscriptionId: z.int(),
  websiteId: z.uuid().optional(),
});

/** What marks a subscription as a service's. */
export function markOf({ mark }: Config, serviceId: string): string {
  return `${mark}:${serviceId}`;
}

/** The subscription of a service; undefined when there is none, or it was removed. */
export async function findSubscription(
  api: Enhance,
  ctx: EnhanceContext,
  service: Service,
): Promise<Subscription | undefined> {
  const { data } = known.safeParse(service.properties);
  const byId = data && (await orAbsent(() => api.subscription(data.orgId, data.subscriptionId)));
  if (byId?.status === 'active') return byId;
  const mark = markOf(ctx.config, service.id);
  const isOurs = ({ friendlyName, status }: Subscription): boolean =>
    friendlyName === mark && status === 'active';
  const org = await findOrg(api, ctx, service.user);
  const remembered = org && (await api.subscriptions(org.id)).find(isOurs);
  if (remembered !== undefined) return remembered;
  // Nothing is remembered, or of another organisation: the website leads to it.
  const site = await findNamed(api, nameOf(service));
  if (site?.subscriptionId === undefined || site.orgId === org?.id) return undefined;
  const { orgId, subscriptionId } = site;
  const found = await orAbsent(() => api.subscription(orgId, subscriptionId));
  return found !== undefined && isOurs(found) ? found : undefined;
}

/** A website of any customer by its whole name. */
async function findNamed(api: Enhance, name: string): Promise<Website | undefined> {
  const found = await api.websitesNamed(name);
  return found.find(({ domain, status }) => domain.domain === name && status !== 'deleted');
}

/** The service's subscription. @throws {ExtensionFailure} `not_found` */
export async function requireSubscription(
  api: Enhance,
  ctx: EnhanceContext,
  service: Service,
): Promise<Subscription> {
  const found = await findSubscription(api, ctx, service);
  if (found !== undefined) return found;
  throw fail('not_found', `No subscription of service ${service.id} exists at Enhance`, {
    remedy: 'Create the service again, or restore its subscription in Enhance',
  });
}

/** The website of a subscription; the customer may have given it another domain. */
export async function findWebsite(
  api: Enhance,
  { subscriberId, id }: Subscription,
): Promise<Website | undefined> {
  const all = await api.websitesOf(subscriberId, id);
  return all.find(({ status, kind }) => status !== 'deleted' && kind === 'normal');
}

/** Makes what the service needs, or goes on where an earlier call stopped. */
export async function createSite(
  api: Enhance,
  ctx: EnhanceContext,
  service: Service,
): Promise<ServerResult> {
  parseSettings(service.product.settings);
  parseDomain(service.checkout);
  const existing = await findSubscription(api, ctx, service);
  const site = existing && (await findWebsite(api, existing));
  // What the panel does not know yet may have a password that nobody was told: that is build's to say.
  const isKnown = known.safeParse(service.properties).success;
  if (isKnown && existing !== undefined && site !== undefined) return done(existing, site);
  const made = await whileLocked(ctx, service.user, () => build(api, ctx, service));
  return made ?? { status: 'pending', retryAfterMs: RETRY_MS };
}

/** Organisation → login → member → subscription → website. What a refusal leaves behind is undone. */
async function build(api: Enhance, ctx: EnhanceContext, service: Service): Promise<ServerResult> {
  const { user } = service;
  try {
    const found = await findSubscription(api, ctx, service);
    const org = await (found === undefined
      ? ensureOrg(api, ctx, user)
      : api.org(found.subscriberId));
    const owner = await ensureOwner(api, ctx, user, org);
    const subscription = found ?? (await subscribe(api, ctx, service, org.id));
    const site =
      (await findWebsite(api, subscription)) ?? (await addSite(api, service, subscription));
    if (owner.password !== undefined) await changeRecord(ctx, user, { isTold: true });
    return done(subscription, site, loginOf(owner));
  } catch (error) {
    if (isRefusal(error)) await undo(api, ctx, service);
    throw error;
  }
}

async function subscribe(
  api: Enhance,
  ctx: EnhanceContext,
  service: Service,
  orgId: string,
): Promise<Subscription> {
  const friendlyName = markOf(ctx.config, service.id);
  const { plan: planId } = parseSettings(service.product.settings);
  const id = await api.subscribe(orgId, { planId, friendlyName });
  return api.subscription(orgId, id);
}

async function addSite(
  api: Enhance,
  service: Service,
  { subscriberId, id }: Subscription,
): Promise<Website> {
  const { serverGroup } = parseSettings(service.product.settings);
  const websiteId = await api.createWebsite(subscriberId, {
    domain: parseDomain(service.checkout),
    subscriptionId: id,
    ...(serverGroup === undefined ? {} : { serverGroupId: serverGroup }),
  });
  return api.website(subscriberId, websiteId);
}

/** Takes back what a refused create made, in this call or in one before it. */
async function undo(api: Enhance, ctx: EnhanceContext, service: Service): Promise<void> {
  // What the panel knows was finished once: it is not this call's to remove.
  if (known.safeParse(service.properties).success) return;
  try {
    const left = await findSubscription(api, ctx, service);
    if (left !== undefined && (await findWebsite(api, left)) === undefined) {
      await orAbsent(() => api.removeSubscription(left.subscriberId, left.id));
    }
    await removeIfEmpty(api, ctx, service.user);
  } catch (error) {
    if (!isFailure(error)) throw error;
    // The refusal is what must be told; the next create finds what is left and goes on with it.
    ctx.log.warn('What a refused create made could not be taken back', { why: error.message });
  }
}

/** Removes the subscription with its website, and the customer when nothing is left of them. */
export async function removeSite(
  api: Enhance,
  ctx: EnhanceContext,
  service: Service,
): Promise<ServerResult> {
  const found = await findSubscription(api, ctx, service);
  if (found !== undefined) {
    await orAbsent(() => api.removeSubscription(found.subscriberId, found.id));
  }
  const gone: ServerResult = {
    status: 'done',
    properties: { orgId: null, subscriptionId: null, websiteId: null, domain: null },
  };
  if (!ctx.config.removeCustomers) return gone;
  const cleaned = await whileLocked(ctx, service.user, async () => {
    await removeIfEmpty(api, ctx, service.user);
    return gone;
  });
  return cleaned ?? { status: 'pending', retryAfterMs: RETRY_MS };
}

/** A finished operation. */
export function done(
  { id, subscriberId }: Subscription,
  site?: Website,
  oneTime?: JsonObject,
): ServerResult {
  const ofSite = site === undefined ? {} : { websiteId: site.id, domain: site.domain.domain };
  const result = {
    status: 'done',
    remoteId: String(id),
    properties: { orgId: subscriberId, subscriptionId: id, ...ofSite },
  } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}

function loginOf({ email, password }: Owner): JsonObject | undefined {
  return password === undefined ? undefined : { username: email, password };
}

/** The name the site was made with; what the customer entered when the panel does not know. */
function nameOf({ properties, checkout }: Service): string {
  const { domain } = properties;
  return typeof domain === 'string' && domain !== '' ? domain : parseDomain(checkout);
}
