// The official SDK, set up for this sandbox, and its errors turned into failures of ours.
// Every request to Stripe goes through `ask`; the key is a placeholder that the host replaces.

import { fail, isFailure, readRetryAfter } from 'cofferdam/sdk';
import type { FailureCode } from 'cofferdam/sdk';
import Stripe from 'stripe';

import type { StripeContext } from './config.ts';

/** Milliseconds for one request; Stripe itself gives up on most after 30 s. */
const REQUEST_MS = 30_000;
/** Milliseconds kept back before the deadline of the call, to report what happened. */
const RESERVE_MS = 500;

const REMEDIES: { readonly [code in FailureCode]?: string } = {
  unauthorized: 'Enter a valid secret key of this Stripe account in the configuration',
  forbidden: 'Give the restricted key the permissions that the README of this extension lists',
  rate_limited: 'Wait and try again: Stripe limits how often it may be called',
  unavailable: 'Try again: Stripe could not be reached or had a fault',
  declined: 'Ask the customer for another payment method',
};

// Codes that say more than their status. https://docs.stripe.com/error-codes
const BY_CODE: ReadonlyMap<string, FailureCode> = new Map([
  ['resource_missing', 'not_found'],
  ['charge_already_refunded', 'conflict'],
  ['charge_disputed', 'conflict'],
  ['payment_intent_unexpected_state', 'conflict'],
  ['idempotency_key_in_use', 'locked'],
  ['lock_timeout', 'locked'],
  ['rate_limit', 'rate_limited'],
  ['authentication_required', 'declined'],
]);

/** Makes the client of one call. It ends with the call and never repeats a request by itself. */
export function createStripe({ config, fetch, call }: StripeContext): Stripe {
  const abortable: typeof fetch = (input, init) => {
    const signals = [call.signal, init?.signal].filter((signal) => signal instanceof AbortSignal);
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };
  const left = call.deadlineMs - Date.now() - RESERVE_MS;
  return new Stripe(config.secretKey, {
    httpClient: Stripe.createFetchHttpClient(abortable),
    // The host repeats a failed operation under the same operation id, hence the same keys.
    maxNetworkRetries: 0,
    timeout: Math.max(1_000, Math.min(REQUEST_MS, left)),
    telemetry: false,
    appInfo: { name: 'Cofferdam', version: '1.0.0' },
  });
}

/** Waits for Stripe's answer; `what` reads like "Cannot refund pi_1". */
export async function ask<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw explainError(error, what);
  }
}

/** Whether Stripe said that this thing does not exist. */
export function isMissing(error: unknown): boolean {
  return isFailure(error, 'not_found');
}

/** The SDK's error behind a failure, for the few callers that read more than its code. */
export function stripeErrorOf(error: unknown): Stripe.errors.StripeError | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Stripe.errors.StripeError ? cause : undefined;
}

/** The id of something that Stripe gives as an id or, when expanded, as an object. */
export function idOf(
  value: string | { readonly id: string } | null | undefined,
): string | undefined {
  return typeof value === 'string' ? value : value?.id;
}

function explainError(error: unknown, what: string): unknown {
  if (!(error instanceof Stripe.errors.StripeError)) return error;
  const refused = refusalOf(error.detail);
  // A refusal by the host's own egress policy says exactly what to change: pass it on untouched.
  if (refused !== undefined) return refused;
  const code = codeOf(error);
  const place = [
    error.code,
    error.decline_code,
    error.param && `parameter ${error.param}`,
    error.requestId && `request ${error.requestId}`,
  ].filter(Boolean);
  const said = error.message.replace(/\.$/, '') || 'no reason given';
  return fail(code, `${what}: ${said}${place.length > 0 ? ` (${place.join(', ')})` : ''}`, {
    cause: error,
    remedy: REMEDIES[code],
    retryAfterMs: readRetryAfter(error.headers?.['retry-after'] ?? null),
  });
}

function codeOf(error: Stripe.errors.StripeError): FailureCode {
  const known = BY_CODE.get(error.code ?? '');
  if (known !== undefined) return known;
  switch (error.type) {
    case 'StripeCardError':
      return 'declined';
    case 'StripeRateLimitError':
      return 'rate_limited';
    case 'StripeAuthenticationError':
      return 'unauthorized';
    case 'StripePermissionError':
      return 'forbidden';
    case 'StripeIdempotencyError':
      return 'conflict';
    case 'StripeInvalidRequestError':
      return error.statusCode === 404 ? 'not_found' : 'rejected';
    case 'StripeConnectionError':
      return isTimeout(error) ? 'timeout' : 'unavailable';
    default:
      return error.statusCode === 409 ? 'locked' : 'unavailable';
  }
}

function isTimeout({ detail, message }: Stripe.errors.StripeError): boolean {
  const name = detail instanceof Error ? detail.name : '';
  return /timeout/i.test(message) || name === 'TimeoutError' || name === 'AbortError';
}

/** What the host's fetch threw, when it threw it on purpose. */
function refusalOf(detail: unknown): unknown {
  const { code } = (detail ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^(?:EGRESS_|REMOTE_CERTIFICATE)/.test(code)
    ? detail
    : undefined;
}
