// Routes over the audit.

import type { FastifyInstance, FastifyRequest } from 'fastify';

import type { AuditEntry, AuditFilter, AuditStore } from '../../store/audit.ts';
import { json, listed, ref } from '../answers.ts';
import { MAY } from '../auth.ts';
import { parseDate } from '../dates.ts';
import { AUDIT_QUERY } from '../schemas.ts';
import { scopeOf } from '../scope.ts';

type AuditRoute = { Querystring: AuditFilter & { limit: number; before?: number } };

/** Adds the routes. */
export function auditRoutes(app: FastifyInstance, store: Pick<AuditStore, 'audit'>): void {
  const next = {
    type: ['integer', 'null'],
    description: '"before" of the next page; null: the last',
  };
  app.get<AuditRoute>(
    '/audit',
    {
      config: { may: MAY.administer, about: 'narrowed' },
      schema: {
        tags: ['access'],
        summary: 'Who did what, newest first',
        querystring: AUDIT_QUERY,
        response: { 200: json('A page of it', listed('entries', ref('AuditEntry'), { next })) },
      },
    },
    (request) => readPage(store, filterOf(request), request.query),
  );
}

/** What is asked for, within what the token may see. */
function filterOf(request: FastifyRequest<AuditRoute>): AuditFilter {
  const { limit: _limit, before: _before, since, until, ...filter } = request.query;
  const dateOf = (field: string, text: string): string =>
    parseDate(text, { part: 'querystring', field });
  return {
    ...filter,
    ...(since === undefined ? {} : { since: dateOf('since', since) }),
    ...(until === undefined ? {} : { until: dateOf('until', until) }),
    scope: scopeOf(request),
  };
}

/** A page as full as it can be: the store goes over a bounded number of places at a time. */
async function readPage(
  store: Pick<AuditStore, 'audit'>,
  filter: AuditFilter,
  { limit, before }: { readonly limit: number; readonly before?: number },
): Promise<{ entries: AuditEntry[]; next: number | null }> {
  const entries: AuditEntry[] = [];
  let next: number | null | undefined = before;
  do {
    const page = await store.audit({
      ...filter,
      limit: limit - entries.length,
      ...(next === undefined ? {} : { before: next }),
    });
    entries.push(...page.entries);
    next = page.next;
  } while (next !== null && entries.length < limit);
  return { entries, next };
}
