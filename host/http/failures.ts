// Whatever a request can fail with as error data: our own failures as they are, the framework's in our
// words, everything else without its text.

import type { Socket } from 'node:net';

import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';

import { HostError, toErrorData } from '../errors.ts';
import type { ErrorCode, ErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { AuditTrail } from './audit.ts';
import { PROBLEM_TYPE, problemText, sendProblem } from './problems.ts';
import { describeInvalid } from './validation.ts';
import { isOutdated } from './versions.ts';

/** A failure as it is answered; `status` where HTTP has one of its own for it. */
type Failure = { readonly error: ErrorData; readonly status?: number };

/** Answers every failed request with a problem, and tells audit and metrics. */
export function answerFailures(
  app: FastifyInstance,
  { audit, metrics }: { audit: AuditTrail; metrics: Pick<Metrics, 'refused'> },
): void {
  app.setErrorHandler((thrown, request, reply) => {
    const { error, status } = toFailure(thrown, request);
    if (error.code === 'HOST_INTERNAL') {
      app.log.error({ err: thrown, url: request.url, requestId: request.id }, 'request failed');
    }
    audit.failed(request, error);
    metrics.refused(error.code);
    return sendProblem(reply, error, status);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      code: 'CALLER_NOT_FOUND',
      message: `There is no ${request.method} ${request.url.slice(0, 200)}`,
      remedy: 'See /openapi.json for every route',
    }),
  );
}

/** Any thrown value as error data. Text leaves only when we, or the framework about us, wrote it. */
export function toFailure(thrown: unknown, request: FastifyRequest): Failure {
  if (thrown instanceof HostError) {
    return { error: thrown.toData(), ...(isOutdated(thrown) ? { status: 412 } : {}) };
  }
  if (!(thrown instanceof Error)) return { error: toErrorData(thrown) };
  const known: Partial<FastifyError> = thrown;
  const { code = '', message = '', statusCode, validation } = known;
  if (validation !== undefined) {
    return { error: describeInvalid(validation, known.validationContext ?? 'body') };
  }
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge('archive', LIMITS.archiveBytes);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return tooLarge('body', request.routeOptions.bodyLimit);
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const remedy = 'Send "content-type: application/json"';
    return { error: caller('CALLER_INPUT_INVALID', message, remedy), status: 415 };
  }
  if (thrown instanceof SyntaxError && statusCode === 400) {
    const text = `The body is not valid JSON: ${message}`.slice(0, LIMITS.errorMessageChars);
    return { error: caller('CALLER_INPUT_INVALID', text, 'Correct the JSON') };
  }
  if (isFramework(code) && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    const text = message.slice(0, LIMITS.errorMessageChars);
    const remedy = 'Correct the request; /openapi.json describes every one';
    return { error: caller('CALLER_INPUT_INVALID', text, remedy), status: statusCode };
  }
  return { error: toErrorData(thrown) };
}

/** Answers what is no HTTP at all, or stopped being it: no request, no route, only a socket. */
export function answerBrokenHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, reason, remedy } = BROKEN[error.code ?? ''] ?? BROKEN_OTHER;
  const text = problemText(caller('CALLER_INPUT_INVALID', reason, remedy), status);
  const head = [
    `HTTP/1.1 ${status} Refused`,
    `content-type: ${PROBLEM_TYPE}; charset=utf-8`,
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

const BROKEN: Readonly<Record<string, { status: number; reason: string; remedy: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    reason: 'The headers are too large',
    remedy: 'Send fewer or shorter headers',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    reason: `The request took over ${LIMITS.requestMs} ms to arrive`,
    remedy: 'Send it faster or smaller',
  },
};
const BROKEN_OTHER = {
  status: 400,
  reason: 'What arrived is not an HTTP request',
  remedy: 'Send HTTP/1.1 without TLS, or put a proxy that ends TLS in front',
};

/** Codes of fastify and of its plugins, whose texts are about the request and safe to show. */
function isFramework(code: string): boolean {
  return code.startsWith('FST_');
}

function tooLarge(what: string, limit: number | undefined): Failure {
  const bound = limit === undefined ? '' : `: at most ${limit} bytes`;
  return {
    error: {
      code: 'CALLER_BODY_TOO_LARGE',
      message: `The ${what} is too large${bound}`,
      remedy: 'Send less',
      details: { field: what, ...(limit === undefined ? {} : { limit }) },
    },
  };
}

function caller(code: ErrorCode, message: string, remedy: string): ErrorData {
  return { code, message, remedy };
}
