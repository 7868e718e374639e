// Reads the panel's events: which user, invoice, order or refund they are about. Pure.
// A field that money depends on is demanded; its absence is an error that names it.

import { fail, isMoney, isObject, textOf } from 'cofferdam/sdk';
import type { EventMessage, Json, JsonObject, Money } from 'cofferdam/sdk';

import type { Order, Paid, Refund } from './documents.ts';

/** Two ids, percent-encoded, fit into one key of the storage. */
const ID = /^[\x21-\x7e]{1,80}$/;

/** A code that somebody came with, and when they followed its link. */
export type UsedCode = { readonly code: string; readonly visitedAt: string | null };

/** The user of an event, with what could tell two accounts of one person. */
export function readUser(event: EventMessage): { id: string; traits: JsonObject } {
  const user = objectAt(event.data, 'user');
  const id = textOf(user?.['id'] ?? event.data['userId'] ?? event.data['user_id']);
  // `user.created` may be about the user alone.
  const own = user === undefined && event.type.startsWith('user.') ? event.data : undefined;
  return {
    id: demandId(id ?? textOf(own?.['id']), 'user.id', event),
    traits: { ...(user ?? own), ...pick(event.data, ['ip', 'paymentFingerprint']) },
  };
}

/** The code of a sign-up or an order, when it has one. */
export function readCode({ data }: EventMessage): UsedCode | undefined {
  const owners = [data, objectAt(data, 'user'), objectAt(data, 'order')];
  for (const owner of owners) {
    const referral = owner?.['referral'] ?? owner?.['referralCode'] ?? owner?.['referral_code'];
    if (typeof referral === 'string' && referral !== '') return { code: referral, visitedAt: null };
    const code = isObject(referral) ? textOf(referral['code']) : undefined;
    if (code !== undefined) {
      return { code, visitedAt: timeOf(isObject(referral) ? referral['visitedAt'] : undefined) };
    }
  }
  return undefined;
}

/** A placed order. */
export function readOrder(event: EventMessage): { id: string; order: Order } {
  const order = objectAt(event.data, 'order') ?? event.data;
  const total = order['total'];
  return {
    id: demandId(textOf(order['id']), 'order.id', event),
    order: {
      userId: readUser(event).id,
      at: readTime(event),
      total: isMoney(total) ? { amountMinor: total.amountMinor, currency: total.currency } : null,
    },
  };
}

/** A paid invoice. */
export function readPaid(event: EventMessage): { id: string; paid: Paid } {
  const invoice = objectAt(event.data, 'invoice') ?? event.data;
  const total = demandMoney(invoice['total'], 'invoice.total', event);
  const tax =
    invoice['tax'] == null ? undefined : demandMoney(invoice['tax'], 'invoice.tax', event);
  const taxMinor = tax?.amountMinor ?? 0;
  if (tax !== undefined && tax.currency !== total.currency) {
    throw unfit(event, `"invoice.tax" is in ${tax.currency}, the total in ${total.currency}`);
  }
  if (taxMinor < 0 || taxMinor > Math.max(0, total.amountMinor)) {
    throw unfit(event, `"invoice.tax" is ${taxMinor} of a total of ${total.amountMinor}`);
  }
  return {
    id: demandId(textOf(invoice['id']), 'invoice.id', event),
    paid: {
      userId: readUser(event).id,
      at: timeOf(invoice['paidAt']) ?? readTime(event),
      currency: total.currency,
      totalMinor: total.amountMinor,
      baseMinor: Math.max(0, total.amountMinor - taxMinor),
      number: textOf(invoice['number']) ?? null,
    },
  };
}

/** Money that went back, by a refund or a dispute. */
export function readRefund(event: EventMessage): {
  invoiceId: string;
  id: string;
  refund: Refund;
} {
  const { data } = event;
  const fact = objectAt(data, 'fact') ?? objectAt(data, 'refund') ?? objectAt(data, 'payment');
  const owner = fact ?? data;
  const invoiceId = textOf(
    owner['invoiceId'] ?? data['invoiceId'] ?? objectAt(data, 'invoice')?.['id'],
  );
  const amount = isMoney(owner) ? owner : (owner['amount'] ?? data['amount']);
  const { amountMinor, currency } = demandMoney(amount, 'amount', event);
  if (amountMinor < 0) throw unfit(event, '"amount" is negative');
  return {
    invoiceId: demandId(invoiceId, 'invoiceId', event),
    id: demandId(textOf(owner['externalId'] ?? owner['id']) ?? event.id, 'externalId', event),
    refund: {
      ...{ amountMinor, currency, at: readTime(event) },
      // As in the ledger: for what takes money back, failing is the end.
      ...(owner['state'] === 'failed' ? { ended: true } : {}),
    },
  };
}

/** When the event happened, as ISO 8601 UTC with milliseconds: such texts sort like times. */
export function readTime(event: EventMessage): string {
  const at = timeOf(event.at);
  if (at === null) throw unfit(event, `"at" is no date: "${String(event.at)}"`);
  return at;
}

/** A date as ISO 8601 UTC; null when it is none. */
export function timeOf(value: Json | undefined): string | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

/** Whether a text can be the id of a user, an order or an invoice. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** The object under a name. */
export function objectAt(data: JsonObject, name: string): JsonObject | undefined {
  const value = Object.hasOwn(data, name) ? data[name] : undefined;
  return isObject(value) ? value : undefined;
}

function pick(data: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.flatMap((name) => (data[name] === undefined ? [] : [[name, data[name]]])),
  );
}

function demandId(value: string | undefined, field: string, event: EventMessage): string {
  if (value !== undefined && isId(value)) return value;
  throw unfit(event, `"${field}" must be an id of 1 to 80 visible ASCII characters`);
}

function demandMoney(value: Json | undefined, field: string, event: EventMessage): Money {
  if (isMoney(value)) return value;
  throw unfit(event, `"${field}" must be {"amountMinor": <integer>, "currency": "<ISO 4217>"}`);
}

function unfit(event: EventMessage, why: string): Error {
  return fail('invalid_input', `Cannot use event "${event.id}" of type "${event.type}": ${why}`, {
    remedy: 'Send the event as the README of Affiliates describes it',
  });
}
