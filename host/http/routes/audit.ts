// Routes over the audit.

import type { FastifyInstance, FastifyRequest } from 'fastify';

import { LIMITS } from '../../limits.ts';
import type { AuditEntry, AuditFilter, AuditStore } from '../../store/audit.ts';
import { listed, ref } from '../answers.ts';
import { MAY } from '../auth.ts';
import { parseDate } from '../dates.ts';
import { AUDIT_QUERY } from '../schemas.ts';
import { scopeOf } from '../scope.ts';
import { LINES_TYPE } from '../sse.ts';
import type { EventStreams } from '../sse.ts';

type AuditRoute = { Querystring: AuditFilter & { limit: number; before?: number } };

/** Adds the routes. */
export function auditRoutes(
  app: FastifyInstance,
  store: Pick<AuditStore, 'audit'>,
  streams: EventStreams,
): void {
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
        description: `Accept "${LINES_TYPE}" gets all of it that fits, one entry in each line; "limit" and "before" are of pages.`,
        querystring: AUDIT_QUERY,
        response: {
          200: {
            description: 'A page of it, or all of it in lines',
            content: {
              'application/json': { schema: listed('entries', ref('AuditEntry'), { next }) },
              [LINES_TYPE]: { schema: ref('AuditEntry') },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const filter = filterOf(request);
      if (!wantsLines(request)) return readPage(store, filter, request.query);
      await streams.sendLines(request, reply, () => readAll(store, filter));
      return reply;
    },
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
  let place = before === undefined ? {} : { before };
  for (;;) {
    const page = await store.audit({ ...filter, ...place, limit: limit - entries.length });
    entries.push(...page.entries);
    if (page.next === null || entries.length >= limit) return { entries, next: page.next };
    place = { before: page.next };
  }
}

/** Everything that fits, newest first; what is added meanwhile is not among it. */
async function* readAll(
  store: Pick<AuditStore, 'audit'>,
  filter: AuditFilter,
): AsyncGenerator<AuditEntry> {
  let place = {};
  for (;;) {
    const page = await store.audit({ ...filter, ...place, limit: LIMITS.auditPage });
    yield* page.entries;
    if (page.next === null) return;
    place = { before: page.next };
  }
}

function wantsLines({ method, headers }: FastifyRequest): boolean {
  // A HEAD would go over all of it for nobody.
  if (method !== 'GET') return false;
  const types = (headers.accept ?? '').split(',').map((each) => each.split(';')[0]?.trim());
  return types.includes(LINES_TYPE);
}
