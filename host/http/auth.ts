// Who asks and what they may: bearer tokens with roles. Every refusal and every change is audited.

import type { FastifyRequest, onRequestHookHandler } from 'fastify';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Actor } from '../lifecycle/host.ts';
import type { AuditRow } from '../store/store.ts';
import type { Tokens, TokenView } from '../store/tokens.ts';

/** Roles, from most to least powerful. */
export const ROLES = ['admin', 'operator', 'viewer', 'panel'] as const;

/** One of `ROLES`. */
export type Role = (typeof ROLES)[number];

/** What a route asks for: the roles that may use it. */
export const MAY = {
  read: ['admin', 'operator', 'viewer'],
  operate: ['admin', 'operator'],
  call: ['admin', 'operator', 'panel'],
  administer: ['admin'],
} as const satisfies Record<string, readonly Role[]>;

/** What authentication needs. */
export type AuthPowers = {
  readonly tokens: Pick<Tokens, 'find' | 'peek'>;
  readonly audit: (row: Omit<AuditRow, 'at'>) => void;
  readonly nowMs: () => number;
};

/** Writes one line of the audit for a change that has happened. */
export type Audited = (
  request: FastifyRequest,
  action: string,
  subject: string,
  details?: Readonly<Record<string, unknown>>,
) => void;

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor | undefined;
  }
  interface FastifyContextConfig {
    may?: readonly Role[];
  }
}

/** Makes the hook that lets a request in or refuses it. */
export function createGuard({ tokens, audit, nowMs }: AuthPowers): onRequestHookHandler {
  const failures = new FailureCount(nowMs);
  const refuse = (request: FastifyRequest, outcome: string, token?: TokenView): void =>
    audit({
      actor: token?.id ?? request.ip,
      role: token?.role ?? 'none',
      action: `${request.method} ${request.routeOptions.url ?? ''}`,
      subject: request.url.slice(0, 500),
      outcome,
    });
  const admit = (request: FastifyRequest, token: TokenView | undefined): void => {
    const { may = [] } = request.routeOptions.config;
    if (token === undefined) {
      failures.add(request.ip);
      refuse(request, 'unauthenticated');
      throw new HostError('CALLER_UNAUTHENTICATED', 'A valid bearer token is needed', {
        remedy:
          'Send "authorization: Bearer <token>"; the first start of the host printed an admin token',
      });
    }
    request.actor = { id: token.id, role: token.role };
    if (may.includes(token.role)) return;
    refuse(request, 'forbidden', token);
    throw new HostError(
      'CALLER_FORBIDDEN',
      `Role "${token.role}" may not do this: it needs ${may.join(' or ')}`,
      { remedy: 'Use a token with such a role' },
    );
  };
  return (request, _reply, done) => {
    if (request.routeOptions.config.may === undefined) return done();
    const secret = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1];
    const known = secret === undefined ? undefined : tokens.peek(secret);
    // A token seen a moment ago needs no look into the store, and no turn of the event loop.
    if (known !== undefined) return attempt(() => admit(request, known), done);
    const found = secret === undefined ? Promise.resolve(undefined) : tokens.find(secret);
    found.then(
      (token) => attempt(() => admit(request, token), done),
      (error: unknown) => done(error as Error),
    );
  };
}

function attempt(run: () => void, done: (error?: Error) => void): void {
  try {
    run();
  } catch (error) {
    return done(error as Error);
  }
  done();
}

/** The actor of a request that the guard let in. */
export function actorOf({ actor }: FastifyRequest): Actor {
  if (actor !== undefined) return actor;
  throw new HostError('CALLER_UNAUTHENTICATED', 'A valid bearer token is needed');
}

/** Counts wrong tokens per address; over the limit the address has to wait. */
class FailureCount {
  readonly #nowMs: () => number;
  readonly #byAddress = new Map<string, { count: number; sinceMs: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @throws {HostError} `CALLER_RATE_LIMITED` */
  add(address: string): void {
    const now = this.#nowMs();
    const known = this.#byAddress.get(address);
    if (known === undefined || now - known.sinceMs > LIMITS.authFailureWindowMs) {
      if (this.#byAddress.size >= LIMITS.authAddresses) this.#byAddress.clear();
      this.#byAddress.set(address, { count: 1, sinceMs: now });
      return;
    }
    known.count += 1;
    if (known.count <= LIMITS.authFailures) return;
    const retryAfterMs = known.sinceMs + LIMITS.authFailureWindowMs - now;
    throw new HostError('CALLER_RATE_LIMITED', 'Too many requests with a wrong token', {
      remedy: 'Wait before trying again',
      details: { retryAfterMs },
    });
  }
}
