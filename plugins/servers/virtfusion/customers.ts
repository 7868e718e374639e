// Customers of VirtFusion: each is known by the panel's id of them, never by an e-mail address alone.

import { fail, isFailure } from 'cofferdam/sdk';
import type { JsonObject, User } from 'cofferdam/sdk';

import type { Relation, VirtFusion } from './api.ts';

/** VirtFusion's id of a customer; `oneTime` has the password of one that was made now. */
export type Customer = { readonly id: number; readonly oneTime: JsonObject };

/** How the panel's customer is called at VirtFusion: ids that are no numbers are texts there. */
export function relationOf({ id }: User): Relation {
  return { id, isText: !/^[1-9]\d{0,14}$/.test(id) };
}

/** The customer, when there is one. */
export async function findCustomer(api: VirtFusion, user: User): Promise<number | undefined> {
  const found = await api.user(relationOf(user));
  if (found === undefined || !found.admin) return found?.id;
  // A login link logs in as the customer: it must never be somebody with more rights.
  throw fail('conflict', `VirtFusion's user ${found.id} of customer ${user.id} is an admin`, {
    remedy: 'Remove the external relation ID from the admin in VirtFusion',
  });
}

/** Finds the customer, or makes one. */
export async function ensureCustomer(api: VirtFusion, user: User): Promise<Customer> {
  const existing = await findCustomer(api, user);
  if (existing !== undefined) return { id: existing, oneTime: {} };
  const { id, isText } = relationOf(user);
  const name = [user.firstName, user.lastName].filter((part) => (part ?? '') !== '').join(' ');
  try {
    const made = await api.addUser({
      name: name === '' ? user.email : name,
      email: user.email,
      ...(isText ? { relStr: id } : { extRelationId: Number(id) }),
      sendMail: false,
    });
    const oneTime = made.password === undefined ? {} : { panelPassword: made.password };
    return { id: made.id, oneTime };
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    // Another call made the customer between our look and our order; or somebody else has the address.
    const found = await findCustomer(api, user);
    if (found !== undefined) return { id: found, oneTime: {} };
    throw fail('conflict', `A VirtFusion user with the address of customer ${id} has no relation`, {
      remedy: `Set the External ${isText ? 'Relation String' : 'Relation ID'} of that user in VirtFusion to "${id}", then run the operation again`,
      cause: error,
    });
  }
}
