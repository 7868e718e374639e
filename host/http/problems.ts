// Failures as RFC 9457 problem details. The only place that knows which status a code has.

import type { FastifyReply } from 'fastify';

import type { ErrorCode, ErrorData } from '../errors.ts';

/** The status of every code. */
export const STATUS_BY_CODE: Readonly<Record<ErrorCode, number>> = {
  CALLER_UNAUTHENTICATED: 401,
  CALLER_FORBIDDEN: 403,
  CALLER_RATE_LIMITED: 429,
  CALLER_INPUT_INVALID: 400,
  CALLER_BODY_TOO_LARGE: 413,
  CALLER_CATEGORY_UNKNOWN: 400,
  CALLER_NOT_FOUND: 404,
  CALLER_CONFLICT: 409,
  CALLER_CONFIG_INVALID: 422,
  CALLER_CONFIG_MISSING: 409,
  CALLER_GRANT_NEEDED: 409,
  CALLER_NEEDS_RECONCILIATION: 409,
  CALLER_NOT_RUNNING: 409,
  CALLER_HANDLER_UNKNOWN: 404,
  CALLER_CANCELLED: 499,
  CALLER_UNSUPPORTED: 422,
  EXTENSION_MANIFEST_INVALID: 422,
  EXTENSION_BUILD_FAILED: 422,
  EXTENSION_LOAD_FAILED: 502,
  EXTENSION_THREW: 502,
  EXTENSION_FAILED: 502,
  EXTENSION_TIMED_OUT: 504,
  EXTENSION_CPU_EXCEEDED: 504,
  EXTENSION_MEMORY_EXCEEDED: 502,
  EXTENSION_QUOTA_EXCEEDED: 502,
  EXTENSION_OUTPUT_INVALID: 502,
  EXTENSION_CRASHED: 502,
  EXTENSION_QUARANTINED: 503,
  EGRESS_DENIED: 502,
  EGRESS_LIMIT: 502,
  REMOTE_UNREACHABLE: 502,
  REMOTE_TIMED_OUT: 504,
  REMOTE_CERTIFICATE: 502,
  REMOTE_PROTOCOL: 502,
  HOST_OVERLOADED: 503,
  HOST_DRAINING: 503,
  HOST_UNJAILED: 503,
  HOST_STORE_FAILED: 500,
  HOST_INTERNAL: 500,
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthenticated',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  406: 'Not acceptable',
  408: 'Request too slow',
  409: 'Conflict',
  412: 'Changed meanwhile',
  413: 'Body too large',
  414: 'URL too long',
  415: 'Unsupported media type',
  422: 'Not valid',
  429: 'Too many requests',
  431: 'Headers too large',
  499: 'Cancelled',
  500: 'Host failed',
  502: 'Extension or its remote failed',
  503: 'Not available now',
  504: 'Too late',
};

/** The media type of a problem. */
export const PROBLEM_TYPE = 'application/problem+json';

/**
 * Sends a failure.
 *
 * @param status Where HTTP has a status of its own for what is one code to us (405, 415)
 */
export function sendProblem(
  reply: FastifyReply,
  error: ErrorData,
  status = STATUS_BY_CODE[error.code],
): FastifyReply {
  const retryAfterMs = error.details?.['retryAfterMs'];
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="cofferdam"');
  if (typeof retryAfterMs === 'number') {
    reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
  }
  return reply.code(status).type(PROBLEM_TYPE).send(problemText(error, status));
}

/** The body of a problem. `callId` and `retryAfterMs` have places of their own. */
export function problemText(error: ErrorData, status: number): string {
  const { callId, retryAfterMs: _header, ...details } = error.details ?? {};
  return JSON.stringify({
    type: 'about:blank',
    title: TITLES[status] ?? 'Failed',
    status,
    detail: error.message,
    code: error.code,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    ...(callId === undefined ? {} : { callId }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  });
}
