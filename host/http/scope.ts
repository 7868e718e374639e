// The one place that keeps a narrowed token to its scope. Every route says what it is about; the guard
// refuses by that, and a route that says nothing is closed to narrowed tokens. Routes over many subjects
// are let through and narrow what they take and show with the functions below.

import type { FastifyRequest } from 'fastify';

import { nameKey } from '../catalog/names.ts';
import { HostError } from '../errors.ts';
import { isInScope } from '../scope.ts';
import type { Scope } from '../scope.ts';

/** Names as they stand in a URL, not resolved. */
type Named = { readonly category?: string; readonly name?: string; readonly instance?: string };

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * What a route is about, for tokens that are narrowed: the instance that its path names (`default`
     * without one), a whole extension, what one instance may know of its extension, or subjects that the
     * route itself narrows. Absent: the whole host, closed to them.
     */
    about?: 'instance' | 'extension' | 'parts' | 'narrowed';
  }
}

/** What the token of a request is narrowed to. */
export function scopeOf({ actor }: FastifyRequest): Scope {
  return actor?.scope ?? null;
}

/** Refuses a request whose path lies outside its token's scope. */
export function admitScope(request: FastifyRequest): void {
  const scope = scopeOf(request);
  if (scope === null) return;
  const { about } = request.routeOptions.config;
  if (about === 'narrowed') return;
  // Routes that are about an extension have both in their path, and what has neither lies in no scope.
  const { category = '', name = '', instance } = request.params as Named;
  const isIn = (entry: string): boolean => {
    const [ofCategory, ofName = '', ofInstance] = entry.split('/');
    if (ofCategory !== category.toLowerCase() || nameKey(ofName) !== nameKey(name)) return false;
    if (about === 'instance')
      return ofInstance === undefined || ofInstance === (instance ?? 'default');
    return about === 'parts' || (about === 'extension' && ofInstance === undefined);
  };
  if (!scope.some(isIn)) throw outside(scope);
}

/**
 * Refuses what was looked up and lies outside the token's scope.
 *
 * @param subject `category/name/instance`, as it is printed
 */
export function assertInScope(request: FastifyRequest, subject: string): void {
  const scope = scopeOf(request);
  if (!isInScope(scope, subject)) throw outside(scope);
}

/** Those items that lie in the token's scope. */
export function narrowed<T>(
  request: FastifyRequest,
  items: readonly T[],
  subjectOf: (item: T) => string,
): readonly T[] {
  const scope = scopeOf(request);
  return scope === null ? items : items.filter((item) => isInScope(scope, subjectOf(item)));
}

/** Says nothing of what lies outside, not even whether it exists. */
function outside(scope: Scope): HostError {
  const shown = (scope ?? []).slice(0, 5).join(', ');
  const more = (scope ?? []).length > 5 ? ', …' : '';
  return new HostError('CALLER_FORBIDDEN', `This token is narrowed to ${shown}${more}`, {
    remedy: 'Use a token whose scope holds what the request is about',
  });
}
