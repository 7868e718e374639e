// Every subscription of the seller's customers, as the panel compares it with its services.

import { fail, inTurns } from 'cofferdam/sdk';
import type { RemoteService } from 'cofferdam/sdk';

import type { Enhance, Subscription } from './api.ts';
import type { EnhanceContext } from './config.ts';

/** Customers that one listing may ask about; the host allows 1000 requests in a call. */
const LIST_CUSTOMERS = 900;
/** Requests of a listing that are under way at a time. */
const LIST_AT_ONCE = 8;

/** Whether a subscription may be used. */
export function statusOf({ suspendedBy }: Subscription): 'active' | 'suspended' {
  return suspendedBy === undefined ? 'active' : 'suspended';
}

/** Subscriptions of all customers; Enhance lists them customer by customer. */
export async function listSubscriptions(
  api: Enhance,
  { config }: EnhanceContext,
): Promise<RemoteService[]> {
  const all = await api.customers();
  const customers = all.filter((each) => each.status === 'active' && each.subscriptionsCount > 0);
  if (customers.length > LIST_CUSTOMERS) {
    throw fail('capacity', `${customers.length} customers are too many to list in one call`, {
      remedy: 'Look at the subscriptions in Enhance itself: its API lists them by customer only',
    });
  }
  const lists = await inTurns(customers, LIST_AT_ONCE, async (customer) => {
    const list = await api.subscriptions(customer.id);
    const active = list.filter(({ status }) => status === 'active');
    return active.map((each) => describe(each, config.mark, customer.ownerEmail));
  });
  return lists.flat();
}

function describe(found: Subscription, mark: string, email: string | undefined): RemoteService {
  const { id, subscriberId, planName, friendlyName } = found;
  const isOurs = friendlyName.startsWith(`${mark}:`);
  return {
    remoteId: String(id),
    name: isOurs || friendlyName === '' ? planName : friendlyName,
    status: statusOf(found),
    ...(isOurs ? { serviceId: friendlyName.slice(mark.length + 1) } : {}),
    ...(email === undefined ? {} : { email }),
    properties: { orgId: subscriberId, subscriptionId: id },
  };
}
