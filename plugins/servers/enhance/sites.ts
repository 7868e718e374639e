// One service's subscription and website: found by the panel's mark in the subscription's friendly name,
// which only the seller can write; and removed. build.ts makes them.

import { fail, orAbsent, parseDomain, z } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import type { Enhance, Subscription, Website } from './api.ts';
import type { Config, EnhanceContext } from './config.ts';
import { findOrg, removeIfEmpty } from './customers.ts';
import { whileLocked } from './records.ts';

/** The answer while another call works on the same customer. */
export const WAITING: ServerResult = { status: 'pending', retryAfterMs: 3_000 };

const known = z.object({
  orgId: z.uuid(),
  subscriptionId: z.int(),
  websiteId: z.uuid().optional(),
});

/** Whether the panel knows the service's subscription: what it knows was finished once. */
export function isKnown({ properties }: Service): boolean {
  return known.safeParse(properties).success;
}

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
  return cleaned ?? WAITING;
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

/** The name the site was made with; what the customer entered when the panel does not know. */
function nameOf({ properties, checkout }: Service): string {
  const { domain } = properties;
  return typeof domain === 'string' && domain !== '' ? domain : parseDomain(checkout);
}
