// Bearer tokens: made here, kept as hashes, found by hash. A secret is shown once, when it is made.

import { createHash, randomBytes } from 'node:crypto';

import { LIMITS } from '../limits.ts';
import type { Store, TokenRow } from './store.ts';

/** A token as it can be shown. */
export type TokenView = Omit<TokenRow, 'hash'>;

/** What a new token is to be; what is left out is not bounded. */
export type TokenWish = Pick<TokenRow, 'name' | 'role'> &
  Partial<Pick<TokenRow, 'expiresAt' | 'scope' | 'requestsPerMinute'>>;

/** Finds and makes tokens. */
export type Tokens = {
  /** The token, when it was found a moment ago and is still good; undefined says nothing. */
  peek(secret: string): TokenView | undefined;
  find(secret: string): Promise<TokenView | undefined>;
  list(): Promise<TokenView[]>;
  create(wish: TokenWish): Promise<{ token: TokenView; secret: string }>;
  revoke(id: string): Promise<boolean>;
  /** Drops what was found a moment ago: another host has changed tokens. */
  forget(): void;
};

/**
 * Tokens over a store.
 *
 * Lookup is by SHA-256: secrets are 32 random bytes, or an admin's own of at least 16 characters, so
 * that comparing hashes gives no time to measure.
 */
export function createTokens(store: Store, nowMs: () => number): Tokens {
  // By secret, for a moment: every request asks, and a revocation empties it at once.
  const known = new Map<string, TokenView>();
  let knownUntilMs = Number.NEGATIVE_INFINITY;
  const isGood = ({ expiresAt }: Pick<TokenView, 'expiresAt'>): boolean =>
    expiresAt === null || Date.parse(expiresAt) > nowMs();
  return {
    peek(secret) {
      const token = performance.now() < knownUntilMs ? known.get(secret) : undefined;
      return token !== undefined && isGood(token) ? token : undefined;
    },
    async find(secret) {
      const row = await store.tokenByHash(hashToken(secret));
      if (row === undefined || !isGood(row)) return undefined;
      const now = performance.now();
      if (now >= knownUntilMs || known.size >= LIMITS.cachedTokens) {
        known.clear();
        knownUntilMs = now + LIMITS.tokenCacheMs;
      }
      const token = viewOf(row);
      known.set(secret, token);
      return token;
    },
    async list() {
      return (await store.tokens()).map(viewOf);
    },
    async create({ name, role, expiresAt = null, scope = null, requestsPerMinute = null }) {
      const secret = `cfd_${randomBytes(32).toString('base64url')}`;
      const row: TokenRow = {
        id: `tok_${randomBytes(9).toString('base64url')}`,
        name,
        role,
        hash: hashToken(secret),
        createdAt: new Date(nowMs()).toISOString(),
        expiresAt,
        scope,
        requestsPerMinute,
      };
      await store.putToken(row);
      return { token: viewOf(row), secret };
    },
    revoke: async (id) => {
      const removed = await store.removeToken(id);
      knownUntilMs = 0;
      return removed;
    },
    forget() {
      knownUntilMs = 0;
    },
  };
}

/** The id of the token that comes from COFFERDAM_ADMIN_TOKEN or from the first start. */
const FIRST_TOKEN = 'tok_admin';

/**
 * Makes sure that an admin can get in.
 *
 * @param given COFFERDAM_ADMIN_TOKEN; it replaces the one of an earlier start
 * @returns A new secret to be shown once, or undefined when one is known already
 */
export function ensureAdminToken(
  store: Store,
  given: string | undefined,
  nowMs: () => number,
): Promise<string | undefined> {
  // Two hosts that start on an empty store must not both show a token.
  return store.exclusive('admin token', (held) => putAdminToken(held.store, given, nowMs));
}

async function putAdminToken(
  store: Store,
  given: string | undefined,
  nowMs: () => number,
): Promise<string | undefined> {
  const known = (await store.tokens()).some(({ role }) => role === 'admin');
  if (given === undefined && known) return undefined;
  const secret = given ?? `cfd_${randomBytes(32).toString('base64url')}`;
  await store.putToken({
    id: FIRST_TOKEN,
    name: given === undefined ? 'first start' : 'COFFERDAM_ADMIN_TOKEN',
    role: 'admin',
    hash: hashToken(secret),
    createdAt: new Date(nowMs()).toISOString(),
    expiresAt: null,
    scope: null,
    requestsPerMinute: null,
  });
  return given === undefined ? secret : undefined;
}

function hashToken(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function viewOf({ hash: _hash, ...view }: TokenRow): TokenView {
  return view;
}
