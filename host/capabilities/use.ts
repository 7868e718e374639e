// What a request is, told without what is in it: method, host, and the shape of its path. An admin locks an
// instance to what was observed; decided here. Pure.

import type { Grants } from '../grants.ts';
import type { ErrorData } from '../errors.ts';
import { refuse } from './egress.ts';
import type { EgressPolicy } from './egress.ts';
import { normalHost } from './hosts.ts';

/** One kind of request. */
export type Use = NonNullable<Grants['lock']>[number];

/** Told what the requests of one instance do. */
export type EgressWatch = {
  used(use: Use): void;
  /** @param use What was asked for, where the request was understood that far */
  denied(error: ErrorData, use: Use | undefined): void;
};

/** Path segments and characters of a shape: a longer path is cut, and then matches its like. */
const SEGMENTS_MAX = 16;
const SHAPE_CHARS_MAX = 300;

/**
 * The kind that a request is of.
 *
 * @param blank Blanks secrets in a text: a path may hold one
 */
export function useOf(method: string, url: URL, blank: (text: string) => string): Use {
  const { protocol, port } = url;
  const name = normalHost(url.hostname);
  const bare = name.includes(':') ? `[${name}]` : name;
  const host = port === '' ? bare : `${bare}:${port}`;
  return {
    method: method.toUpperCase().slice(0, 20),
    host: blank(protocol === 'http:' ? `http://${host}` : host).slice(0, 300),
    path: shapeOf(blank(url.pathname)),
  };
}

/** `/v1/customers/cus_9aZk2Q/cards/7` → `/v1/customers/{id}/cards/{id}`: the same for every id. */
export function shapeOf(path: string): string {
  // A blanked secret can span segments; nothing of its surroundings is kept.
  const segments = path
    .replaceAll(/\[secret:[^\]]*\]/g, '/{secret}/')
    .split(/\/+/)
    .slice(1);
  const shown = segments.slice(0, SEGMENTS_MAX).map((each) => (isId(each) ? '{id}' : each));
  if (segments.length > SEGMENTS_MAX) shown.push('{more}');
  return `/${shown.join('/')}`.slice(0, SHAPE_CHARS_MAX);
}

/**
 * Lets a request through that is of a locked kind; without a lock any.
 *
 * @throws {HostError} `EGRESS_DENIED`, rule `outside-lock`
 */
export function assertInLock(use: Use, policy: EgressPolicy): void {
  const { lock } = policy;
  if (lock === undefined) return;
  const { method, host, path } = use;
  if (lock.some((each) => each.method === method && each.host === host && each.path === path)) {
    return;
  }
  const refusal = {
    where: `${method} ${host}${path}`,
    rule: 'outside-lock',
    setBy: 'an admin, who locked the instance to what was observed',
    allowedBy: `grants.lock: ${JSON.stringify({ method, host, path })}`,
    remedy: 'An admin finds this under GET /api/v1/admin/requests, to allow or to dismiss it',
  };
  refuse(refusal, policy);
}

/** Numbers, UUIDs, prefixed and random ids; `v1`, `api2` and `oauth2` are words. */
function isId(segment: string): boolean {
  if (/^\d+$/.test(segment) || segment.length > 40) return true;
  if (/[^A-Za-z0-9._{}-]/.test(segment)) return true;
  if (/^v\d+(?:[._]\d+)*$/.test(segment)) return false;
  if (/^[A-Za-z]{2,12}_(?=.*[A-Z0-9])[A-Za-z0-9]{4,}$/.test(segment)) return true;
  return segment.length >= 8 && /\d/.test(segment);
}
