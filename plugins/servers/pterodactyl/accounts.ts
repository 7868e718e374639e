// The customer's account at the panel: found by the exact e-mail address, made when there is none.

import { fail, isFailure, randomText } from 'cofferdam/sdk';
import type { User } from 'cofferdam/sdk';

import type { Pterodactyl } from './api.ts';
import type { PanelUser } from './shapes.ts';

const TRIES = 3;
const NAME_MAX = 191;

/**
 * The account of a customer. Whoever has exactly this address at the panel is the customer.
 *
 * The panel itself mails a new one the link to set a password, so none passes through here.
 */
export async function ensureUser(api: Pterodactyl, user: User): Promise<PanelUser> {
  for (let tries = 1; ; tries += 1) {
    const found = await api.usersByEmail(user.email);
    const exact = found.find(({ email }) => email === user.email) ?? found[0];
    if (exact !== undefined) return exact;
    try {
      return await api.createUser(accountOf(user));
    } catch (error) {
      // Another call made the same account, or the user name was taken: look again.
      if (!isFailure(error, 'conflict') || tries >= TRIES) throw error;
    }
  }
}

/**
 * Sets a password.
 *
 * @throws {ExtensionFailure} `forbidden` for an administrator of the panel
 */
export async function setPassword(
  api: Pterodactyl,
  userId: number,
  password: string,
): Promise<PanelUser> {
  const user = await api.user(userId);
  const { email, username, first_name: first, last_name: last, root_admin: isAdmin } = user;
  if (isAdmin) {
    throw fail('forbidden', `The account ${username} administers the panel`, {
      remedy: 'Change the password of an administrator at the panel itself',
    });
  }
  await api.updateUser(userId, {
    email,
    username,
    first_name: first || username,
    last_name: last || '-',
    password,
  });
  return user;
}

function accountOf({ email, firstName = '', lastName = '' }: User) {
  const local = email.split('@')[0] ?? '';
  return {
    email,
    username: createUsername(local),
    // The panel wants both names.
    first_name: (firstName.trim() || local || 'Customer').slice(0, NAME_MAX),
    last_name: (lastName.trim() || '-').slice(0, NAME_MAX),
  };
}

/** Letters and digits at both ends, at least three characters: whatever the address looks like. */
function createUsername(local: string): string {
  const start = local
    .toLowerCase()
    .replaceAll(/[^a-z0-9_.-]/g, '')
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 60);
  return `${start || 'user'}_${randomText(6, 'abcdefghijkmnpqrstuvwxyz23456789')}`;
}
