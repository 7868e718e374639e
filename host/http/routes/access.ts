// Routes over tokens and the audit.

import type { FastifyInstance } from 'fastify';

import { HostError } from '../../errors.ts';
import type { Store, TokenRow } from '../../store/store.ts';
import type { Tokens } from '../../store/tokens.ts';
import { MAY } from '../auth.ts';
import type { Audited } from '../auth.ts';
import { AUDIT_QUERY, TOKEN_BODY } from '../schemas.ts';

const tags = ['access'];
const administer = { config: { may: MAY.administer } };

/** Adds the routes. */
export function accessRoutes(
  app: FastifyInstance,
  { tokens, store }: { tokens: Tokens; store: Pick<Store, 'audit'> },
  audited: Audited,
): void {
  app.get(
    '/tokens',
    { ...administer, schema: { tags, summary: 'All tokens, without secrets' } },
    async () => ({
      tokens: await tokens.list(),
    }),
  );
  app.post<{ Body: { name: string; role: TokenRow['role']; expiresAt?: string } }>(
    '/tokens',
    {
      ...administer,
      schema: { tags, summary: 'Make a token; its secret is in this reply only', body: TOKEN_BODY },
    },
    async (request, reply) => {
      const made = await tokens.create(request.body);
      const { id, role } = made.token;
      audited(request, 'token.create', id, { role });
      return reply.code(201).send({ ...made.token, secret: made.secret });
    },
  );
  app.delete<{ Params: { id: string } }>(
    '/tokens/:id',
    {
      ...administer,
      schema: {
        tags,
        summary: 'Revoke a token',
        params: {
          type: 'object',
          required: ['id'],
          properties: { id: { type: 'string', minLength: 1, maxLength: 100 } },
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if (!(await tokens.revoke(id))) {
        throw new HostError('CALLER_NOT_FOUND', `Token "${id}" not found`);
      }
      audited(request, 'token.revoke', id);
      return reply.code(204).send();
    },
  );
  app.get<{ Querystring: { limit: number; before?: number } }>(
    '/audit',
    {
      ...administer,
      schema: { tags, summary: 'Who did what, newest first', querystring: AUDIT_QUERY },
    },
    async ({ query }) => {
      const { entries } = await store.audit(query);
      const next = entries.length < query.limit ? null : (entries.at(-1)?.id ?? null);
      return { entries, next };
    },
  );
}
