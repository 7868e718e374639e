// What the audit gets from the surface: every change, done or failed, and every refusal. Routes say
// what they did; failures and refusals come from the one error handler. No reply waits for it.

import type { FastifyBaseLogger, FastifyRequest } from 'fastify';

import type { ErrorCode, ErrorData } from '../errors.ts';
import type { ExtensionHost } from '../lifecycle/host.ts';
import { LIMITS } from '../limits.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { AuditRow, AuditStore } from '../store/audit.ts';
import { WindowCount } from '../window-count.ts';

/** Writes the lines of one server. */
export type AuditTrail = {
  /** A change that has happened; the route's `config.action` names it. */
  done(request: FastifyRequest, subject: string, details?: AuditRow['details']): void;
  /**
   * A request that was refused (401, 403), or a change that was tried and failed. Within a window the
   * first `LIMITS.auditedFailures` of a token, and the first `LIMITS.auditedStrangers` of all who have
   * none: more are only counted, so that nobody fills the store.
   */
  failed(request: FastifyRequest, error: ErrorData): void;
  /** A token or an address that sends too much: to be told once per window. */
  throttled(request: FastifyRequest): void;
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the audit calls it; on every route that changes something. */
    action?: string;
    /** Whether this request would change something; absent: all of the route do. */
    changes?: (request: FastifyRequest) => boolean;
  }
}

/** Refusals by what the audit calls them; null: told by `throttled`. */
const REFUSALS: Partial<Record<ErrorCode, string | null>> = {
  CALLER_UNAUTHENTICATED: 'unauthenticated',
  CALLER_FORBIDDEN: 'forbidden',
  CALLER_RATE_LIMITED: null,
};

/** Makes the trail. A line that cannot be written is logged: the change has happened already. */
export function createAuditTrail({
  store,
  host,
  metrics,
  log,
  nowMs,
}: {
  readonly store: Pick<AuditStore, 'addAudit' | 'purgeAudit'>;
  readonly host: Pick<ExtensionHost, 'subject'>;
  readonly metrics: Pick<Metrics, 'unaudited'>;
  readonly log: FastifyBaseLogger;
  readonly nowMs: () => number;
}): AuditTrail {
  const failures = new WindowCount(nowMs);
  const purge = createPurge({ store, log, nowMs });
  const add = (request: FastifyRequest, line: Omit<AuditRow, 'at' | 'actor' | 'role'>): void => {
    const { actor, ip } = request;
    const who = { actor: actor?.id ?? ip, role: actor?.role ?? 'none' };
    store
      .addAudit({ at: new Date(nowMs()).toISOString(), ...who, ...line })
      .then(purge)
      .catch((error: unknown) => log.error({ err: error, ...line }, 'audit not written'));
  };
  const subjectOf = (request: FastifyRequest): string => {
    const { about } = request.routeOptions.config;
    const { category, name, ...rest } = request.params as Readonly<Record<string, string>>;
    if (category === undefined || name === undefined) return pathOf(request);
    const instance = rest['instance'] ?? (about === 'instance' ? 'default' : undefined);
    return host.subject({ category, name, ...(instance === undefined ? {} : { instance }) });
  };
  const isKept = ({ actor }: FastifyRequest): boolean => {
    const { count } = failures.add(actor?.id ?? 'strangers');
    const isWithin =
      count <= (actor === undefined ? LIMITS.auditedStrangers : LIMITS.auditedFailures);
    if (!isWithin) metrics.unaudited();
    return isWithin;
  };
  return {
    done: (request, subject, details) =>
      add(request, {
        action: request.routeOptions.config.action ?? routeOf(request),
        subject,
        outcome: 'done',
        ...(details === undefined ? {} : { details }),
      }),
    failed(request, error) {
      const refusal = REFUSALS[error.code];
      if (refusal === null || (refusal === undefined && !isChange(request))) return;
      if (!isKept(request)) return;
      const { action = routeOf(request) } = request.routeOptions.config;
      const details = detailsOf(request, error);
      add(request, {
        action: refusal === undefined ? action : routeOf(request),
        subject: subjectOf(request),
        outcome: refusal ?? error.code,
        ...(details === undefined ? {} : { details }),
      });
    },
    throttled(request) {
      if (!isKept(request)) return;
      add(request, {
        action: routeOf(request),
        subject: subjectOf(request),
        outcome: 'rate-limited',
      });
    },
  };
}

/** Forgets lines whose time is over, now and then, after others were added. */
function createPurge({
  store,
  log,
  nowMs,
}: {
  readonly store: Pick<AuditStore, 'purgeAudit'>;
  readonly log: FastifyBaseLogger;
  readonly nowMs: () => number;
}): () => void {
  let purgedMs = 0;
  return () => {
    const now = nowMs();
    if (now - purgedMs < LIMITS.purgeEveryMs) return;
    purgedMs = now;
    const before = new Date(now - LIMITS.auditKeptMs).toISOString();
    const strangersBefore = new Date(now - LIMITS.auditStrangersKeptMs).toISOString();
    store
      .purgeAudit({ before, strangersBefore, limit: LIMITS.auditPurged })
      .catch((error: unknown) => log.error({ err: error }, 'audit not purged'));
  };
}

function isChange(request: FastifyRequest): boolean {
  const { action, changes } = request.routeOptions.config;
  return action !== undefined && request.actor !== undefined && changes?.(request) !== false;
}

/** Which call it was about, where it was about one. */
function detailsOf({ params }: FastifyRequest, { details }: ErrorData): AuditRow['details'] {
  const { handler } = params as Readonly<Record<string, string>>;
  const callId = details?.['callId'];
  if (handler === undefined && typeof callId !== 'string') return undefined;
  return {
    ...(handler === undefined ? {} : { handler: handler.slice(0, LIMITS.subjectChars) }),
    ...(typeof callId === 'string' ? { callId } : {}),
  };
}

function routeOf({ method, routeOptions }: FastifyRequest): string {
  return `${method} ${routeOptions.url ?? ''}`;
}

/** Without parameters: they are not what it is about, and may hold anything. */
function pathOf({ url }: FastifyRequest): string {
  return url.slice(0, LIMITS.subjectChars).replace(/[?#].*$/, '');
}
