// Creditor references (ISO 11649: `RF`, two check digits, up to 21 characters): one per invoice, made so
// that a mistyped one is noticed instead of paying somebody else's invoice.

import { digestKey, fail, instanceName } from 'cofferdam/sdk';
import type { Money } from 'cofferdam/sdk';

import type { BankContext } from './config.ts';

/** Characters after the check digits: 48 bits, so that collisions stay a curiosity that is refused. */
const BODY_CHARS = 12;

/** What a reference stands for. */
export type Expected = {
  readonly invoiceId: string;
  readonly amountMinor: number;
  readonly currency: string;
};

/** The reference of an invoice, the same on every visit; remembers what is expected under it. */
export async function makeReference(
  ctx: BankContext,
  invoiceId: string,
  amount: Money,
): Promise<string> {
  const digest = await digestKey(`${await instanceName(ctx.storage)}:${invoiceId}`);
  const body = digest.slice(0, BODY_CHARS).toUpperCase();
  const check = 98 - remainder(`${body}RF00`);
  const reference = `RF${String(check).padStart(2, '0')}${body}`;
  const key = `reference:${reference}`;
  const before = await ctx.storage.get<Expected>(key);
  if (before !== null && before.invoiceId !== invoiceId) {
    throw fail('conflict', 'Two invoices have one reference', {
      remedy: 'Offer another payment method for this invoice',
    });
  }
  const { amountMinor, currency } = amount;
  await ctx.storage.set(key, { invoiceId, amountMinor, currency });
  return reference;
}

/** The invoices of all valid references of ours in a text, however the bank broke it into lines. */
export async function findReferences(
  ctx: BankContext,
  text: string,
): Promise<readonly { readonly reference: string; readonly expected: Expected }[]> {
  const packed = text.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
  const candidates = new Set<string>();
  for (const { index } of packed.matchAll(/RF(?=\d\d)/g)) {
    candidates.add(packed.slice(index, index + 4 + BODY_CHARS));
  }
  const found: { reference: string; expected: Expected }[] = [];
  for (const reference of candidates) {
    if (!isReference(reference)) continue;
    const expected = await ctx.storage.get<Expected>(`reference:${reference}`);
    if (expected !== null) found.push({ reference, expected });
  }
  return found;
}

/** Whether the check digits of a reference are right. */
export function isReference(text: string): boolean {
  return /^RF\d\d[A-Z0-9]{1,21}$/.test(text) && remainder(text.slice(4) + text.slice(0, 4)) === 1;
}

/** Whether the check digits of an IBAN are right. */
export function isIban(text: string): boolean {
  return remainder(text.slice(4) + text.slice(0, 4)) === 1;
}

/** ISO 7064 mod 97-10: letters count from 10 on; digit by digit, so that no number grows. */
function remainder(text: string): number {
  const digits = text
    .split('')
    .map((letter) => Number.parseInt(letter, 36))
    .join('');
  return digits.split('').reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0);
}
