// Routes over calls that ran: list, show, replay; and the stream of every state change.

import type { FastifyInstance, FastifyRequest } from 'fastify';

import type { StateChange } from '../../changes.ts';
import type { CallRecord, ExtensionHost, ReplayWish } from '../../lifecycle/host.ts';
import { touchesScope } from '../../scope.ts';
import type { Scope } from '../../scope.ts';
import { events, json, listed, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY } from '../auth.ts';
import { CALL_PARAMS, CALLS_QUERY, REPLAY_BODY } from '../schemas.ts';
import { assertInScope, scopeOf } from '../scope.ts';
import type { EventStreams } from '../sse.ts';
import { sendOutcome } from './calls.ts';

const tags = ['calls'];
type CallRoute = { Params: { callId: string } };

/** Adds the routes. */
export function recordRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  { audit, streams }: { audit: AuditTrail; streams: EventStreams },
): void {
  const read = { config: { may: MAY.read, about: 'narrowed' } } as const;
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
    (request) => host.calls({ ...request.query, scope: scopeOf(request) }),
  );
  const find = async (request: FastifyRequest<CallRoute>): Promise<CallRecord> => {
    const record = await host.callRecord(request.params.callId);
    assertInScope(request, record.instance);
    return record;
  };
  app.get<CallRoute>(
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
      const { requests, ...record } = await find(request);
      // Requests may hold what an extension made for a customer, such as a password.
      const maySee = MAY.operate.some((role) => role === actorOf(request).role);
      return maySee && requests !== undefined ? { ...record, requests } : record;
    },
  );
  app.post<CallRoute & { Body: ReplayWish | null | undefined }>(
    '/calls/:callId/replay',
    {
      config: { may: MAY.operate, about: 'narrowed', action: 'call.replay' },
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
      const { instance } = await find(request);
      const outcome = await host.replay(callId, wish, actorOf(request));
      const ids = { replayOf: callId, callId: outcome.callId };
      audit.done(request, instance, { ...ids, mode: wish.mode ?? 'recorded' });
      return sendOutcome(request, reply, outcome);
    },
  );
  streamRoute(app, host, streams);
}

function streamRoute(app: FastifyInstance, host: ExtensionHost, streams: EventStreams): void {
  app.get(
    '/stream',
    {
      config: { may: MAY.read, about: 'narrowed' },
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
        open: (signal) => within(scopeOf(request), host.changes(signal)),
        typeOf: ({ type }) => type,
      }),
  );
}

/** Changes of what lies in a scope; those of processes lie in none. */
async function* within(
  scope: Scope,
  changes: AsyncIterable<StateChange>,
): AsyncGenerator<StateChange> {
  for await (const change of changes) if (touchesScope(scope, change.subject)) yield change;
}
