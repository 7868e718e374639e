// Who asks and what they may, and how often: bearer tokens with roles, scopes and bounds. The error handler
// audits what is refused here.

import type { FastifyRequest, onRequestHookHandler } from 'fastify';

import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Actor } from '../lifecycle/host.ts';
import type { Scope } from '../scope.ts';
import type { Tokens, TokenView } from '../store/tokens.ts';
import { admitScope } from './scope.ts';
import { WindowCount } from '../window-count.ts';
import type { Window } from '../window-count.ts';

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

/** A request over a bound: of wrong tokens from its address, or of requests with its token. */
export type Limited = {
  readonly by: 'address' | 'token';
  /** The first in its window: those that follow are only counted. */
  readonly isFirst: boolean;
};

/** What authentication needs. */
export type AuthPowers = {
  readonly tokens: Pick<Tokens, 'find' | 'peek'>;
  /** Told of every request over a bound. */
  readonly onLimited: (request: FastifyRequest, limited: Limited) => void;
};

declare module 'fastify' {
  interface FastifyRequest {
    actor: (Actor & { readonly scope: Scope }) | undefined;
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
export function createGuard({ tokens, onLimited }: AuthPowers): onRequestHookHandler {
  // By a clock that is never set: nobody is kept out for an hour since that falls by one.
  const steadyMs = (): number => performance.now();
  const strangers = new WindowCount(steadyMs);
  const requests = new WindowCount(steadyMs);
  const bound = (
    request: FastifyRequest,
    { count, endMs }: Window,
    { by, most }: { readonly by: Limited['by']; readonly most: number },
  ): void => {
    if (count <= most) return;
    onLimited(request, { by, isFirst: count === most + 1 });
    const { message, remedy } = REFUSALS[by](most);
    const details = { limit: most, retryAfterMs: endMs - steadyMs() };
    throw new HostError('CALLER_RATE_LIMITED', message, { remedy, details });
  };
  const admit = (request: FastifyRequest, token: TokenView | undefined): void => {
    const { may = [] } = request.routeOptions.config;
    if (token === undefined) {
      bound(request, strangers.add(request.ip), { by: 'address', most: LIMITS.authFailures });
      throw unauthenticated();
    }
    const { id, role, scope, requestsPerMinute } = token;
    request.actor = { id, role, scope };
    const most = requestsPerMinute ?? LIMITS.requestsPerMinute;
    bound(request, requests.add(id), { by: 'token', most });
    if (!may.includes(role)) throw forbidden(role, `it needs ${may.join(' or ')}`);
    admitScope(request);
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

/** What is told over a bound of requests. */
const REFUSALS = {
  address: () => ({
    message: 'Too many requests with a wrong token',
    remedy: 'Wait before trying again',
  }),
  token: (most: number) => ({
    message: `This token has sent over ${most} requests within a minute`,
    remedy: 'Wait as "retry-after" says and send fewer, or use a token with a higher bound',
  }),
} as const satisfies Record<Limited['by'], (most: number) => { message: string; remedy: string }>;

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
export function actorOf({ actor }: FastifyRequest): NonNullable<FastifyRequest['actor']> {
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
