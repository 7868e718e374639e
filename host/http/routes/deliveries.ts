// Routes over deliveries: what waits, what failed, what was given up; and another try by hand.

import type { FastifyInstance } from 'fastify';

import type { Deliveries, DeliveryFilter } from '../../delivery/deliveries.ts';
import { json, listed, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { MAY } from '../auth.ts';
import { DELIVERIES_QUERY, DELIVERY_PARAMS } from '../schemas.ts';

const tags = ['deliveries'];

/** Adds the routes. */
export function deliveryRoutes(
  app: FastifyInstance,
  deliveries: Deliveries,
  audit: AuditTrail,
): void {
  const next = {
    type: ['integer', 'null'],
    description: '"before" of the next page; null: the last',
  };
  app.get<{ Querystring: DeliveryFilter }>(
    '/deliveries',
    {
      config: { may: MAY.read },
      schema: {
        tags,
        summary: 'Events, webhooks, ticks and messages to the panel, newest first',
        querystring: DELIVERIES_QUERY,
        response: { 200: json('A page', listed('deliveries', ref('Delivery'), { next })) },
      },
    },
    ({ query }) => deliveries.list(query),
  );
  const one = { params: DELIVERY_PARAMS, response: { 200: json('The delivery', ref('Delivery')) } };
  app.get<{ Params: { id: string } }>(
    '/deliveries/:id',
    // A payload can hold what a customer told a vendor.
    {
      config: { may: MAY.operate },
      schema: { tags, summary: 'One delivery with what it carries', ...one },
    },
    ({ params }) => deliveries.get(params.id),
  );
  app.post<{ Params: { id: string } }>(
    '/deliveries/:id/replay',
    {
      config: { may: MAY.operate, action: 'delivery.replay' },
      schema: { tags, summary: 'Try an ended delivery again', ...one },
    },
    async (request) => {
      const view = await deliveries.replay(request.params.id);
      audit.done(request, view.id, { target: view.target, type: view.type });
      return view;
    },
  );
}
