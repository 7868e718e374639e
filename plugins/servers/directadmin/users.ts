// The DirectAdmin user of a service: its name, how it is found, made and removed.
// DirectAdmin keeps no id of ours, so the name is derived from the service's id: a look-up by it tells
// whether the user is there, however often a reply was lost.

import {
  accountName,
  checkNoOrder,
  closeOrder,
  createPassword,
  fail,
  isFailure,
  orderOnce,
  parseDomain,
  readDomain,
} from 'cofferdam/sdk';
import type { ServerResult, Service } from 'cofferdam/sdk';

import type { DirectAdmin, User } from './api.ts';
import { parseSettings } from './config.ts';
import type { DirectAdminContext } from './config.ts';

/**
 * A user this young whose properties the panel never got was made by a call whose reply was lost.
 * A day, because DirectAdmin says neither in which zone its date is nor how exact.
 */
const FRESH_MS = 24 * 60 * 60_000;

/**
 * Finds the user of a service; undefined when DirectAdmin says that there is none.
 *
 * @throws {ExtensionFailure} `conflict` when the name is taken by somebody who is not this service's
 */
export async function findUser(api: DirectAdmin, service: Service): Promise<User | undefined> {
  const { username, domain } = service.properties;
  const derived = await accountName(service.id);
  const name = typeof username === 'string' ? username : derived;
  const user = await api.user(name);
  if (user === undefined) return undefined;
  if (user.userType.toLowerCase() !== 'user') {
    throw fail('conflict', `"${name}" is no hosting user but ${user.userType}`, {
      remedy: 'Correct the properties of the service: resellers and admins are never touched',
    });
  }
  const ordered = readDomain(service.checkout);
  const known = [domain, 'domain' in ordered ? ordered.domain : undefined].filter(
    (each) => typeof each === 'string',
  );
  const has = [user.domain ?? '', ...(user.domains ?? [])].map((each) => each.toLowerCase());
  // Its domains may have been changed since; the derived name alone is proof enough then.
  const isOurs =
    known.length === 0 || known.some((each) => has.includes(each)) || username === derived;
  if (isOurs) return user;
  throw fail(
    'conflict',
    `User "${name}" has the domain "${user.domain ?? ''}", which is not the one of service ${service.id}`,
    { remedy: 'Look the user up in DirectAdmin; correct the properties of the service' },
  );
}

/** @throws {ExtensionFailure} `not_found` when there is none */
export async function requireUser(api: DirectAdmin, service: Service): Promise<User> {
  const user = await findUser(api, service);
  if (user !== undefined) return user;
  throw fail('not_found', `DirectAdmin has no user of service ${service.id}`, {
    remedy: 'Create it again, or link the service to the user by its name',
  });
}

/** Makes the user, or finishes what an earlier call began. */
export async function createUser(
  api: DirectAdmin,
  { storage }: DirectAdminContext,
  service: Service,
): Promise<ServerResult> {
  const domain = parseDomain(service.checkout);
  const settings = parseSettings(service.product.settings);
  const found = await findUser(api, service);
  if (found !== undefined) {
    await closeOrder(storage, service.id);
    return adopt(api, service, found);
  }
  const owner = await api.ownerOf(domain);
  if (owner !== undefined) {
    throw fail('conflict', `Domain "${domain}" is on this server already, under "${owner}"`, {
      remedy: 'Take another domain, or remove it from the user who has it',
    });
  }
  const username = await accountName(service.id);
  const password = createPassword();
  const { email } = service.user;
  await orderOnce(storage, service.id, () =>
    api.create({ username, email, domain, password, ...settings }),
  );
  return done({ username, domain, password });
}

/** A user who is there already. A password that was lost with the reply is set anew. */
async function adopt(api: DirectAdmin, service: Service, user: User): Promise<ServerResult> {
  const { username, domain, dateCreated } = user;
  const isFresh = Math.abs(Date.now() - Date.parse(dateCreated ?? '')) < FRESH_MS;
  const isKnown = typeof service.properties['username'] === 'string';
  // Older users keep theirs: the customer has it.
  if (isKnown || !isFresh) return done({ username, domain });
  const password = createPassword();
  await api.setPassword(username, password);
  return done({ username, domain, password });
}

/** Removes the user with everything of theirs; one who is gone is a success. */
export async function removeUser(
  api: DirectAdmin,
  { storage }: DirectAdminContext,
  service: Service,
): Promise<ServerResult> {
  const gone = { status: 'done', properties: { username: null, domain: null } } as const;
  const user = await findUser(api, service);
  if (user === undefined) {
    await checkNoOrder(storage, service.id);
    return gone;
  }
  await closeOrder(storage, service.id);
  try {
    await api.remove(user.username);
  } catch (error) {
    // A 404 of anything in between is no word of DirectAdmin: look again before it counts as gone.
    const isGone = isFailure(error, 'not_found') && (await findUser(api, service)) === undefined;
    if (!isGone) throw error;
  }
  return gone;
}

/** The answer when an operation is over. */
export function done(of: {
  readonly username: string;
  readonly domain?: string | null | undefined;
  readonly password?: string;
}): ServerResult {
  const { username, domain = null, password } = of;
  return {
    status: 'done',
    remoteId: username,
    properties: { username, domain },
    ...(password === undefined ? {} : { oneTime: { username, password } }),
  };
}
