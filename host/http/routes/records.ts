// Routes over calls that ran: list, show, replay; and the stream of every state change.

import type { FastifyInstance } from 'fastify';

import type { ExtensionHost, ReplayWish } from '../../lifecycle/host.ts';
import { events, json, listed, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY } from '../auth.ts';
import { CALL_PARAMS, CALLS_QUERY, REPLAY_BODY } from '../schemas.ts';
import type { EventStreams } from '../sse.ts';
import { sendOutcome } from './calls.ts';

const tags = ['calls'];

/** Adds the routes. */
export function recordRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  { audit, streams }: { audit: AuditTrail; streams: EventStreams },
): void {
  const read = { config: { may: MAY.read } };
  const next = {
    type: ['string', 'null'],
    description: '"after" of the next page; null: the last',
  };
  app.get<{ Querystring: Parameters<ExtensionHost['calls']>[0] }>(
    '/calls',
    {
      ...read,
      schema: {
        tags,
        summary: 'The last calls, newest first',
        querystring: CALLS_QUERY,
        response: { 200: json('A page of calls', listed('calls', ref('Call'), { next })) },
      },
    },
    ({ query }) => host.calls(query),
  );
  app.get<{ Params: { callId: string } }>(
    '/calls/:callId',
    {
      ...read,
      schema: {
        tags,
        summary: 'One call with its input and result',
        params: CALL_PARAMS,
        response: { 200: json('The call', ref('Call')) },
      },
    },
    async (request) => {
      const { requests, ...record } = await host.callRecord(request.params.callId);
      // Requests may hold what an extension made for a customer, such as a password.
      const maySee = MAY.operate.some((role) => role === actorOf(request).role);
      return maySee && requests !== undefined ? { ...record, requests } : record;
    },
  );
  app.post<{ Params: { callId: string }; Body: ReplayWish | null | undefined }>(
    '/calls/:callId/replay',
    {
      config: { may: MAY.operate, action: 'call.replay' },
      schema: {
        tags,
        summary: 'Run a call again: with the answers it had then, or for real',
        body: REPLAY_BODY,
        params: CALL_PARAMS,
        response: { 200: json("The handler's result and what it cost", ref('Outcome')) },
      },
    },
    async (request, reply) => {
      const { callId } = request.params;
      const wish = request.body ?? {};
      const outcome = await host.replay(callId, wish, actorOf(request));
      audit.done(request, callId, { callId: outcome.callId, mode: wish.mode ?? 'recorded' });
      return sendOutcome(request, reply, outcome);
    },
  );
  streamRoute(app, host, streams);
}

function streamRoute(app: FastifyInstance, host: ExtensionHost, streams: EventStreams): void {
  app.get(
    '/stream',
    {
      config: { may: MAY.read },
      // A HEAD would open a stream that nobody reads.
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: 'Every state change from now on',
        response: { 200: events('One change in each event, which is named by its type') },
      },
    },
    (request, reply) =>
      streams.send(request, reply, {
        open: (signal) => host.changes(signal),
        typeOf: ({ type }) => type,
      }),
  );
}
