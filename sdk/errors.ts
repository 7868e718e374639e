// The failures that an extension may report. Handlers throw `fail(…)`; the host turns it into data.

/** Every code an extension may report; anything else an extension throws is `EXTENSION_THREW`. */
export const FAILURE_CODES = [
  'invalid_config',
  'invalid_input',
  'unauthorized',
  'forbidden',
  'not_found',
  'conflict',
  'capacity',
  'locked',
  'rate_limited',
  'declined',
  'unsupported',
  'unavailable',
  'timeout',
  'invalid_response',
  'certificate',
  'rejected',
] as const;

/** One of `FAILURE_CODES`. */
export type FailureCode = (typeof FAILURE_CODES)[number];

/** A failure as data: what crosses to the panel. */
export type Failure = {
  readonly code: FailureCode;
  readonly message: string;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retriable: boolean;
  /** What a person can do about it, in one sentence; `fail` has one for each code. */
  readonly remedy?: string;
  /** How long to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
};

/** The error that carries a `Failure`; made by `fail`. */
export class ExtensionFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    this.name = 'ExtensionFailure';
    this.failure = failure;
  }
}

const RETRIABLE: ReadonlySet<FailureCode> = new Set([
  'locked',
  'rate_limited',
  'unavailable',
  'timeout',
]);

/** What can be done about a failure whose maker says nothing better. */
const REMEDIES: Readonly<Record<FailureCode, string>> = {
  invalid_config: 'Correct the configuration of this extension',
  invalid_input: 'Correct what the message names, then try again',
  unauthorized: 'Check the credentials in the configuration of this extension',
  forbidden: 'Give the API user the permissions that the README of this extension lists',
  not_found: 'Look at the vendor whether it is still there',
  conflict: 'Look at the vendor what is in the way, put it right, then try again',
  capacity: 'Make room at the vendor, or choose a smaller product or another place',
  locked: 'Wait until the vendor has finished what it does; it is tried again',
  rate_limited: 'Wait and try again; the vendor limits how often it may be called',
  declined: 'Ask the customer for another payment method',
  unsupported: 'Do it in another way: the vendor does not offer this',
  unavailable: 'Check that the vendor is reachable and try again',
  timeout: 'Try again; look at the vendor first when it must not happen twice',
  invalid_response: 'Check the address in the configuration, and the version of the vendor',
  certificate: 'Check the certificate of the vendor, or pin its fingerprint in the configuration',
  rejected: 'Correct what the vendor names, then try again',
};

/**
 * Makes the error that a handler throws to report a failure.
 *
 * @param code Who must act is in the code: `unauthorized` the admin, `declined` the customer, …
 * @param message What was tried and what the vendor said; never a secret
 * @param more `retriable` defaults to true for locked, rate_limited, unavailable and timeout only,
 *   `remedy` to what holds for the code in general
 */
export function fail(
  code: FailureCode,
  message: string,
  more: {
    readonly retriable?: boolean | undefined;
    readonly remedy?: string | undefined;
    readonly retryAfterMs?: number | undefined;
    readonly cause?: unknown;
  } = {},
): ExtensionFailure {
  const { cause, retriable = RETRIABLE.has(code), remedy = REMEDIES[code], retryAfterMs } = more;
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new ExtensionFailure({ code, message, retriable, remedy, ...wait }, { cause });
}

/**
 * Whether a request was refused because it carried a credential that the host has forgotten: one that a
 * vendor gave and the host sealed (`earned` in the manifest) lives until it ends. Get a new one.
 */
export function isForgottenSecret(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, details } = error as Error & { code?: unknown; details?: { rule?: unknown } };
  const isRefusal = code === 'EGRESS_DENIED' || code === 'EXTENSION_OUTPUT_INVALID';
  return isRefusal && details?.rule === 'unknown-stand-in';
}

/**
 * Whether the vendor may have done what it was asked: no reply came, or none that says what happened.
 * Look before you ask again, and take nothing back that may be in use.
 */
export function mayHaveActed(error: unknown): boolean {
  return !isFailure(error) || UNANSWERED.has(error.failure.code);
}

const UNANSWERED: ReadonlySet<FailureCode> = new Set([
  'unavailable',
  'timeout',
  'invalid_response',
]);

/** Whether the vendor refused for good: nothing was done, and asking again changes nothing. */
export function isRefusal(error: unknown): boolean {
  return isFailure(error) && !error.failure.retriable && !mayHaveActed(error);
}

/** Runs a look-up; undefined when the vendor itself says that the thing is not there. Other failures pass. */
export async function orAbsent<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (isFailure(error, 'not_found')) return undefined;
    throw error;
  }
}

/** Whether a caught value is a failure made by `fail`, and of that code when one is named. */
export function isFailure(error: unknown, code?: FailureCode): error is ExtensionFailure {
  return error instanceof ExtensionFailure && (code === undefined || error.failure.code === code);
}
