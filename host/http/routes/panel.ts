// Routes for the panel itself, a program: it tells events, and reads what gateways say of payments.

import type { FastifyInstance } from 'fastify';

import type { Deliveries } from '../../delivery/deliveries.ts';
import type { PanelEvent } from '../../delivery/events.ts';
import { json, listed, object, ref } from '../answers.ts';
import { MAY } from '../auth.ts';
import { EVENT_BODY, FACTS_QUERY } from '../schemas.ts';
import { scopeOf } from '../scope.ts';
import { LIMITS } from '../../limits.ts';

const tags = ['panel'];
const string = { type: 'string' } as const;

/** Adds the routes. */
export function panelRoutes(app: FastifyInstance, deliveries: Deliveries): void {
  app.post<{ Body: PanelEvent }>(
    '/events',
    {
      config: { may: MAY.call, about: 'narrowed' },
      bodyLimit: LIMITS.eventBytes * 2,
      schema: {
        tags,
        summary: 'Tell what happened; stored when it is answered, delivered at least once',
        body: EVENT_BODY,
        response: {
          202: json(
            'Stored',
            object({
              id: string,
              deliveries: { type: 'integer', description: 'Instances that will get it' },
              refused: { type: 'array', items: string, description: 'Whose queues are full' },
            }),
          ),
        },
      },
    },
    async (request, reply) => {
      const published = await deliveries.publish(request.body, scopeOf(request));
      return reply.code(202).send(published);
    },
  );
  const next = { ...string, description: 'Give it as "after" to read on, now or later' };
  app.get<{ Querystring: { after: string; limit: number; instance?: string } }>(
    '/facts',
    {
      config: { may: MAY.facts, about: 'narrowed' },
      schema: {
        tags,
        summary: 'Payments, refunds and disputes, in the order in which they changed',
        querystring: FACTS_QUERY,
        response: { 200: json('A page of the ledger', listed('facts', ref('Fact'), { next })) },
      },
    },
    (request) => {
      const { after, ...filter } = request.query;
      return deliveries.facts({ ...filter, after: Number(after), scope: scopeOf(request) });
    },
  );
}
