// Takes facts in and keeps, for each affiliate, what follows from them: sign-ups, orders and one entry for
// each paid invoice. A fact is written before anything that follows is read, and what was read is checked
// after what follows was written: whoever comes last has seen everything, in whatever order they came.

import { fail } from 'cofferdam/sdk';
import type { Storage } from 'cofferdam/sdk';

import {
  mergeCustomers,
  mergeInvoices,
  mergeOrders,
  netOf,
  NO_CUSTOMER,
  NO_INVOICE,
  referrerOf,
} from './documents.ts';
import type { Customer, Invoice, Order, Paid } from './documents.ts';
import { amend, KEYS, listAll, WAIT_MS } from './keep.ts';
import type { Entry } from './statement.ts';

const ROUNDS_MAX = 40;
const REFUNDS_MAX = 100;
/** Orders and invoices of one customer that are looked through when a fact about the customer changes. */
const BOUGHT_MAX = 10_000;

/** Adds what is known of a customer; returns what is known now. */
export async function addCustomer(
  storage: Storage,
  userId: string,
  known: Partial<Customer>,
): Promise<Customer> {
  const key = KEYS.customer(userId);
  const kept = await amend<Customer>(
    storage,
    key,
    (current) => mergeCustomers(current ?? NO_CUSTOMER, { ...NO_CUSTOMER, ...known }),
    ({ referrals }) => (referrals.length > 0 ? undefined : WAIT_MS),
  );
  await settleSignup(storage, userId);
  const bought = await listAll<true>(storage, KEYS.bought(userId, 'i', ''), BOUGHT_MAX);
  for (const { key } of bought) await settleInvoice(storage, lastPart(key));
  const placed = await listAll<true>(storage, KEYS.bought(userId, 'o', ''), BOUGHT_MAX);
  for (const { key } of placed) await settleOrder(storage, lastPart(key));
  return kept ?? NO_CUSTOMER;
}

/** Adds a payment or refunds of an invoice. */
export async function addInvoice(
  storage: Storage,
  id: string,
  known: Partial<Invoice>,
): Promise<void> {
  const change = (current: Invoice | null): Invoice => {
    const merged = mergeInvoices(current ?? NO_INVOICE, { ...NO_INVOICE, ...known });
    if (Object.keys(merged.refunds).length <= REFUNDS_MAX) return merged;
    throw fail('capacity', `Invoice "${id}" has more than ${REFUNDS_MAX} refunds`);
  };
  const kept = await amend<Invoice>(storage, KEYS.invoice(id), change, () => WAIT_MS);
  const userId = kept?.paid?.userId;
  if (userId === undefined) return;
  await storage.compareAndSet(KEYS.bought(userId, 'i', id), null, true, { ttlMs: WAIT_MS });
  await settleInvoice(storage, id);
}

/** Adds an order. */
export async function addOrder(storage: Storage, id: string, order: Order): Promise<void> {
  const change = (current: Order | null): Order =>
    current === null ? order : mergeOrders(current, order);
  const kept = await amend<Order>(storage, KEYS.order(id), change, () => WAIT_MS);
  const { userId } = kept ?? order;
  await storage.compareAndSet(KEYS.bought(userId, 'o', id), null, true, { ttlMs: WAIT_MS });
  await settleOrder(storage, id);
}

async function settleInvoice(storage: Storage, id: string): Promise<void> {
  await untilStill(`invoice "${id}"`, async () => {
    const key = KEYS.invoice(id);
    const invoice = await storage.get<Invoice>(key);
    const paid = invoice?.paid ?? null;
    if (invoice === null || paid === null) return true;
    const customer = await storage.get<Customer>(KEYS.customer(paid.userId));
    return await place(storage, {
      customer,
      userId: paid.userId,
      at: paid.at,
      keyOf: (affiliateId) => KEYS.entry(affiliateId, id),
      value: entryOf(id, invoice, paid, customer ?? NO_CUSTOMER),
      source: { key, value: invoice },
      boughtKey: KEYS.bought(paid.userId, 'i', id),
    });
  });
}

async function settleOrder(storage: Storage, id: string): Promise<void> {
  await untilStill(`order "${id}"`, async () => {
    const key = KEYS.order(id);
    const order = await storage.get<Order>(key);
    if (order === null) return true;
    return await place(storage, {
      customer: await storage.get<Customer>(KEYS.customer(order.userId)),
      userId: order.userId,
      at: order.at,
      keyOf: (affiliateId) => KEYS.placed(affiliateId, id),
      value: order,
      source: { key, value: order },
      boughtKey: KEYS.bought(order.userId, 'o', id),
    });
  });
}

async function settleSignup(storage: Storage, userId: string): Promise<void> {
  await untilStill(`customer "${userId}"`, async () => {
    const customer = await storage.get<Customer>(KEYS.customer(userId));
    const referrer = customer === null ? undefined : referrerOf(customer);
    return await place(storage, {
      customer,
      userId,
      at: referrer?.at ?? '',
      keyOf: (affiliateId) => KEYS.signup(affiliateId, userId),
      value: { at: referrer?.at ?? '', source: referrer?.source ?? 'signup' },
    });
  });
}

type Placing = {
  readonly customer: Customer | null;
  readonly userId: string;
  /** When it happened; what was before the referral is nobody's. */
  readonly at: string;
  readonly keyOf: (affiliateId: string) => string;
  readonly value: Entry | Order | { readonly at: string; readonly source: string };
  /** The fact it follows from, as it was read */
  readonly source?: { readonly key: string; readonly value: Invoice | Order };
  readonly boughtKey?: string;
};

/**
 * Puts something under its affiliate, and under no other one.
 *
 * @returns Whether the facts are still what they were when it began
 */
async function place(storage: Storage, placing: Placing): Promise<boolean> {
  const { customer, keyOf, source, boughtKey } = placing;
  const referrer = customer === null ? undefined : referrerOf(customer);
  const owner = referrer !== undefined && referrer.at <= placing.at ? referrer : undefined;
  for (const { affiliateId } of customer?.referrals ?? []) {
    if (affiliateId !== owner?.affiliateId) await storage.delete(keyOf(affiliateId));
  }
  if (owner !== undefined) {
    await storage.set(keyOf(owner.affiliateId), placing.value);
    if (boughtKey !== undefined) await storage.set(boughtKey, true);
  }
  const customerKey = KEYS.customer(placing.userId);
  if (customer === null) return (await storage.get(customerKey)) === null;
  // Of a referred customer everything is kept for good; the same write tells whether it has changed.
  const life = customer.referrals.length > 0 ? {} : { ttlMs: WAIT_MS };
  if (!(await storage.compareAndSet(customerKey, customer, customer, life))) return false;
  return (
    source === undefined ||
    (await storage.compareAndSet(source.key, source.value, source.value, life))
  );
}

function entryOf(id: string, invoice: Invoice, paid: Paid, customer: Customer): Entry {
  return {
    invoiceId: id,
    number: paid.number,
    userId: paid.userId,
    at: paid.at,
    currency: paid.currency,
    baseMinor: paid.baseMinor,
    netMinor: netOf(invoice, paid),
    signals: [...customer.signals],
    cleared: customer.cleared,
  };
}

async function untilStill(what: string, round: () => Promise<boolean>): Promise<void> {
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds += 1) if (await round()) return;
  throw fail('locked', `Cannot settle ${what}: its facts change all the time`, {
    remedy: 'Nothing to do: it is tried again',
  });
}

function lastPart(key: string): string {
  return decodeURIComponent(key.slice(key.lastIndexOf(':') + 1));
}
