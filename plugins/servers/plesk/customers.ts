// One Plesk customer per user of the panel: found by its external id, made once, removed when empty.
// A customer must never be removed while a site of theirs is being made, nor one that others made.

import { fail, isFailure, orAbsent } from 'cofferdam/sdk';
import type { Service, User } from 'cofferdam/sdk';

import type { Client, Plesk } from './api.ts';
import type { PleskContext } from './config.ts';
import { createPassword, customerLoginOf, externalIdOf } from './names.ts';

/** Stands in the description of a customer that this extension made; only those are ever removed. */
const MADE_HERE = 'Made by the billing panel';

/** How long a call that makes a site is believed to run when it never says that it ended. */
const MAKING_MS = 10 * 60_000;

/** A customer to make a site for. */
export type Customer = {
  readonly id: number;
  readonly login: string;
  readonly guid: string;
  readonly isNew: boolean;
  /** Set when the customer has a password that nobody was told yet. */
  readonly password?: string;
};

/** The customer of a user; undefined when there is none. */
export async function findCustomer(
  api: Plesk,
  { config }: PleskContext,
  user: User,
): Promise<Client | undefined> {
  const wanted = externalIdOf(config, user);
  return (await api.clients()).find(({ external_id }) => external_id === wanted);
}

/**
 * Says that a site is being made for this user while `run` runs.
 *
 * Said before the customer is looked up: who removes customers hides them first and looks for this
 * afterwards, so one of the two always sees the other.
 */
export async function whileMaking<T>(
  { storage }: PleskContext,
  service: Service,
  run: () => Promise<T>,
): Promise<T> {
  const key = `${makingPrefix(service.user)}${service.id}`;
  await storage.set(key, true, { ttlMs: MAKING_MS });
  try {
    return await run();
  } finally {
    await storage.delete(key);
  }
}

/** Finds the user's customer or makes it; inside `whileMaking`. */
export async function ensureCustomer(
  api: Plesk,
  ctx: PleskContext,
  service: Service,
): Promise<Customer> {
  const { user } = service;
  const found = (await findCustomer(api, ctx, user)) ?? (await adopt(api, ctx, user));
  if (found !== undefined) return resume(api, ctx, service, found);
  const password = createPassword();
  const login = await customerLoginOf(ctx.config, user);
  try {
    const made = await api.createClient({
      name: nameOf(user),
      ...(user.companyName === undefined ? {} : { company: user.companyName.slice(0, 60) }),
      login,
      password,
      email: user.email,
      type: 'customer',
      external_id: externalIdOf(ctx.config, user),
      description: MADE_HERE,
    });
    return { ...made, login, isNew: true, password };
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    // Another call for the same user was faster: the login is the same for both.
    const theirs = await findCustomer(api, ctx, user);
    if (theirs !== undefined) return { ...theirs, isNew: false };
    throw fail('conflict', error.failure.message, {
      remedy: `Rename or remove the account "${login}" in Plesk: it is of no user of this panel`,
      cause: error,
    });
  }
}

/** A customer that has no site yet was made by a call whose reply was lost: a new password is set. */
async function resume(
  api: Plesk,
  ctx: PleskContext,
  service: Service,
  client: Client,
): Promise<Customer> {
  const customer = { ...client, isNew: false };
  if (client.description !== MADE_HERE) return customer;
  if ((await api.clientDomains(client.id)).length > 0) return customer;
  if (await isMaking(ctx, service.user, service)) return customer;
  const password = createPassword();
  await api.updateClient(client.id, { password });
  return { ...customer, password };
}

/** A customer that was there before, when the admin allowed it: the whole address, and nobody's yet. */
async function adopt(
  api: Plesk,
  { config }: PleskContext,
  user: User,
): Promise<Client | undefined> {
  if (!config.adoptCustomers) return undefined;
  const address = user.email.toLowerCase();
  const found = (await api.clients()).find(
    ({ email, type, external_id }) =>
      email.toLowerCase() === address && type === 'customer' && (external_id ?? '') === '',
  );
  if (found === undefined) return undefined;
  await api.updateClient(found.id, { external_id: externalIdOf(config, user) });
  return found;
}

/**
 * Removes the user's customer when it was made here and has no site.
 *
 * It is hidden first, under another login and external id: a call that begins now makes a new one.
 * Plesk removes a customer with all their sites, so what was not empty after all is shown again. One
 * that an earlier call hid, and then could not remove, is found here too.
 */
export async function removeIfEmpty(api: Plesk, ctx: PleskContext, user: User): Promise<void> {
  const { config, log } = ctx;
  const shown = {
    external_id: externalIdOf(config, user),
    login: await customerLoginOf(config, user),
  };
  const hiddenId = `${config.mark}-removed:${user.id}`;
  const isUsed = async (id: number): Promise<boolean> =>
    (await isMaking(ctx, user)) || (await api.clientDomains(id)).length > 0;
  for (const { id, external_id, description } of await api.clients()) {
    const isHidden = external_id === hiddenId;
    if (description !== MADE_HERE || (!isHidden && external_id !== shown.external_id)) continue;
    if (!isHidden) {
      if (await isUsed(id)) continue;
      await api.updateClient(id, { external_id: hiddenId, login: `removed-${id}` });
    }
    if (await isUsed(id)) {
      log.warn('A customer got a site while it was about to be removed: it stays', { id });
      await api.updateClient(id, shown);
    } else {
      await orAbsent(() => api.removeClient(id));
    }
  }
}

/** Whether a site is being made for this user, by another service than the one named. */
async function isMaking({ storage }: PleskContext, user: User, but?: Service): Promise<boolean> {
  const prefix = makingPrefix(user);
  const keys = await storage.list(prefix);
  return keys.some(({ key }) => key !== `${prefix}${but?.id ?? ''}`);
}

const makingPrefix = (user: User): string => `making/${user.id}/`;

/** 1 to 60 characters, as Plesk wants them. */
function nameOf({ firstName = '', lastName = '', companyName = '', email }: User): string {
  const name = `${firstName} ${lastName}`.trim() || companyName.trim() || email;
  return name.slice(0, 60);
}
