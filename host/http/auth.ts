// Who asks and what they may: bearer tokens with roles. Every refusal and every change is audited.

import type { FastifyReply, FastifyRequest } from 'fastify';

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
  readonly tokens: Pick<Tokens, 'find'>;
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
export function createGuard({
  tokens,
  audit,
  nowMs,
}: AuthPowers): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const failures = new FailureCount(nowMs);
  return async (request) => {
    const { may } = request.routeOptions.config;
    if (may === undefined) return;
    const token = await authenticate(request, { tokens, failures });
    if (token === undefined) {
      audit({
        actor: request.ip,
        role: 'none',
        action: `${request.method} ${request.routeOptions.url ?? ''}`,
        subject: request.url.slice(0, 500),
        outcome: 'unauthenticated',
      });
      throw new HostError('CALLER_UNAUTHENTICATED', 'A valid bearer token is needed', {
        remedy:
          'Send "authorization: Bearer <token>"; the first start of the host printed an admin token',
      });
    }
    request.actor = { id: token.id, role: token.role };
    if (may.includes(token.role)) return;
    audit({
      actor: token.id,
      role: token.role,
      action: `${request.method} ${request.routeOptions.url ?? ''}`,
      subject: request.url.slice(0, 500),
      outcome: 'forbidden',
    });
    throw new HostError(
      'CALLER_FORBIDDEN',
      `Role "${token.role}" may not do this: it needs ${may.join(' or ')}`,
      { remedy: 'Use a token with such a role' },
    );
  };
}

/** The actor of a request that the guard let in. */
export function actorOf({ actor }: FastifyRequest): Actor {
  if (actor !== undefined) return actor;
  throw new HostError('CALLER_UNAUTHENTICATED', 'A valid bearer token is needed');
}

async function authenticate(
  request: FastifyRequest,
  { tokens, failures }: { tokens: AuthPowers['tokens']; failures: FailureCount },
): Promise<TokenView | undefined> {
  const { authorization } = request.headers;
  const secret = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1];
  const token = secret === undefined ? undefined : await tokens.find(secret);
  if (token === undefined) failures.add(request.ip);
  return token;
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
