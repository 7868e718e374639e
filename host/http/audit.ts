// What the audit gets from the surface: every change, done or failed, and every refusal. Routes say
// what they did; failures and refusals come from the one error handler. No reply waits for it.

import type { FastifyBaseLogger, FastifyRequest } from 'fastify';

import type { ErrorData } from '../errors.ts';
import type { AuditRow, Store } from '../store/store.ts';

/** Writes the lines of one server. */
export type AuditTrail = {
  /** A change that has happened; the route's `config.action` names it. */
  done(request: FastifyRequest, subject: string, details?: AuditRow['details']): void;
  /** A request that was refused (401, 403), or a change that was tried and failed. */
  failed(request: FastifyRequest, error: ErrorData): void;
  /** An address that sends too many wrong tokens: once per window, so that it cannot fill the audit. */
  throttled(request: FastifyRequest): void;
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the audit calls it; on every route that changes something. */
    action?: string;
  }
}

/** Characters kept of a URL that stands for a subject: names and ids are far shorter. */
const SUBJECT_CHARS = 500;

const REFUSALS: Partial<Record<ErrorData['code'], string>> = {
  CALLER_UNAUTHENTICATED: 'unauthenticated',
  CALLER_FORBIDDEN: 'forbidden',
};

/** Makes the trail. A line that cannot be written is logged: the change has happened already. */
export function createAuditTrail({
  store,
  log,
  nowMs,
}: {
  readonly store: Pick<Store, 'addAudit'>;
  readonly log: FastifyBaseLogger;
  readonly nowMs: () => number;
}): AuditTrail {
  const add = (request: FastifyRequest, line: Omit<AuditRow, 'at' | 'actor' | 'role'>): void => {
    const { actor, ip } = request;
    const who = { actor: actor?.id ?? ip, role: actor?.role ?? 'none' };
    store
      .addAudit({ at: new Date(nowMs()).toISOString(), ...who, ...line })
      .catch((error: unknown) => log.error({ err: error, ...line }, 'audit not written'));
  };
  const routeOf = ({ method, routeOptions }: FastifyRequest): string =>
    `${method} ${routeOptions.url ?? ''}`;
  const subjectOf = ({ url }: FastifyRequest): string => url.slice(0, SUBJECT_CHARS);
  return {
    done: (request, subject, details) =>
      add(request, {
        action: request.routeOptions.config.action ?? routeOf(request),
        subject,
        outcome: 'done',
        ...(details === undefined ? {} : { details }),
      }),
    failed: (request, { code }) => {
      const refusal = REFUSALS[code];
      const { action } = request.routeOptions.config;
      if (refusal !== undefined) {
        add(request, { action: routeOf(request), subject: subjectOf(request), outcome: refusal });
      } else if (action !== undefined && request.actor !== undefined) {
        add(request, { action, subject: subjectOf(request), outcome: code });
      }
    },
    throttled: (request) =>
      add(request, {
        action: routeOf(request),
        subject: subjectOf(request),
        outcome: 'rate-limited',
      }),
  };
}
