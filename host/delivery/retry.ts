// What follows a failed attempt: another one later, a dead letter, or nothing. Pure.

import type { ErrorCode, HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { DeliveryRow } from '../store/deliveries.ts';

/** What to do with a delivery whose attempt failed. */
export type Next =
  | { readonly act: 'retry'; readonly dueMs: number }
  | { readonly act: 'bury' }
  /** Somebody else's forgery: keeping it would let strangers fill the store. */
  | { readonly act: 'forget' };

/** Codes that another attempt cannot cure. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'CALLER_HANDLER_UNKNOWN',
  'CALLER_NOT_FOUND',
  'CALLER_NEEDS_RECONCILIATION',
]);

/** Failures by which a handler says that a webhook is not the vendor's. */
const FORGED: ReadonlySet<string> = new Set(['unauthorized', 'invalid_input']);

/** Decides by the failure and by the number of the attempt that failed, from 1. */
export function decideNext(
  error: HostError,
  { kind, attempt }: Pick<DeliveryRow, 'kind' | 'attempt'>,
  nowMs: number,
): Next {
  const failure = failureOf(error);
  if (kind === 'webhook' && forgeryOf(error) !== undefined) return { act: 'forget' };
  const wait = LIMITS.deliveryBackoffMs[attempt - 1];
  if (wait === undefined || FINAL.has(error.code) || failure?.retriable === false) {
    return { act: 'bury' };
  }
  const asked = failure?.retryAfterMs ?? error.details?.['retryAfterMs'];
  const waitMs =
    typeof asked === 'number' && asked > 0
      ? Math.ceil(Math.min(asked, LIMITS.deliveryRetryMsMax))
      : wait;
  return { act: 'retry', dueMs: nowMs + waitMs };
}

/**
 * The code by which a handler says that a webhook is not the vendor's; undefined when it says no such thing.
 *
 * Where the host itself has found that it is, a vendor that takes the handler's own key for wrong is no
 * forgery: forgetting the delivery would lose a payment.
 */
export function forgeryOf(error: HostError): string | undefined {
  const code = failureOf(error)?.code ?? '';
  return FORGED.has(code) && error.details?.['verified'] !== true ? code : undefined;
}

/** What an extension reported by `fail(…)`. */
function failureOf(
  error: HostError,
): { code?: string; retriable?: boolean; retryAfterMs?: number } | undefined {
  const failure = error.details?.['failure'];
  return error.code === 'EXTENSION_FAILED' && typeof failure === 'object' && failure !== null
    ? failure
    : undefined;
}
