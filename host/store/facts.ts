// The ledger as the store keeps it: one row for each external id of an instance. What a row may become
// is decided by ledger/merge.ts, which the drivers call inside their transaction.

import type { Fact } from '../../sdk/domain.ts';
import type { Scope } from '../scope.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { NewDelivery } from './deliveries.ts';

/** One entry of the ledger. */
export type FactRow = {
  /** Place in the feed; a row that changes moves to its end. */
  readonly seq: number;
  /** `category/name/instance` */
  readonly instance: string;
  readonly externalId: string;
  readonly kind: Fact['kind'];
  /** The furthest that the gateway itself has said. */
  readonly saidState: Fact['state'];
  /** That, or what follows from refunds and disputes of it. */
  readonly state: Fact['state'];
  readonly amountMinor: number;
  readonly currency: string;
  readonly invoiceId: string | null;
  readonly feeMinor: number | null;
  readonly relatedExternalId: string | null;
  /** Of a payment: what its refunds have given back. */
  readonly refundedMinor: number;
  /** Whether amount, currency and owner are those the panel asked for; null: nothing was asked. */
  readonly matched: boolean | null;
  /** Why a person must look at it, or null. */
  readonly problem: string | null;
  readonly firstMs: number;
  readonly changedMs: number;
};

/** A payment that the panel has asked an instance to take. */
export type PaymentAsk = {
  readonly instance: string;
  readonly invoiceId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly atMs: number;
};

/** What the drivers ask the ledger's rules. Both are pure. */
export type LedgerRules = {
  /** The row after `fact`; the same object when nothing changes. */
  merge(
    known: FactRow | undefined,
    fact: Fact,
    context: {
      readonly instance: string;
      readonly nowMs: number;
      /** About the invoices that the fact and the row name. */
      readonly asks: readonly PaymentAsk[];
    },
  ): FactRow;
  /** A payment's row after its refunds and disputes; the same object when nothing changes. */
  settle(payment: FactRow, related: readonly RelatedSum[], nowMs: number): FactRow;
};

/** Refunds or disputes of one payment, added up: those of one kind, state and currency. */
export type RelatedSum = Pick<FactRow, 'kind' | 'saidState' | 'currency' | 'amountMinor'> & {
  readonly count: number;
};

/**
 * Holds what refers to one payment against its bound: all of it is added up whenever something of it changes.
 *
 * @throws {HostError} `EXTENSION_OUTPUT_INVALID`
 */
export function assertRelated(externalId: string, related: readonly RelatedSum[]): void {
  const count = related.reduce((sum, each) => sum + each.count, 0);
  if (count <= LIMITS.factsPerPayment) return;
  throw new HostError(
    'EXTENSION_OUTPUT_INVALID',
    `Over ${LIMITS.factsPerPayment} facts refer to "${externalId}"`,
    {
      remedy: 'Report each refund and dispute once, under an id of its own that stays the same',
      details: { externalId, limit: LIMITS.factsPerPayment },
    },
  );
}

/** The ledger of the store. */
export type FactStore = {
  /**
   * Merges facts into the ledger, with the messages about what changed, in one transaction.
   *
   * @throws {HostError} `EXTENSION_OUTPUT_INVALID` when over `LIMITS.factsPerPayment` refer to one payment
   */
  putFacts(batch: {
    readonly instance: string;
    readonly nowMs: number;
    readonly facts: readonly Fact[];
    readonly rules: LedgerRules;
    /** The message about a changed row, or undefined for none. */
    readonly message: (row: FactRow) => NewDelivery | undefined;
  }): Promise<FactRow[]>;
  /** Rows after a place in the feed, oldest change first. */
  facts(filter: {
    readonly after: number;
    readonly limit: number;
    readonly instance?: string;
    readonly scope?: Scope;
  }): Promise<FactRow[]>;
  fact(instance: string, externalId: string): Promise<FactRow | undefined>;
  /** Remembers what was asked; of one invoice and instance the newest `keep`. */
  putPaymentAsk(ask: PaymentAsk, keep: number): Promise<void>;
};
