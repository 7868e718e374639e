// The ledger of an affiliate added up: what waits, what is held, what can be paid out. Pure.

import type { Line } from './statement.ts';

/** Sums of one currency. */
export type Balance = {
  readonly currency: string;
  readonly pendingMinor: number;
  readonly heldMinor: number;
  /** Everything that has become available, ever */
  readonly earnedMinor: number;
  readonly clawedBackMinor: number;
  readonly paidMinor: number;
  /** In payouts that are asked for and not yet paid */
  readonly requestedMinor: number;
  /** What can be paid out now; below zero when refunds came after a payout. */
  readonly availableMinor: number;
};

/** Adds the ledger up, less payouts; one balance for each currency, by its code. */
export function addUp(
  lines: readonly Line[],
  payouts: readonly {
    readonly currency: string;
    readonly paidMinor: number;
    readonly requestedMinor: number;
  }[],
): Balance[] {
  const currencies = new Set([...lines, ...payouts].map(({ currency }) => currency));
  return [...currencies].toSorted().map((currency) => {
    const mine = lines.filter((line) => line.currency === currency);
    const sum = (state: Line['state']): number =>
      mine.reduce((total, line) => total + (line.state === state ? line.rewardMinor : 0), 0);
    const out = payouts.filter((each) => each.currency === currency);
    const paidMinor = out.reduce((total, each) => total + each.paidMinor, 0);
    const requestedMinor = out.reduce((total, each) => total + each.requestedMinor, 0);
    const earnedMinor = sum('available');
    return {
      currency,
      pendingMinor: sum('pending'),
      heldMinor: sum('held'),
      earnedMinor,
      clawedBackMinor: mine.reduce((total, line) => total + line.clawedBackMinor, 0),
      paidMinor,
      requestedMinor,
      availableMinor: earnedMinor - paidMinor - requestedMinor,
    };
  });
}
