// Routes over tokens and the audit.

import type { FastifyInstance } from 'fastify';

import { HostError } from '../../errors.ts';
import type { Store, TokenRow } from '../../store/store.ts';
import type { Tokens } from '../../store/tokens.ts';
import { json, listed, NOTHING, object, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY, ROLES } from '../auth.ts';
import { AUDIT_QUERY, TOKEN_BODY, TOKEN_PARAMS } from '../schemas.ts';

const tags = ['access'];
type Wish = { name: string; role: TokenRow['role']; expiresAt?: string };

/** Adds the routes. */
export function accessRoutes(
  app: FastifyInstance,
  { tokens, store }: { tokens: Tokens; store: Pick<Store, 'audit'> },
  audit: AuditTrail,
): void {
  tokenRoutes(app, tokens, audit);
  const role = { type: 'string', enum: ROLES } as const;
  app.get(
    '/session',
    {
      config: { may: MAY.facts },
      schema: {
        tags,
        summary: 'Whose token this is, and what it may do',
        response: {
          200: json('The token that was sent', object({ id: { type: 'string' }, role })),
        },
      },
    },
    async (request) => actorOf(request),
  );
  const next = {
    type: ['integer', 'null'],
    description: '"before" of the next page; null: the last',
  };
  app.get<{ Querystring: { limit: number; before?: number } }>(
    '/audit',
    {
      config: { may: MAY.administer },
      schema: {
        tags,
        summary: 'Who did what, newest first',
        querystring: AUDIT_QUERY,
        response: { 200: json('A page of it', listed('entries', ref('AuditEntry'), { next })) },
      },
    },
    async ({ query }) => {
      const { entries } = await store.audit(query);
      const next = entries.length < query.limit ? null : (entries.at(-1)?.id ?? null);
      return { entries, next };
    },
  );
}

function tokenRoutes(app: FastifyInstance, tokens: Tokens, audit: AuditTrail): void {
  app.get(
    '/tokens',
    {
      config: { may: MAY.administer },
      schema: {
        tags,
        summary: 'All tokens, without secrets',
        response: { 200: json('All of them', listed('tokens', ref('Token'))) },
      },
    },
    async () => ({ tokens: await tokens.list() }),
  );
  const secret = { type: 'string', description: 'Shown here and never again' };
  app.post<{ Body: Wish }>(
    '/tokens',
    {
      config: { may: MAY.administer, action: 'token.create' },
      schema: {
        tags,
        summary: 'Make a token; its secret is in this reply only',
        body: TOKEN_BODY,
        response: {
          201: json('The token and its secret', {
            allOf: [ref('Token'), { type: 'object', required: ['secret'], properties: { secret } }],
          }),
        },
      },
    },
    async (request, reply) => {
      const made = await tokens.create(checked(request.body));
      const { id, role } = made.token;
      audit.done(request, id, { role });
      return reply.code(201).send({ ...made.token, secret: made.secret });
    },
  );
  app.delete<{ Params: { id: string } }>(
    '/tokens/:id',
    {
      config: { may: MAY.administer, action: 'token.revoke' },
      schema: {
        tags,
        summary: 'Revoke a token; streams it has open end at their next heartbeat',
        params: TOKEN_PARAMS,
        response: { 204: NOTHING },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if (!(await tokens.revoke(id))) {
        throw new HostError('CALLER_NOT_FOUND', `Token "${id}" not found`, {
          remedy: 'List the tokens with GET /api/v1/admin/tokens',
        });
      }
      audit.done(request, id);
      return reply.code(204).send();
    },
  );
}

/** A date that the pattern lets through may still be none, such as the 31st of June. */
function checked(wish: Wish): Wish {
  const { expiresAt } = wish;
  if (expiresAt === undefined || isDate(expiresAt)) return wish;
  throw new HostError('CALLER_INPUT_INVALID', `body "expiresAt" is not a date: "${expiresAt}"`, {
    remedy: 'Send a date that exists, such as 2030-01-31T00:00:00Z',
    details: { field: 'expiresAt' },
  });
}

function isDate(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text.slice(0, 16));
}
