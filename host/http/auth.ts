// Who asks and what they may: bearer tokens with roles. The error handler audits what is refused here.

import type { FastifyRequest, onRequestHookHandler } from 'fastify';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Actor } from '../lifecycle/host.ts';
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
  facts: ['admin', 'operator', 'viewer', 'panel'],
  administer: ['admin'],
} as const satisfies Record<string, readonly Role[]>;

/** What authentication needs. */
export type AuthPowers = {
  readonly tokens: Pick<Tokens, 'find' | 'peek'>;
  /** Told once per window about an address that sends too many wrong tokens. */
  readonly onThrottled: (request: FastifyRequest) => void;
  readonly nowMs: () => number;
};

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor | undefined;
  }
  interface FastifyContextConfig {
    /** The roles that may use the route; a route without is open to everybody. */
    may?: readonly Role[];
  }
}

/**
 * Makes the hook that lets a request in or refuses it.
 *
 * A good token is let in whatever its address did before: secrets are too long to guess, and a
 * neighbour behind the same address must not be able to lock the panel out.
 */
export function createGuard({ tokens, onThrottled, nowMs }: AuthPowers): onRequestHookHandler {
  const failures = new FailureCount(nowMs);
  const admit = (request: FastifyRequest, token: TokenView | undefined): void => {
    const { may = [] } = request.routeOptions.config;
    if (token === undefined) {
      const { count, retryAfterMs } = failures.add(request.ip);
      if (count <= LIMITS.authFailures) throw unauthenticated();
      if (count === LIMITS.authFailures + 1) onThrottled(request);
      throw new HostError('CALLER_RATE_LIMITED', 'Too many requests with a wrong token', {
        remedy: 'Wait before trying again',
        details: { retryAfterMs },
      });
    }
    request.actor = { id: token.id, role: token.role };
    if (!may.includes(token.role)) throw forbidden(token.role, `it needs ${may.join(' or ')}`);
  };
  return (request, _reply, done) => {
    if (request.routeOptions.config.may === undefined) return done();
    const secret = secretOf(request);
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

/** Whether the token that a long-lived request came with is still good for its route. */
export async function isStillAdmitted(
  tokens: Pick<Tokens, 'find'>,
  request: FastifyRequest,
): Promise<boolean> {
  const secret = secretOf(request);
  const token = secret === undefined ? undefined : await tokens.find(secret);
  return token !== undefined && (request.routeOptions.config.may ?? []).includes(token.role);
}

/** The actor of a request that the guard let in. */
export function actorOf({ actor }: FastifyRequest): Actor {
  if (actor !== undefined) return actor;
  throw unauthenticated();
}

/** The refusal for a role; `why` ends the sentence. */
export function forbidden(role: string, why: string): HostError {
  return new HostError('CALLER_FORBIDDEN', `Role "${role}" may not do this: ${why}`, {
    remedy: 'Use a token with such a role',
  });
}

function unauthenticated(): HostError {
  return new HostError('CALLER_UNAUTHENTICATED', 'A valid bearer token is needed', {
    remedy:
      'Send "authorization: Bearer <token>"; the first start of the host printed an admin token',
  });
}

function secretOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer ([\x21-\x7e]{1,512})$/i.exec(headers.authorization ?? '')?.[1];
}

function attempt(run: () => void, done: (error?: Error) => void): void {
  try {
    run();
  } catch (error) {
    return done(error as Error);
  }
  done();
}

/** Counts wrong tokens per address, in windows of `LIMITS.authFailureWindowMs`. */
class FailureCount {
  readonly #nowMs: () => number;
  readonly #byAddress = new Map<string, { count: number; sinceMs: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(address: string): { count: number; retryAfterMs: number } {
    const now = this.#nowMs();
    let known = this.#byAddress.get(address);
    if (known === undefined || now - known.sinceMs >= LIMITS.authFailureWindowMs) {
      if (this.#byAddress.size >= LIMITS.authAddresses) this.#byAddress.clear();
      known = { count: 0, sinceMs: now };
      this.#byAddress.set(address, known);
    }
    known.count += 1;
    return {
      count: known.count,
      retryAfterMs: known.sinceMs + LIMITS.authFailureWindowMs - now,
    };
  }
}
