// Every failure code of the host. The code says who must act; text may change, the code may not.
// Only http maps codes to statuses. host/README.md has one row for each.

/** Every code, by who must act: caller, extension author, remote side, or we. */
export const ERROR_CODES = [
  'CALLER_UNAUTHENTICATED',
  'CALLER_FORBIDDEN',
  'CALLER_RATE_LIMITED',
  'CALLER_INPUT_INVALID',
  'CALLER_BODY_TOO_LARGE',
  'CALLER_CATEGORY_UNKNOWN',
  'CALLER_NOT_FOUND',
  'CALLER_CONFLICT',
  'CALLER_CONFIG_INVALID',
  'CALLER_CONFIG_MISSING',
  'CALLER_GRANT_NEEDED',
  'CALLER_NEEDS_RECONCILIATION',
  'CALLER_NOT_RUNNING',
  'CALLER_HANDLER_UNKNOWN',
  'CALLER_CANCELLED',
  'CALLER_UNSUPPORTED',
  'EXTENSION_MANIFEST_INVALID',
  'EXTENSION_BUILD_FAILED',
  'EXTENSION_LOAD_FAILED',
  'EXTENSION_THREW',
  'EXTENSION_FAILED',
  'EXTENSION_TIMED_OUT',
  'EXTENSION_CPU_EXCEEDED',
  'EXTENSION_MEMORY_EXCEEDED',
  'EXTENSION_QUOTA_EXCEEDED',
  'EXTENSION_OUTPUT_INVALID',
  'EXTENSION_CRASHED',
  'EXTENSION_QUARANTINED',
  'EGRESS_DENIED',
  'EGRESS_LIMIT',
  'REMOTE_UNREACHABLE',
  'REMOTE_TIMED_OUT',
  'REMOTE_CERTIFICATE',
  'REMOTE_PROTOCOL',
  'HOST_OVERLOADED',
  'HOST_DRAINING',
  'HOST_UNJAILED',
  'HOST_STORE_FAILED',
  'HOST_INTERNAL',
] as const;

/** One of `ERROR_CODES`. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What may cross a wall or reach a caller: data, never an Error object. */
export type ErrorData = {
  readonly code: ErrorCode;
  readonly message: string;
  /** One sentence: what to do about it. */
  readonly remedy?: string;
  /** Further facts by name, such as `field`, `limit`, `observed`. Plain JSON, no secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
};

/** An expected failure. Bugs are asserted instead and end the process. */
export class HostError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    more: { remedy?: string; details?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'HostError';
    this.code = code;
    this.remedy = more.remedy;
    this.details = more.details;
  }

  /** This failure as data; `cause` and `stack` stay on our side. */
  toData(): ErrorData {
    return {
      code: this.code,
      message: this.message,
      ...(this.remedy === undefined ? {} : { remedy: this.remedy }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** Any caught value as error data; what is not a `HostError` becomes `HOST_INTERNAL` without its text. */
export function toErrorData(error: unknown): ErrorData {
  if (error instanceof HostError) return error.toData();
  return { code: 'HOST_INTERNAL', message: 'The host failed while doing this' };
}

/** A setting that does not fit: one line that says which name is wrong and how to put it right. */
export class SettingsError extends Error {}
