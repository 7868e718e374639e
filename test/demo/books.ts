// The company's own books against the host's ledger and against what the vendors have. Every difference
// is a sentence; none means that they agree to the cent.

import type { Fakes } from '../vendors/fakes.ts';
import type { Gateway as Telling } from '../vendors/payers.ts';

/** Who takes money here. */
export const GATEWAYS = ['stripe', 'paypal', 'mollie', 'paypal-ipn', 'bank-transfer'] as const;

/** One of them: those that tell by webhook, and the bank. */
export type Gateway = Telling | 'bank-transfer';

/** One paid invoice as the company wrote it down. */
export type Booked = {
  readonly gateway: Gateway;
  readonly amountMinor: number;
  returnedMinor: number;
  isDisputed: boolean;
};

/** A fact of the ledger, as far as the demo looks at it. */
export type LedgerFact = {
  readonly instance: string;
  readonly externalId: string;
  readonly kind: string;
  readonly state: string;
  readonly amountMinor: number;
  readonly refundedMinor: number;
  readonly invoiceId: string | null;
  readonly relatedExternalId: string | null;
  readonly matched: boolean | null;
  readonly problem: string | null;
};

type Sides = {
  readonly books: ReadonlyMap<string, Booked>;
  /** Invoices that somebody tried to pay in vain, and nobody paid later */
  readonly refused: ReadonlySet<string>;
  readonly facts: readonly LedgerFact[];
  readonly fakes: Fakes;
};

/** All differences. */
export function compareBooks({ books, refused, facts, fakes }: Sides): string[] {
  const problems: string[] = [];
  const payments = facts.filter(({ kind }) => kind === 'payment');
  const taken = payments.filter(({ state }) => state !== 'failed');
  for (const [invoiceId, book] of books) {
    const [found, ...more] = taken.filter((fact) => fact.invoiceId === invoiceId);
    const wanted = [stateOf(book), book.amountMinor, book.returnedMinor, true, null];
    const is = found && [
      found.state,
      found.amountMinor,
      found.refundedMinor,
      found.matched,
      found.problem,
    ];
    const [a, b] = [JSON.stringify(is ?? null), JSON.stringify(wanted)];
    if (a !== b) problems.push(`invoice ${invoiceId} at ${book.gateway}: books ${b}, ledger ${a}`);
    if (more.length > 0)
      problems.push(`invoice ${invoiceId} is in the ledger ${more.length + 1} times`);
  }
  for (const { invoiceId, externalId } of taken) {
    if (!books.has(invoiceId ?? ''))
      problems.push(`nobody paid ${invoiceId}, ledger ${externalId}`);
  }
  for (const invoiceId of refused) {
    const isTold = payments.some((fact) => fact.invoiceId === invoiceId && fact.state === 'failed');
    if (!isTold) problems.push(`invoice ${invoiceId}: the refused card is not in the ledger`);
  }
  return [...problems, ...compareVendors(books, fakes)];
}

function stateOf({ amountMinor, returnedMinor, isDisputed }: Booked): string {
  if (isDisputed) return 'disputed';
  return returnedMinor >= amountMinor ? 'refunded' : 'succeeded';
}

/** What each vendor took and gave back in all. */
function compareVendors(books: ReadonlyMap<string, Booked>, fakes: Fakes): string[] {
  const { stripe, paypal, mollie } = fakes;
  const minor = (text: string): number => Math.round(Number(text) * 100);
  const sum = (all: Iterable<any>, of: (each: any) => number): number =>
    [...all].reduce((total, each) => total + of(each), 0);
  const vendors: readonly [gateway: string, taken: number, returned: number][] = [
    [
      'stripe',
      sum(stripe.all('payment_intent'), (intent) => intent.amount_received),
      sum(stripe.all('refund'), (refund) => refund.amount),
    ],
    [
      'paypal',
      sum(paypal.state.captures.values(), (capture) => minor(capture.amount.value)),
      sum(paypal.state.refunds.values(), (refund) => minor(refund.amount.value)),
    ],
    [
      'mollie',
      sum(mollie.state.payments.values(), ({ status, amount }) =>
        status === 'paid' ? minor(amount.value) : 0,
      ),
      sum(mollie.state.refunds.values(), (refund) => minor(refund.amount.value)),
    ],
  ];
  return vendors.flatMap(([gateway, taken, returned]) => {
    const mine = [...books.values()].filter((book) => book.gateway === gateway);
    const wanted = [
      sum(mine, ({ amountMinor }) => amountMinor),
      sum(mine, ({ returnedMinor }) => returnedMinor),
    ];
    const found = [taken, returned];
    return JSON.stringify(wanted) === JSON.stringify(found)
      ? []
      : [`${gateway} took and gave back ${found.join(' and ')}, books ${wanted.join(' and ')}`];
  });
}
