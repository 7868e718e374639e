// The audit as the store keeps it: lines of who did what, which are added and, after their time,
// forgotten; nothing changes one.

import type { Scope } from '../scope.ts';

/** One line of the audit. */
export type AuditRow = {
  readonly at: string;
  readonly actor: string;
  /** `none`: somebody without a valid token */
  readonly role: string;
  readonly action: string;
  readonly subject: string;
  readonly outcome: string;
  readonly details?: Readonly<Record<string, unknown>>;
};

/** A line with its place. */
export type AuditEntry = AuditRow & { readonly id: number };

/** Which lines to look for; those that are given must all fit. */
export type AuditFilter = {
  readonly actor?: string;
  /** `instance.enable`, or `instance` for all that begin with `instance.` */
  readonly action?: string;
  /** `category/name/instance`, or what such subjects are below */
  readonly subject?: string;
  readonly outcome?: string;
  /** ISO 8601 UTC; not before */
  readonly since?: string;
  /** ISO 8601 UTC; before */
  readonly until?: string;
  readonly scope?: Scope;
};

/** The part of the store about it. */
export type AuditStore = {
  addAudit(row: AuditRow): Promise<void>;
  /**
   * Newest first. Looks at no more than `LIMITS.auditLook` places at a time: a page may be short, or
   * empty, and have a next one.
   *
   * @param filter.before The `next` of the page before
   */
  audit(
    filter: AuditFilter & { readonly limit: number; readonly before?: number },
  ): Promise<{ readonly entries: readonly AuditEntry[]; readonly next: number | null }>;
  /** Forgets the oldest lines of before a time, and strangers' of before another; at most `limit` of each. */
  purgeAudit(options: {
    readonly before: string;
    readonly strangersBefore: string;
    readonly limit: number;
  }): Promise<number>;
};

/** Where a look over places below `before` ends, and what comes after it. */
export function auditPage(
  entries: readonly AuditEntry[],
  {
    limit,
    from,
    oldest,
  }: { readonly limit: number; readonly from: number; readonly oldest: number },
): Awaited<ReturnType<AuditStore['audit']>> {
  const last = entries.at(-1)?.id;
  const isFull = entries.length >= limit && last !== undefined;
  const end = isFull ? last : from;
  return { entries, next: end > oldest ? end : null };
}
