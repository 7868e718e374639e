// Makes what a service needs at Enhance: organisation → login → member → subscription → website. Each step
// can be met again by a later call, which goes on with it; what a refusal leaves behind is undone.

import { isFailure, isRefusal, orAbsent, parseDomain } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import type { Enhance, Subscription, Website } from './api.ts';
import { parseSettings } from './config.ts';
import type { EnhanceContext } from './config.ts';
import { ensureOrg, ensureOwner, removeIfEmpty } from './customers.ts';
import type { Owner } from './customers.ts';
import { changeRecord, whileLocked } from './records.ts';
import { done, findSubscription, findWebsite, isKnown, markOf, WAITING } from './sites.ts';

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
  if (isKnown(service) && existing !== undefined && site !== undefined) return done(existing, site);
  const made = await whileLocked(ctx, service.user, () => build(api, ctx, service));
  return made ?? WAITING;
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
  // What was finished once is not this call's to remove.
  if (isKnown(service)) return;
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

function loginOf({ email, password }: Owner): JsonObject | undefined {
  return password === undefined ? undefined : { username: email, password };
}
