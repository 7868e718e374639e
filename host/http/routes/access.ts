// Routes over tokens.

import type { FastifyInstance } from 'fastify';

import { HostError } from '../../errors.ts';
import type { ExtensionHost } from '../../lifecycle/host.ts';
import type { Tokens } from '../../store/tokens.ts';
import { json, listed, NOTHING, object, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY, ROLES } from '../auth.ts';
import { SCOPE } from '../replies.ts';
import { TOKEN_BODY, TOKEN_PARAMS } from '../schemas.ts';
import { readTokenWish } from '../token-wish.ts';
import type { TokenBody } from '../token-wish.ts';

const tags = ['access'];

/** Adds the routes. */
export function accessRoutes(
  app: FastifyInstance,
  { tokens, host }: { tokens: Tokens; host: ExtensionHost },
  audit: AuditTrail,
): void {
  tokenRoutes(app, { tokens, host }, audit);
  const role = { type: 'string', enum: ROLES } as const;
  app.get(
    '/session',
    {
      config: { may: MAY.facts, about: 'narrowed' },
      schema: {
        tags,
        summary: 'Whose token this is, and what it may do',
        response: {
          200: json(
            'The token that was sent',
            object({ id: { type: 'string' }, role, scope: SCOPE }),
          ),
        },
      },
    },
    async (request) => actorOf(request),
  );
}

function tokenRoutes(
  app: FastifyInstance,
  { tokens, host }: { tokens: Tokens; host: ExtensionHost },
  audit: AuditTrail,
): void {
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
  app.post<{ Body: TokenBody }>(
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
      const made = await tokens.create(await readTokenWish(request.body, host));
      const { id, name, role, scope, expiresAt, requestsPerMinute } = made.token;
      audit.done(request, id, { name, role, scope, expiresAt, requestsPerMinute });
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
