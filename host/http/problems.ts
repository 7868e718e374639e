// Failures as RFC 9457 problem details. The only place that knows which status a code has.

import type { FastifyError, FastifyReply } from 'fastify';

import { HostError, toErrorData } from '../errors.ts';
import type { ErrorCode, ErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';

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
  409: 'Conflict',
  413: 'Body too large',
  415: 'Unsupported media type',
  422: 'Not valid',
  429: 'Too many requests',
  499: 'Cancelled',
  500: 'Host failed',
  502: 'Extension or its remote failed',
  503: 'Not available now',
  504: 'Too late',
};

/** The JSON schema of a problem, for OpenAPI. */
export const PROBLEM_SCHEMA = {
  $id: 'Problem',
  type: 'object',
  description: 'RFC 9457 problem details. "code" is stable and starts with who must act.',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(STATUS_BY_CODE) },
    remedy: { type: 'string' },
    callId: { type: 'string' },
    details: { type: 'object', additionalProperties: true },
  },
} as const;

/** Sends a failure. Text of what is not a `HostError` never leaves. */
export function sendProblem(reply: FastifyReply, error: ErrorData, status?: number): FastifyReply {
  const code = status ?? STATUS_BY_CODE[error.code];
  const { callId, retryAfterMs, ...details } = error.details ?? {};
  if (code === 401) reply.header('www-authenticate', 'Bearer realm="cofferdam"');
  if (typeof retryAfterMs === 'number') {
    reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
  }
  const body = {
    type: 'about:blank',
    title: TITLES[code] ?? 'Failed',
    status: code,
    detail: error.message,
    code: error.code,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    ...(callId === undefined ? {} : { callId }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
  return reply.code(code).type('application/problem+json').send(JSON.stringify(body));
}

/** Any thrown value as error data with a status of its own where the framework knows better. */
export function toProblem(error: unknown): { data: ErrorData; status?: number; bug: boolean } {
  if (error instanceof HostError) return { data: toErrorData(error), bug: false };
  const { code = '', validation, message, statusCode } = error as FastifyError;
  if (validation !== undefined) return { data: validationError(error as FastifyError), bug: false };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE' || code === 'FST_REQ_FILE_TOO_LARGE') {
    return {
      data: caller('CALLER_BODY_TOO_LARGE', 'The body is too large', 'Send less'),
      bug: false,
    };
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const data = caller('CALLER_INPUT_INVALID', message, 'Send "content-type: application/json"');
    return { data, status: 415, bug: false };
  }
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') {
    const remedy = 'Send a JSON object, or leave the content-type away';
    return { data: caller('CALLER_INPUT_INVALID', 'The body is empty', remedy), bug: false };
  }
  if (error instanceof SyntaxError && statusCode === 400) {
    const text = `The body is not valid JSON: ${message}`.slice(0, LIMITS.errorMessageChars);
    return { data: caller('CALLER_INPUT_INVALID', text, 'Correct the JSON'), bug: false };
  }
  if (statusCode === 429) {
    return { data: caller('CALLER_RATE_LIMITED', message, 'Wait and try again'), bug: false };
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return {
      data: caller('CALLER_INPUT_INVALID', message, 'Correct the request'),
      status: statusCode,
      bug: false,
    };
  }
  return { data: toErrorData(error), bug: true };
}

function caller(code: ErrorCode, message: string, remedy: string): ErrorData {
  return { code, message, remedy };
}

function validationError({ validation = [], validationContext = 'body' }: FastifyError): ErrorData {
  const [first] = validation;
  const path = (first?.instancePath ?? '').slice(1).replaceAll('/', '.');
  const params: Record<string, unknown> = first?.params ?? {};
  const extra = params['additionalProperty'] ?? params['missingProperty'];
  const field = [path, extra].filter((part) => part !== '' && part !== undefined).join('.');
  const where = field === '' ? `The ${validationContext}` : `${validationContext} "${field}"`;
  const allowed = params['allowedValues'];
  const values = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : '';
  return {
    code: 'CALLER_INPUT_INVALID',
    message: `${where} ${first?.message ?? 'is not valid'}${values}`,
    remedy: 'Correct the named field; /openapi.json describes every request',
    details: { field },
  };
}
