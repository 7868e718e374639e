// Customers of Virtualizor: one for each e-mail address, compared as a whole.

import { createPassword, fail, isFailure } from 'cofferdam/sdk';
import type { JsonObject, User } from 'cofferdam/sdk';

import type { Virtualizor } from './api.ts';

/** Virtualizor's id of a customer; `oneTime` has the password of one that was made now. */
export type Customer = { readonly uid: string; readonly oneTime: JsonObject };

/** Finds the customer, or makes one. */
export async function ensureUser(api: Virtualizor, user: User): Promise<Customer> {
  const existing = await findUser(api, user.email);
  if (existing !== undefined) return { uid: existing, oneTime: {} };
  const password = createPassword();
  try {
    const uid = await api.addUser({
      newemail: user.email,
      newpass: password,
      fname: user.firstName,
      lname: user.lastName,
    });
    return { uid, oneTime: { panelPassword: password } };
  } catch (error) {
    // Another call made the customer between our look and our order.
    const uid = isFailure(error, 'conflict') ? await findUser(api, user.email) : undefined;
    if (uid === undefined) throw error;
    return { uid, oneTime: {} };
  }
}

async function findUser(api: Virtualizor, email: string): Promise<string | undefined> {
  const wanted = email.toLowerCase();
  const found = (await api.users(email)).find((each) => each.email.toLowerCase() === wanted);
  if (found === undefined || found.type === '0') return found?.uid;
  // A login link logs in as the server's owner: it must never be somebody with more rights.
  throw fail('conflict', `Virtualizor's user ${found.uid} with this e-mail is no plain customer`, {
    remedy: 'Give the customer another e-mail address, or change the user’s type in Virtualizor',
  });
}
