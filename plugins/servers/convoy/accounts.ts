// The customer's account at the panel, and passwords that the panel takes.

import { createPassword as createText, fail, isFailure } from 'cofferdam/sdk';
import type { User } from 'cofferdam/sdk';

import type { Convoy } from './api.ts';
import type { PanelUser } from './shapes.ts';

const TRIES = 3;
const NAME_MAX = 191;

/** An account; `password` is there when it was made just now. */
export type Account = { readonly user: PanelUser; readonly password?: string };

/** The account of a customer: whoever has exactly this address at the panel. */
export async function ensureUser(api: Convoy, user: User): Promise<Account> {
  for (let tries = 1; ; tries += 1) {
    const found = await api.userByEmail(user.email);
    if (found !== undefined) return { user: found };
    const password = createPassword();
    const name = [user.firstName, user.lastName].filter((each) => each?.trim()).join(' ');
    try {
      const made = await api.createUser({
        name: (name || user.email).slice(0, NAME_MAX),
        email: user.email,
        password,
        root_admin: false,
      });
      return { user: made, password };
    } catch (error) {
      // Another call made the same account: look again.
      if (!isFailure(error, 'conflict') || tries >= TRIES) throw error;
    }
  }
}

/** Sets a password. @throws {ExtensionFailure} `forbidden` for an administrator of the panel */
export async function setPassword(api: Convoy, user: PanelUser, password: string): Promise<void> {
  requireCustomer(user);
  const { name, email } = user;
  await api.updateUser(user.id, { name, email, root_admin: false, password });
}

/**
 * A customer is never let into an administrator's account.
 *
 * @throws {ExtensionFailure} `forbidden`
 */
export function requireCustomer({ email, root_admin: isAdmin }: PanelUser): void {
  if (!isAdmin) return;
  throw fail('forbidden', `The account ${email} administers the panel`, {
    remedy: 'Give the server to an account of the customer’s own at Convoy',
  });
}

/** 20 characters; the panel wants one of each kind, symbols too. */
export function createPassword(): string {
  return createText({ symbols: '!@#%^*' });
}
