// The powers an extension may be given. A handler holds what it is handed in `ctx`, nothing else.

import type { Json, JsonObject, WebhookRequest } from './domain.ts';

/** Structured log lines; secrets in them are redacted by the host. Fields are plain JSON. */
export type Log = {
  debug(message: string, fields?: JsonObject): void;
  info(message: string, fields?: JsonObject): void;
  warn(message: string, fields?: JsonObject): void;
  error(message: string, fields?: JsonObject): void;
};

/**
 * Keys and values of this instance alone; survives restarts.
 *
 * Keys: 1–512 characters. Values: JSON, at most 64 KiB each, `storage.quotaBytes` and
 * 100 000 keys in all.
 */
export type Storage = {
  get<T extends Json = Json>(key: string): Promise<T | null>;
  /** Throws `capacity` over the quota. `ttlMs` forgets the key after that time. */
  set(key: string, value: Json, options?: { ttlMs?: number }): Promise<void>;
  delete(key: string): Promise<boolean>;
  /**
   * Keys in code-point order, at most `limit` (1–1000, default 100) from `after` on. Over 4 MiB in all it
   * throws: ask for fewer at a time.
   */
  list<T extends Json = Json>(
    prefix: string,
    options?: { after?: string; limit?: number },
  ): Promise<{ key: string; value: T }[]>;
  /**
   * Writes only when the stored value equals `expected` (`null`: only when absent).
   *
   * What is written lives as `options.ttlMs` says, for ever without it.
   */
  compareAndSet(
    key: string,
    expected: Json,
    value: Json,
    options?: { ttlMs?: number },
  ): Promise<boolean>;
  /** Adds to an integer (absent = 0) and returns the sum, which lives as `options.ttlMs` says. */
  increment(key: string, by?: number, options?: { ttlMs?: number }): Promise<number>;
};

/** How a vendor signs its webhooks. A `secret` may be sealed; times are tolerated for five minutes unless said. */
export type WebhookScheme =
  /** `Stripe-Signature` with any number of `v1`. */
  | { readonly kind: 'stripe'; readonly secret: string; readonly toleranceMs?: number }
  /** `webhook-id`, `webhook-timestamp`, `webhook-signature`; a key `whsec_…` in Base64. */
  | { readonly kind: 'standard'; readonly secret: string; readonly toleranceMs?: number }
  /** An HMAC of the body in one header, as GitHub's `X-Hub-Signature-256` with prefix `sha256=`. */
  | {
      readonly kind: 'hmac';
      readonly secret: string;
      readonly header: string;
      readonly prefix?: string;
      readonly hash?: 'sha256' | 'sha512';
      readonly encoding?: 'hex' | 'base64';
    }
  /** Ed25519 over timestamp and body, as Discord's interactions; the key in hexadecimal. */
  | { readonly kind: 'discord'; readonly publicKey: string; readonly toleranceMs?: number }
  /**
   * PayPal is asked over the bytes that came; needs `fetch` of its API, and four days are tolerated.
   * `details.status` 401 of what is thrown: another token is needed.
   */
  | {
      readonly kind: 'paypal';
      readonly environment: 'live' | 'sandbox';
      readonly webhookId: string;
      readonly accessToken: string;
      readonly toleranceMs?: number;
    }
  /** The payment that Mollie names is read back, with refunds and chargebacks; needs `fetch` of its API. */
  | { readonly kind: 'mollie'; readonly apiKey: string };

/** What a check of a webhook that is the vendor's says. */
export type WebhookCheck = { readonly replayed: boolean; readonly resource?: Json };

/** Checks of webhooks by the host; needs `webhook` in the manifest. */
export type Webhooks = {
  /**
   * Verifies a request in constant time.
   *
   * Age is that at `receivedAt`: a delivery may have waited.
   *
   * @returns `replayed` when the very same one was delivered before: answer it, and do nothing;
   *   `resource` what a vendor that was asked has told, null when it knows no such thing
   * @throws `unauthorized` when it is not the vendor's, too old, or not signed at all
   */
  verify(request: WebhookRequest, scheme: WebhookScheme): Promise<WebhookCheck>;
};

/** What is known of the call that runs. */
export type Call = {
  readonly id: string;
  readonly handler: string;
  /** The same on every retry of one operation; use it where a vendor takes an idempotency key. */
  readonly operationId: string;
  /** 1 on the first try. */
  readonly attempt: number;
  /** Epoch milliseconds */
  readonly deadlineMs: number;
  readonly dryRun: boolean;
  /** Aborts when the caller goes away or the deadline passes. */
  readonly signal: AbortSignal;
  /** Where a vendor reaches this instance's `webhook`, when the admin has set a public address. */
  readonly webhookUrl?: string;
};

/** What every handler gets last. `Config` has the type of the extension's `config` schema. */
export type Context<Config> = {
  readonly config: Config;
  readonly fetch: typeof fetch;
  readonly log: Log;
  readonly storage: Storage;
  readonly webhooks: Webhooks;
  readonly call: Call;
};
