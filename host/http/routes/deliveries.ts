// Routes over deliveries: what waits, what failed, what was given up; and another try by hand.

import type { FastifyInstance, FastifyRequest } from 'fastify';

import type { Deliveries, DeliveryFilter, DeliveryView } from '../../delivery/deliveries.ts';
import { json, listed, NOTHING, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { MAY } from '../auth.ts';
import { DELIVERIES_QUERY, DELIVERY_PARAMS, RESOLVE_BODY } from '../schemas.ts';
import { assertInScope, scopeOf } from '../scope.ts';

const tags = ['deliveries'];
type One = { Params: { id: string } };

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
      config: { may: MAY.read, about: 'narrowed' },
      schema: {
        tags,
        summary: 'Events, webhooks, ticks and messages to the panel, newest first',
        querystring: DELIVERIES_QUERY,
        response: { 200: json('A page', listed('deliveries', ref('Delivery'), { next })) },
      },
    },
    (request) => deliveries.list({ ...request.query, scope: scopeOf(request) }),
  );
  const find = async (request: FastifyRequest<One>): Promise<DeliveryView> => {
    const view = await deliveries.get(request.params.id);
    assertInScope(request, view.target);
    return view;
  };
  const one = { params: DELIVERY_PARAMS, response: { 200: json('The delivery', ref('Delivery')) } };
  app.get<One>(
    '/deliveries/:id',
    // A payload can hold what a customer told a vendor.
    {
      config: { may: MAY.operate, about: 'narrowed' },
      schema: { tags, summary: 'One delivery with what it carries', ...one },
    },
    find,
  );
  app.post<One>(
    '/deliveries/:id/replay',
    {
      config: { may: MAY.operate, about: 'narrowed', action: 'delivery.replay' },
      schema: { tags, summary: 'Try an ended delivery again', ...one },
    },
    async (request) => {
      const { id, target, type } = await find(request);
      const view = await deliveries.replay(id);
      audit.done(request, target, { id, type });
      return view;
    },
  );
  resolveRoute(app, deliveries, { find, audit });
}

type Said = { as: 'done' | 'failed' | 'again'; result?: unknown; message?: string };

function resolveRoute(
  app: FastifyInstance,
  deliveries: Deliveries,
  {
    find,
    audit,
  }: { find: (request: FastifyRequest<One>) => Promise<DeliveryView>; audit: AuditTrail },
): void {
  app.post<One & { Body: Said }>(
    '/deliveries/:id/resolve',
    {
      config: { may: MAY.operate, about: 'narrowed', action: 'delivery.resolve' },
      schema: {
        tags,
        summary: 'Say what became of a call that was cut off and needs reconciliation',
        params: DELIVERY_PARAMS,
        body: RESOLVE_BODY,
        response: { 204: NOTHING },
      },
    },
    async (request, reply) => {
      const { id, target } = await find(request);
      await deliveries.resolve(id, resolutionOf(request.body));
      audit.done(request, target, { id, as: request.body.as });
      return reply.code(204).send();
    },
  );
}

function resolutionOf({ as, result, message }: Said): Parameters<Deliveries['resolve']>[1] {
  switch (as) {
    case 'again':
      return { as };
    case 'failed':
      return { as, message: message ?? 'An operator found that it did not happen' };
    case 'done':
      return { as, ...(result === undefined ? {} : { result }) };
  }
}
