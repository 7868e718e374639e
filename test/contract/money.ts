// What the tests of all gateways pay with: one customer, invoices, the wish to pay, stored methods.

import assert from 'node:assert/strict';

import { isFailure } from 'cofferdam/sdk';
import type { Failure, FailureCode, Invoice, Payment, User } from 'cofferdam/sdk';

/** A customer of the panel. */
export const ADA: User = {
  id: '7',
  email: 'ada@example.com',
  firstName: 'Ada',
  lastName: 'Lovelace',
};

/** An invoice over one item. */
export function invoiceOf(amountMinor: number, currency = 'EUR', id = '42'): Invoice {
  const total = { amountMinor, currency };
  return { id, total, items: [{ id: '1', description: 'VPS small', quantity: 1, total }] };
}

/** The same invoice, renewing. */
export function renewing(
  invoice: Invoice,
  interval: 'day' | 'week' | 'month' | 'year' = 'month',
  count = 1,
): Invoice {
  const items = invoice.items.map((item) => ({ ...item, recurring: { interval, count } }));
  return { ...invoice, items };
}

/** The wish to pay an invoice, whole unless `part` says otherwise. */
export function paymentOf(invoice: Invoice, part?: number): Payment {
  return {
    invoice,
    amount: { ...invoice.total, amountMinor: part ?? invoice.total.amountMinor },
    user: ADA,
    returnUrl: 'https://panel.example/invoices/42',
    cancelUrl: 'https://panel.example/invoices/42?cancelled',
  };
}

/** The failure that a call ends with, thrown or returned; fails when it ends otherwise. */
export async function failedWith(
  promise: Promise<unknown>,
  code: FailureCode | readonly FailureCode[],
): Promise<Failure> {
  const failure = await failureOf(promise);
  const codes: readonly string[] = typeof code === 'string' ? [code] : code;
  assert.ok(codes.includes(failure.code), `${codes.join('|')}: ${JSON.stringify(failure)}`);
  return failure;
}

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    assert.ok(isFailure(error), String((error as Error)?.stack ?? error));
    return error.failure;
  }
  const { error, status, kind } = (value ?? {}) as {
    error?: Failure;
    status?: string;
    kind?: string;
  };
  assert.ok(error && (status ?? kind) === 'failed', `resolved with ${JSON.stringify(value)}`);
  return error;
}
