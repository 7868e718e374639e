// A user's organisation at Enhance with its owner: organisation → login → member, each found again by a
// later call. Runs inside the lock of the user only. Nothing here trusts a name or an address that a
// customer can change, unless the admin said so.

import { createPassword as createText, fail, isFailure, isRefusal, orAbsent } from 'cofferdam/sdk';
import type { User } from 'cofferdam/sdk';

import type { Enhance, Org } from './api.ts';
import type { EnhanceContext } from './config.ts';
import { changeRecord, readRecord } from './records.ts';

/** Who owns an organisation. */
export type Owner = {
  readonly email: string;
  /** Set when nobody was told a password of this login yet. */
  readonly password?: string;
};

/** The user's organisation that is remembered; undefined when there is none, or it is gone. */
export async function findOrg(
  api: Enhance,
  ctx: EnhanceContext,
  user: User,
): Promise<Org | undefined> {
  const { orgId } = await readRecord(ctx, user);
  const org = orgId === undefined ? undefined : await orAbsent(() => api.org(orgId));
  return org?.status === 'active' ? org : undefined;
}

/** Finds the user's organisation or makes it. */
export async function ensureOrg(api: Enhance, ctx: EnhanceContext, user: User): Promise<Org> {
  const known = (await findOrg(api, ctx, user)) ?? (await resumeOrg(api, ctx, user));
  if (known !== undefined) return known;
  const adopted = ctx.config.adoptCustomers ? await findByOwner(api, user) : undefined;
  if (adopted !== undefined) {
    await changeRecord(ctx, user, { orgId: adopted.id, isMade: false });
    return adopted;
  }
  const nonce = crypto.randomUUID();
  await changeRecord(ctx, user, { orgId: undefined, nonce });
  try {
    const orgId = await api.createCustomer(`${nameOf(user)} #${nonce}`);
    return await keepMade(api, ctx, user, orgId);
  } catch (error) {
    if (isRefusal(error)) await changeRecord(ctx, user, { nonce: undefined });
    throw error;
  }
}

/** The organisation that an earlier call ordered without getting a reply. */
async function resumeOrg(api: Enhance, ctx: EnhanceContext, user: User): Promise<Org | undefined> {
  const { nonce } = await readRecord(ctx, user);
  if (nonce === undefined) return undefined;
  const found = (await api.customers()).find(
    ({ name, status }) => name.endsWith(`#${nonce}`) && status === 'active',
  );
  return found && keepMade(api, ctx, user, found.id);
}

/** Remembers an organisation as made here, and takes the mark out of its name. */
async function keepMade(
  api: Enhance,
  ctx: EnhanceContext,
  user: User,
  orgId: string,
): Promise<Org> {
  await changeRecord(ctx, user, { orgId, isMade: true, nonce: undefined });
  try {
    await api.renameOrg(orgId, nameOf(user));
  } catch (error) {
    if (!isFailure(error)) throw error;
    ctx.log.warn('The name of a new organisation keeps its mark', { orgId, why: error.message });
  }
  return api.org(orgId);
}

async function findByOwner(api: Enhance, user: User): Promise<Org | undefined> {
  const address = user.email.toLowerCase();
  return (await api.customers()).find(
    ({ ownerEmail, status }) => ownerEmail?.toLowerCase() === address && status === 'active',
  );
}

/** Sees to it that the organisation has an owner who can log in. */
export async function ensureOwner(
  api: Enhance,
  ctx: EnhanceContext,
  user: User,
  org: Org,
): Promise<Owner> {
  const record = await readRecord(ctx, user);
  const { ownerLoginId, ownerEmail = user.email } = org;
  if (ownerLoginId !== undefined) {
    if (ownerLoginId !== record.loginId || record.isTold) return { email: ownerEmail };
    return { email: ownerEmail, password: await renewPassword(api, ownerLoginId) };
  }
  const { loginId, password } = await ensureLogin(api, ctx, user);
  const owners = await api.owners(org.id);
  if (!owners.some((each) => each.loginId === loginId)) await api.addOwner(org.id, loginId);
  return { email: user.email, ...(password === undefined ? {} : { password }) };
}

type Login = { readonly loginId: string; readonly password?: string };

async function ensureLogin(api: Enhance, ctx: EnhanceContext, user: User): Promise<Login> {
  const { loginId, isLoginOrdered, isTold } = await readRecord(ctx, user);
  if (loginId !== undefined) {
    return isTold ? { loginId } : { loginId, password: await renewPassword(api, loginId) };
  }
  const password = createPassword();
  await changeRecord(ctx, user, { isLoginOrdered: true });
  try {
    const json = { email: user.email, name: nameOf(user), password };
    const id = await api.createLogin(json);
    await changeRecord(ctx, user, { loginId: id, isLoginOrdered: false, isTold: false });
    return { loginId: id, password };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await changeRecord(ctx, user, { isLoginOrdered: false });
    if (!isFailure(error, 'conflict')) throw error;
    return resumeLogin(api, ctx, user, { isOrdered: isLoginOrdered, cause: error });
  }
}

/**
 * A login with the address exists: ours when an earlier call ordered it and never got a reply, else
 * somebody's. A login link to that one would hand out their account, so it needs the admin's yes.
 */
async function resumeLogin(
  api: Enhance,
  ctx: EnhanceContext,
  user: User,
  { isOrdered, cause }: { readonly isOrdered: boolean; readonly cause: unknown },
): Promise<Login> {
  const found = isOrdered || ctx.config.adoptCustomers ? await findLogin(api, user) : undefined;
  if (found === undefined) {
    throw fail(
      'conflict',
      `A login with the address of user ${user.id} exists at Enhance already`,
      {
        remedy:
          'Switch on "Take over customers" when the panel checks addresses, or change the address',
        cause,
      },
    );
  }
  await changeRecord(ctx, user, { loginId: found.id, isTold: !isOrdered });
  if (!isOrdered) return { loginId: found.id };
  return { loginId: found.id, password: await renewPassword(api, found.id) };
}

async function findLogin(api: Enhance, user: User) {
  const address = user.email.toLowerCase();
  const isTheirs = ({ email }: { email: string }): boolean => email.toLowerCase() === address;
  return (await api.logins()).find(isTheirs) ?? (await api.customerLogins()).find(isTheirs);
}

/** A password that nobody was told is replaced by one that will be. */
async function renewPassword(api: Enhance, loginId: string): Promise<string> {
  const password = createPassword();
  await api.setPassword(loginId, password);
  return password;
}

/** Removes the user's organisation when it was made here and has no subscription. */
export async function removeIfEmpty(api: Enhance, ctx: EnhanceContext, user: User): Promise<void> {
  const { isMade } = await readRecord(ctx, user);
  const org = isMade ? await findOrg(api, ctx, user) : undefined;
  if (org === undefined) return;
  const left = (await api.subscriptions(org.id)).filter(({ status }) => status === 'active');
  if (left.length > 0) return;
  await orAbsent(() => api.removeOrg(org.id));
  // Enhance cannot remove a login: it is used again for the user's next organisation.
  await changeRecord(ctx, user, { orgId: undefined, isMade: false });
}

function nameOf({ firstName = '', lastName = '', companyName = '', email }: User): string {
  return companyName.trim() || `${firstName} ${lastName}`.trim() || email;
}

/** 20 characters with one of each kind, symbols too. */
export function createPassword(): string {
  return createText({ symbols: '!*#_-' });
}
