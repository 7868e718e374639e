// The panel's own objects as an extension sees them: plain JSON, no methods, nothing merged.
// The host passes them to handlers; the panel fills them in its HTTP call.

import type { Money } from './money.ts';

/** Any value that survives `JSON.stringify` and back unchanged. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A JSON object; field values may be absent. */
export type JsonObject = { [key: string]: Json };

/** A customer of the panel. `email` is the address to match exactly, never by prefix. */
export type User = {
  readonly id: string;
  readonly email: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly companyName?: string;
  readonly phone?: string;
  readonly address?: {
    readonly line1?: string;
    readonly line2?: string;
    readonly city?: string;
    readonly state?: string;
    readonly postcode?: string;
    /** ISO 3166-1 alpha-2 */
    readonly country?: string;
  };
  /** BCP 47 language tag */
  readonly locale?: string;
};

/** What was sold. `settings` are the admin's values for the fields of `productConfig`. */
export type Product = {
  readonly id: string;
  readonly name: string;
  readonly settings: JsonObject;
};

/**
 * One sold service.
 *
 * Admin settings, customer values and stored properties stay apart, so that a customer's value can
 * never override what the admin chose.
 */
export type Service = {
  /** The panel's id; stable, unique within the panel. Use it as the vendor's external id. */
  readonly id: string;
  readonly user: User;
  readonly product: Product;
  /** What the customer entered at checkout, by the field names of `checkoutConfig`. */
  readonly checkout: JsonObject;
  /** What earlier handlers of this extension returned as `properties`. */
  readonly properties: JsonObject;
};

/** Something wrong with a form, in the field that has it; `message` goes on after the field's name. */
export type Problem = { readonly field: string; readonly message: string };

/** A service that moves from one product to another; `product` is the new one. */
export type PackageChange = Service & { readonly previousProduct: Product };

/** One line of an invoice; `total` is for the whole line. */
export type InvoiceItem = {
  readonly id: string;
  readonly description: string;
  readonly quantity: number;
  readonly total: Money;
  readonly serviceId?: string;
  /** Present when the line renews by itself. */
  readonly recurring?: {
    readonly interval: 'day' | 'week' | 'month' | 'year';
    readonly count: number;
  };
};

/** A bill. `total` is what the customer owes, taxes included. */
export type Invoice = {
  readonly id: string;
  readonly number?: string;
  readonly total: Money;
  readonly tax?: Money;
  readonly items: readonly InvoiceItem[];
};

/** A payment that happened at a gateway, as the panel's ledger has it. */
export type Transaction = {
  /** The gateway's own id of the payment, as reported in `Fact.externalId`. */
  readonly externalId: string;
  readonly invoiceId: string;
  readonly amount: Money;
};

/**
 * One thing that a gateway says happened.
 *
 * The host keeps each `externalId` once and moves its state forward only: a payment
 * failed → processing → succeeded → refunded → disputed; all others end with `failed`: a dispute that was
 * won, a refund that came back, a stored method that was taken away.
 */
export type Fact = {
  readonly externalId: string;
  readonly kind: 'payment' | 'refund' | 'dispute' | 'token';
  readonly state: 'failed' | 'processing' | 'succeeded' | 'refunded' | 'disputed';
  /** Integer in the currency's smallest unit; never a float. */
  readonly amountMinor: number;
  /** ISO 4217, upper case */
  readonly currency: string;
  readonly invoiceId?: string;
  readonly feeMinor?: number;
  /** For refunds and disputes: the payment they belong to. */
  readonly relatedExternalId?: string;
};

/** A request from a vendor, exactly as it arrived. */
export type WebhookRequest = {
  /** The host's id of this delivery; the same on every redelivery of it. */
  readonly id: string;
  readonly method: string;
  /** Absolute URL as the vendor called it */
  readonly url: string;
  /** Names in lower case; repeated headers joined by ", ". */
  readonly headers: { readonly [name: string]: string };
  /** The raw body: text when it is valid UTF-8, base64 otherwise (see `bodyEncoding`). */
  readonly body: string;
  readonly bodyEncoding: 'utf8' | 'base64';
  /** ISO 8601 UTC */
  readonly receivedAt: string;
};

/** What a vendor should be answered; without it the host answers 200 with an empty body. */
export type WebhookReply = {
  readonly status: number;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
};

/** One form field of `productConfig`, `checkoutConfig` or an action's input. */
export type Field = {
  readonly name: string;
  readonly label: string;
  readonly type:
    | 'text'
    | 'password'
    | 'number'
    | 'boolean'
    | 'select'
    | 'textarea'
    | 'email'
    | 'color'
    | 'tags'
    | 'time'
    | 'file'
    | 'markdown'
    | 'multiselect';
  readonly description?: string;
  readonly required?: boolean;
  readonly default?: Json;
  readonly options?: readonly { readonly value: string | number; readonly label: string }[];
  readonly min?: number;
  readonly max?: number;
  /** The form asks again with the new values when this field changes. */
  readonly live?: boolean;
};
