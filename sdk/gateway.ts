// Gateways: extensions that take money. They report facts; the host keeps the ledger.

import type { Context } from './capabilities.ts';
import type {
  Fact,
  Invoice,
  JsonObject,
  Transaction,
  User,
  WebhookReply,
  WebhookRequest,
} from './domain.ts';
import type { Failure } from './errors.ts';
import type { CommonHandlers, ConfigOf, ConfigSchema } from './extension.ts';
import type { Money } from './money.ts';

/** A customer who wants to pay an invoice. */
export type Payment = {
  readonly invoice: Invoice;
  /** What to take now; at most `invoice.total`. */
  readonly amount: Money;
  readonly user: User;
  /** Where the customer lands afterwards; https. */
  readonly returnUrl: string;
  readonly cancelUrl?: string;
};

/** What the panel must do for the customer to pay. */
export type PayResult =
  | { readonly kind: 'redirect'; readonly url: string; readonly externalId?: string }
  | {
      readonly kind: 'form';
      readonly action: string;
      readonly method: 'POST' | 'GET';
      readonly fields: { readonly [name: string]: string };
      readonly externalId?: string;
    }
  | {
      /** The customer must confirm in the browser (3-D Secure) with the vendor's script. */
      readonly kind: 'requires_action';
      readonly clientSecret?: string;
      readonly url?: string;
      readonly publishableKey?: string;
      readonly externalId?: string;
    }
  | { readonly kind: 'done'; readonly facts?: readonly Fact[] }
  | { readonly kind: 'failed'; readonly error: Failure };

/** What a webhook means. An unverified one throws `unauthorized`; it never yields facts. */
export type WebhookResult = { readonly facts: readonly Fact[]; readonly response?: WebhookReply };

/** A stored payment method that can be charged without the customer. */
export type BillingAgreement = {
  readonly externalId: string;
  readonly customerId?: string;
  readonly label: string;
  readonly type: 'card' | 'bank' | 'wallet' | 'other';
  /** ISO 8601 date */
  readonly expiresAt?: string;
};

/** The answer of refund, capture, void and charge. */
export type MoneyResult =
  | {
      readonly status: 'done' | 'pending';
      readonly externalId: string;
      readonly facts: readonly Fact[];
    }
  | {
      readonly status: 'requires_action';
      readonly externalId: string;
      readonly url?: string;
      readonly clientSecret?: string;
      readonly publishableKey?: string;
      readonly facts?: readonly Fact[];
    }
  | { readonly status: 'failed'; readonly error: Failure; readonly facts?: readonly Fact[] };

/** A stored method to charge for an invoice, without the customer. */
export type Charge = {
  readonly invoice: Invoice;
  readonly amount: Money;
  readonly agreement: BillingAgreement;
};

/** An authorised payment to take, whole unless `amount` says otherwise. */
export type Capture = { readonly transaction: Transaction; readonly amount?: Money };

/** Money to give back. */
export type Refund = {
  readonly transaction: Transaction;
  readonly amount: Money;
  readonly reason?: string;
};

/** A method to store, with the customer at the screen. */
export type AgreementWish = {
  readonly user: User;
  readonly returnUrl: string;
  readonly currency?: string;
};

/** The handlers of a gateway extension. */
export type GatewayHandlers<Config> = CommonHandlers<Config, Invoice> & {
  pay(payment: Payment, ctx: Context<Config>): Promise<PayResult>;
  webhook(request: WebhookRequest, ctx: Context<Config>): Promise<WebhookResult>;
  refund?(input: Refund, ctx: Context<Config>): Promise<MoneyResult>;
  capture?(input: Capture, ctx: Context<Config>): Promise<MoneyResult>;
  void?(input: { readonly transaction: Transaction }, ctx: Context<Config>): Promise<MoneyResult>;
  charge?(input: Charge, ctx: Context<Config>): Promise<MoneyResult>;
  createBillingAgreement?(
    input: AgreementWish,
    ctx: Context<Config>,
  ): Promise<PayResult & { readonly agreement?: BillingAgreement }>;
  cancelBillingAgreement?(
    input: { readonly agreement: BillingAgreement },
    ctx: Context<Config>,
  ): Promise<{ readonly cancelled: boolean }>;
  cancelSubscription?(
    input: { readonly externalId: string; readonly atPeriodEnd?: boolean },
    ctx: Context<Config>,
  ): Promise<{ readonly cancelled: boolean }>;
  /** Whether this gateway can take this payment at all (currency, amount, country). */
  canUse?(
    input: { readonly amount: Money; readonly user?: User; readonly recurring?: boolean },
    ctx: Context<Config>,
  ): Promise<{ readonly ok: boolean; readonly reason?: string }>;
  /** Reads back what the vendor knows, for payments whose webhook may be lost. */
  reconcile?(
    input: { readonly externalId?: string; readonly since?: string } & JsonObject,
    ctx: Context<Config>,
  ): Promise<{ readonly facts: readonly Fact[] }>;
};

/** Declares a gateway extension; the default export of its `extension.ts`. */
export function defineGateway<const Schema extends ConfigSchema | undefined = undefined>(
  definition: { config?: Schema } & GatewayHandlers<ConfigOf<Schema>>,
): { readonly category: 'gateways' } & typeof definition {
  return { ...definition, category: 'gateways' };
}
