// Entries matched to invoices by their reference. What is not certain is told to a person, not guessed.

import { digestKey, fail, isMoney } from 'cofferdam/sdk';
import type { Fact, JsonObject } from 'cofferdam/sdk';

import type { BankContext } from './config.ts';
import { findReferences, isReference } from './references.ts';
import type { Expected } from './references.ts';
import type { Entry } from './statements.ts';

/** Matched payments that one `reconcile` tells; they are kept for a later one. */
const FACTS_MAX = 1_000;

/** What became of a statement. */
export type Matched = {
  readonly facts: readonly Fact[];
  readonly unmatched: readonly {
    readonly date: string;
    readonly text: string;
    readonly why: string;
  }[];
};

/** Matches entries, and keeps what matched: a file that is read again adds nothing. */
export async function matchEntries(entries: readonly Entry[], ctx: BankContext): Promise<Matched> {
  const { iban } = ctx.config;
  const other = entries.find(({ account }) => /^[A-Z]{2}\d{2}/.test(account) && account !== iban);
  if (other !== undefined) {
    throw fail('invalid_input', `The statement is of account ${other.account}, not of ${iban}`, {
      remedy: 'Choose the statement of the account in the configuration',
    });
  }
  const facts: Fact[] = [];
  const unmatched: { date: string; text: string; why: string }[] = [];
  const seen = new Map<string, number>();
  for (const entry of entries) {
    if (entry.kind === 'debit') continue;
    const outcome = await matchEntry(entry, seen, ctx);
    if (typeof outcome !== 'string') facts.push(outcome);
    else unmatched.push({ date: entry.date, text: entry.text.slice(0, 200), why: outcome });
  }
  for (const fact of facts) await ctx.storage.set(`fact:${fact.externalId}`, fact);
  return { facts, unmatched };
}

/** A payment that a person saw on the account. @throws `invalid_input` naming the value that is wrong */
export async function recordPayment(values: JsonObject, ctx: BankContext): Promise<Fact> {
  const reference = String(values['reference'] ?? '')
    .toUpperCase()
    .replaceAll(/\s/g, '');
  if (!isReference(reference)) {
    throw fail('invalid_input', 'The reference must start with RF and have right check digits');
  }
  const expected = await ctx.storage.get<Expected>(`reference:${reference}`);
  if (expected === null) throw fail('not_found', `No invoice here has the reference ${reference}`);
  const money = { amountMinor: Number(values['amountMinor']), currency: ctx.config.currency };
  if (!isMoney(money) || money.amountMinor <= 0) {
    throw fail('invalid_input', 'amountMinor must be a whole number of minor units above zero');
  }
  const seen = String(values['bankReference'] ?? '').trim();
  if (seen === '') {
    throw fail(
      'invalid_input',
      'bankReference must say which booking it is, so that it counts once',
    );
  }
  const key = await digestKey(`manual:${reference}:${seen}`);
  const fact = paymentFact(`manual-${key}`, money, expected);
  await ctx.storage.set(`fact:${fact.externalId}`, fact);
  return fact;
}

/** Every payment that was matched so far. */
export async function readMatched({ storage }: BankContext): Promise<readonly Fact[]> {
  const found = await storage.list<Fact>('fact:', { limit: FACTS_MAX });
  return found.map(({ value }) => value);
}

async function matchEntry(
  entry: Entry,
  seen: Map<string, number>,
  ctx: BankContext,
): Promise<Fact | string> {
  if (entry.kind === 'reversal') return 'the bank undid an earlier entry: look at it by hand';
  const { amountMinor, currency } = entry.money;
  if (currency !== ctx.config.currency) return `it is in ${currency}`;
  const [first, ...others] = await findReferences(ctx, entry.text);
  if (first === undefined) return 'it has no reference of an invoice';
  if (others.length > 0) return 'it has references of several invoices: record each by hand';
  // The same on every reading of the file; two equal transfers of one day stay two.
  const what = [entry.date, amountMinor, currency, entry.bankReference, first.reference].join('|');
  const nth = (seen.get(what) ?? 0) + 1;
  seen.set(what, nth);
  const key = await digestKey(`${ctx.config.iban}|${what}|${nth}`);
  return paymentFact(`bank-${key}`, entry.money, first.expected);
}

function paymentFact(
  externalId: string,
  { amountMinor, currency }: Entry['money'],
  { invoiceId }: Expected,
): Fact {
  return { externalId, kind: 'payment', state: 'succeeded', amountMinor, currency, invoiceId };
}
