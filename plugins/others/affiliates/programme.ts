// The programme as a whole: terms over time, and the statement of one affiliate out of everything kept.

import { fail } from 'cofferdam/sdk';
import type { Context, Storage } from 'cofferdam/sdk';

import { addUp } from './balances.ts';
import type { Balance } from './balances.ts';
import { minimumOf, termsOf } from './config.ts';
import type { Config, Terms } from './config.ts';
import { isSame, KEYS, listAll } from './keep.ts';
import { readAffiliate } from './members.ts';
import type { Affiliate } from './members.ts';
import { addPayout, decidePayout, readPayouts, sumsOf } from './payouts.ts';
import type { Payout, Payouts } from './payouts.ts';
import { writeLedger } from './statement.ts';
import type { Entry, Line, TermsHistory } from './statement.ts';

/** Entries, sign-ups or orders of one affiliate that are added up in one call. */
export const ENTRIES_MAX = 50_000;
const TERMS_MAX = 1_000;

/** Everything about one affiliate's money. */
export type Statement = {
  readonly affiliate: Affiliate;
  readonly lines: readonly Line[];
  readonly payouts: Payouts;
  readonly balances: readonly Balance[];
};

/** Keeps the terms as they are now, when they are not those that were kept last; returns all of them. */
export async function keepTerms(
  storage: Storage,
  config: Config,
  nowMs: number,
): Promise<TermsHistory> {
  const kept = await listAll<Terms>(storage, 'terms:', TERMS_MAX);
  const history = kept.map(({ key, value }) => ({
    from: key.slice('terms:'.length),
    terms: value,
  }));
  const terms = termsOf(config);
  const last = history.at(-1);
  if (last !== undefined && isSame(last.terms, terms)) return history;
  const from = new Date(nowMs).toISOString();
  await storage.set(KEYS.terms(from), terms);
  return [...history.filter((each) => each.from !== from), { from, terms }];
}

/** The statement of one affiliate. @throws {ExtensionFailure} `not_found` */
export async function readStatement(
  ctx: Context<Config>,
  id: string,
  nowMs: number,
): Promise<Statement> {
  const { storage, config } = ctx;
  // Payouts first: what is asked for while the rest is read then meets a changed list.
  const payouts = await readPayouts(storage, id);
  const affiliate = await readAffiliate(storage, id);
  const history = await keepTerms(storage, config, nowMs);
  const entries = await listAll<Entry>(storage, KEYS.entry(id, ''), ENTRIES_MAX);
  const party = { userId: id, standings: affiliate.standings, signals: affiliate.signals };
  const lines = writeLedger(
    entries.map(({ value }) => value),
    party,
    history,
    nowMs,
  );
  return { affiliate, lines, payouts, balances: addUp(lines, sumsOf(payouts)) };
}

/**
 * Asks for a payout of everything that is available in a currency, or of less.
 *
 * @param options.id The same on every try of one request
 * @throws {ExtensionFailure} `rejected` when there is less, or less than the smallest payout
 */
export async function requestPayout(
  ctx: Context<Config>,
  options: {
    readonly id: string;
    readonly affiliateId: string;
    readonly currency: string;
    readonly amountMinor?: number | undefined;
    readonly nowMs: number;
  },
): Promise<Payout> {
  const { affiliateId, currency, nowMs } = options;
  const { lines, affiliate } = await readStatement(ctx, affiliateId, nowMs);
  return await addPayout(ctx.storage, affiliateId, options.id, (current) => {
    const availableMinor = availableOf(lines, current, currency);
    const amountMinor = options.amountMinor ?? availableMinor;
    const minimumMinor = minimumOf(ctx.config, currency);
    if (amountMinor < minimumMinor || amountMinor > availableMinor) {
      const why = `asked ${amountMinor}, available ${availableMinor}, smallest ${minimumMinor}`;
      throw fail('rejected', `Cannot pay out in ${currency} (minor units): ${why}`, {
        remedy: 'Wait until more rewards are available, or ask for less',
      });
    }
    return {
      id: options.id,
      currency,
      amountMinor,
      state: 'requested',
      requestedAt: new Date(nowMs).toISOString(),
      decidedAt: null,
      payoutTo: affiliate.payoutTo,
      reference: null,
    };
  });
}

const MOVES: { readonly [from in Payout['state']]: readonly Payout['state'][] } = {
  requested: ['approved', 'paid', 'rejected'],
  approved: ['paid', 'rejected'],
  paid: [],
  rejected: [],
};

/**
 * Approves, pays or rejects a payout; the same decision twice is one.
 *
 * @throws {ExtensionFailure} `conflict` when it was decided otherwise, or refunds have eaten it up
 */
export async function movePayout(
  ctx: Context<Config>,
  options: {
    readonly affiliateId: string;
    readonly payoutId: string;
    readonly state: Payout['state'];
    readonly reference: string | null;
    readonly nowMs: number;
  },
): Promise<Payout> {
  const { affiliateId, payoutId, state, nowMs } = options;
  const { lines } = await readStatement(ctx, affiliateId, nowMs);
  return await decidePayout(ctx.storage, affiliateId, payoutId, (payout, all) => {
    if (payout.state === state) return payout;
    if (!MOVES[payout.state].includes(state)) {
      throw fail('conflict', `Payout "${payoutId}" is ${payout.state}: it cannot become ${state}`, {
        remedy: 'Ask for a new payout',
      });
    }
    if (state !== 'rejected' && availableOf(lines, all, payout.currency) < 0) {
      throw fail('conflict', `Payout "${payoutId}" is over what refunds have left`, {
        remedy: 'Reject it; the affiliate can ask for what is left',
      });
    }
    const reference = options.reference ?? payout.reference;
    return { ...payout, state, reference, decidedAt: new Date(nowMs).toISOString() };
  });
}

function availableOf(lines: readonly Line[], payouts: Payouts, currency: string): number {
  const balances = addUp(lines, sumsOf(payouts));
  return balances.find((each) => each.currency === currency)?.availableMinor ?? 0;
}
