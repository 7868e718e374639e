// One vendor's fake with its extension, as the claims about gateways need it; and the ledger that the
// claims hold facts against. `gateway.ts` holds the claims.

import type { Fact, GatewayHandlers, Money, PayResult, WebhookRequest } from 'cofferdam/sdk';

import type { TestContext } from '../helpers/context.ts';

/** What the vendor is made to answer. */
export type ScriptedReply = {
  readonly status: number;
  readonly json?: unknown;
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** One vendor's fake with its extension, fresh for each claim. All contexts share one storage. */
export type GatewaySubject = AsyncDisposable & {
  /** A context of the instance; `isWrong` has credentials that the vendor refuses. */
  context(options?: {
    readonly isWrong?: boolean;
    readonly signal?: AbortSignal;
    readonly operationId?: string;
  }): TestContext<any>;
  /** The next request at the vendor is answered with this. */
  answerNext(reply: ScriptedReply): void;
  /** A call that must ask the vendor for something. */
  touch(context: TestContext<any>): Promise<unknown>;
  /** The customer pays on the page, over `paid` when it is not what was asked; returns what is told. */
  payOnPage(page: PayResult, paid?: Money): Promise<readonly WebhookRequest[]>;
  /** Money of that payment goes back; returns what is told. */
  giveBack(payment: Fact, amount: Money): Promise<readonly WebhookRequest[]>;
  /** Deliveries like this one that the vendor did not make. */
  forge(genuine: WebhookRequest): readonly WebhookRequest[];
  /** Every request that the vendor got, secrets' own place left out. */
  seen(): readonly string[];
};

/** What is particular to a vendor. */
export type GatewayVendor = {
  readonly name: string;
  readonly definition: GatewayHandlers<any>;
  start(): Promise<GatewaySubject>;
  /** Real values of all secrets; empty for a vendor without credentials. */
  readonly secrets: readonly string[];
};

const ORDER: readonly Fact['state'][] = [
  'failed',
  'processing',
  'succeeded',
  'refunded',
  'disputed',
];

/** Failing is the end of everything but a payment. */
function rankOf({ kind, state }: Fact): number {
  return kind !== 'payment' && state === 'failed' ? ORDER.length : ORDER.indexOf(state);
}

/** A ledger as the host keeps it: each id once, its state only forward. */
export function ledgerOf(facts: readonly Fact[]): Readonly<Record<string, string>> {
  const kept = new Map<string, Fact>();
  for (const fact of facts) {
    const before = kept.get(fact.externalId);
    const isForward = before === undefined || rankOf(fact) > rankOf(before);
    if (isForward) kept.set(fact.externalId, fact);
  }
  return Object.fromEntries(
    [...kept]
      .map(([id, { kind, state, amountMinor, currency }]): [string, string] => [
        id,
        `${kind} ${state} ${amountMinor} ${currency}`,
      ])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
