// The account of a service: its name, how it is found, made and removed.
// WHM keeps no id of ours, so the user name is derived from the service's id: a look-up by it tells
// whether the account is there, however often a reply was lost.

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
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import type { Account, Whm } from './api.ts';
import { parseSettings } from './config.ts';
import type { CpanelContext } from './config.ts';

/** How long an order may run at WHM before it is given again. */
const ORDER_MS = 5 * 60_000;
/** When the panel asks again for an order that still runs. */
const ASK_AGAIN_MS = 15_000;
/** What a call keeps of its time to answer "pending" before its deadline. */
const RESERVE_MS = 1_500;
/** An account this young whose properties the panel never got was made by a call whose reply was lost. */
const FRESH_MS = 60 * 60_000;

/**
 * Finds the account of a service; undefined when WHM says that there is none.
 *
 * @throws {ExtensionFailure} `conflict` when the name is taken by an account that is not this service's
 */
export async function findAccount(whm: Whm, service: Service): Promise<Account | undefined> {
  const { username, domain } = service.properties;
  const derived = await accountName(service.id);
  const name = typeof username === 'string' ? username : derived;
  const account = await whm.account('user', name);
  if (account === undefined) return undefined;
  const ordered = readDomain(service.checkout);
  const known = [domain, 'domain' in ordered ? ordered.domain : undefined].filter(
    (each) => typeof each === 'string',
  );
  // Its main domain may have been changed in WHM since; the derived name alone is proof enough then.
  const isOurs =
    known.length === 0 || known.includes(account.domain.toLowerCase()) || username === derived;
  if (isOurs) return account;
  throw fail(
    'conflict',
    `Account "${name}" has the domain "${account.domain}", which is not the one of service ${service.id}`,
    { remedy: 'Look the account up in WHM; correct the properties of the service, or rename it' },
  );
}

/** @throws {ExtensionFailure} `not_found` when there is none */
export async function requireAccount(whm: Whm, service: Service): Promise<Account> {
  const account = await findAccount(whm, service);
  if (account !== undefined) return account;
  throw fail('not_found', `WHM has no account of service ${service.id}`, {
    remedy: 'Create it again, or link the service to the account by its user name',
  });
}

/** Makes the account, or finishes what an earlier call began. */
export async function createAccount(
  whm: Whm,
  service: Service,
  ctx: CpanelContext,
): Promise<ServerResult> {
  const domain = parseDomain(service.checkout);
  const settings = parseSettings(service.product.settings);
  const found = await findAccount(whm, service);
  if (found !== undefined) {
    await closeOrder(ctx.storage, service.id);
    return adopt(whm, service, found);
  }
  const owner = await whm.account('domain', domain);
  if (owner !== undefined) {
    throw fail('conflict', `Domain "${domain}" is on this server already, under "${owner.user}"`, {
      remedy: 'Take another domain, or remove the account that has it',
    });
  }
  const username = await accountName(service.id);
  const password = createPassword();
  const form = {
    username,
    domain,
    plan: settings.package,
    contactemail: service.user.email,
    password,
    ...(settings.dedicatedIp ? { ip: 'y' } : {}),
  };
  const order = await finish(ctx, (signal) =>
    orderOnce(ctx.storage, service.id, () => whm.create(form, signal)),
  );
  if (order === 'running') return pending({ username, domain, password });
  return done({ username, domain, password });
}

/** An account that is there already. A password that was lost with the reply is set anew. */
async function adopt(whm: Whm, service: Service, account: Account): Promise<ServerResult> {
  const { user: username, domain, unix_startdate: started = 0 } = account;
  const isFresh = Math.abs(Date.now() - started * 1_000) < FRESH_MS;
  const isKnown = typeof service.properties['username'] === 'string';
  // Older accounts keep theirs: the customer has it, and their databases may use it.
  if (isKnown || !isFresh) return done({ username, domain });
  const password = createPassword();
  await whm.setPassword(username, password);
  return done({ username, domain, password });
}

/** Removes the account; one that is gone is a success. */
export async function removeAccount(
  whm: Whm,
  service: Service,
  ctx: CpanelContext,
): Promise<ServerResult> {
  const gone = {
    status: 'done',
    properties: { username: null, domain: null, orderedAt: null },
  } as const;
  const account = await findAccount(whm, service);
  if (account === undefined) {
    await checkNoOrder(ctx.storage, service.id);
    return gone;
  }
  await closeOrder(ctx.storage, service.id);
  try {
    const order = await finish(ctx, (signal) => whm.remove(account.user, signal));
    return order === 'running' ? pending({ username: account.user, domain: account.domain }) : gone;
  } catch (error) {
    // A 404 of anything between us and WHM is no word of WHM: look again before it counts as gone.
    const isGone = isFailure(error, 'not_found') && (await findAccount(whm, service)) === undefined;
    if (isGone) return gone;
    throw error;
  }
}

/** Whether an order that was answered `pending` may still be at work. */
export function isAtWork({ properties }: Service): boolean {
  const at = Date.parse(String(properties['orderedAt'] ?? ''));
  return Date.now() - at < ORDER_MS;
}

/** The answer when an operation is over. */
export function done(of: { username: string; domain: string; password?: string }): ServerResult {
  const { username, domain, password } = of;
  return {
    status: 'done',
    remoteId: username,
    properties: { username, domain, orderedAt: null },
    ...(password === undefined ? {} : { oneTime: { username, password } }),
  };
}

/** The answer while WHM still works; `orderedAt` keeps the time of the first order. */
export function pending(
  of: { username: string; domain: string; password?: string },
  orderedAt = new Date().toISOString(),
): ServerResult {
  const { username, domain, password } = of;
  const properties: JsonObject = { username, domain, orderedAt };
  return {
    status: 'pending',
    remoteId: username,
    properties,
    ...(password === undefined ? {} : { oneTime: { username, password } }),
    retryAfterMs: ASK_AGAIN_MS,
  };
}

/**
 * Waits for an order as long as the call lasts, or the host for a reply: WHM goes on when nobody listens any more.
 * A call that is ended from outside throws.
 */
async function finish(
  { call }: CpanelContext,
  run: (signal: AbortSignal) => Promise<unknown>,
): Promise<'over' | 'running'> {
  const patience = AbortSignal.timeout(Math.max(0, call.deadlineMs - Date.now() - RESERVE_MS));
  try {
    await run(AbortSignal.any([call.signal, patience]));
    return 'over';
  } catch (error) {
    if (isFailure(error, 'timeout') && !call.signal.aborted) return 'running';
    throw error;
  }
}
