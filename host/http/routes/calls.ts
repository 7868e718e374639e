// Routes over calls. Running one is the hot path: the handler's JSON is passed on unparsed.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { Cancellation } from '../../broker/cancellation.ts';
import { HostError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { CallOutcome, ExtensionHost, ExtensionRef } from '../../lifecycle/host.ts';
import { actorOf, MAY } from '../auth.ts';
import { SAFE_HEADERS } from '../headers.ts';
import {
  CALL_BODY,
  CALL_REPLY,
  CALLS_QUERY,
  EXTENSION_PARAMS,
  INSTANCE_PARAMS,
} from '../schemas.ts';
import type { EventStreams } from '../sse.ts';
import { refOf } from './instances.ts';

const tags = ['calls'];
const HANDLER = { type: 'string', minLength: 1, maxLength: 200 } as const;

type CallRoute = {
  Params: ExtensionRef & { instance?: string; handler: string };
  Body: { input?: unknown; deadlineMs?: number; dryRun?: boolean } | null | undefined;
};

/** Adds the routes. */
export function callRoutes(app: FastifyInstance, host: ExtensionHost, streams: EventStreams): void {
  for (const [path, params] of [
    ['/extensions/:category/:name/instances/:instance/calls/:handler', INSTANCE_PARAMS],
    ['/extensions/:category/:name/calls/:handler', EXTENSION_PARAMS],
  ] as const) {
    app.post<CallRoute>(
      path,
      {
        config: { may: MAY.call },
        // Names are resolved by the host; only the body needs a look, and this is the hot path.
        validatorCompiler: ({ schema, httpPart, url, method }) =>
          httpPart === 'body' && app.validatorCompiler !== undefined
            ? app.validatorCompiler({ schema, httpPart, url, method })
            : () => true,
        bodyLimit: LIMITS.inputBytes + 4_096,
        schema: {
          tags,
          summary: 'Run a handler',
          params: {
            ...params,
            required: [...params.required, 'handler'],
            properties: { ...params.properties, handler: HANDLER },
          },
          headers: {
            type: 'object',
            properties: {
              'idempotency-key': {
                type: 'string',
                minLength: 1,
                maxLength: 255,
                description: 'A repeat with the same key gets the stored outcome',
              },
            },
          },
          body: CALL_BODY,
          response: { 200: CALL_REPLY },
        },
      },
      async (request, reply) => sendOutcome(reply, await runCall(host, request, reply)),
    );
  }
  recordRoutes(app, host, streams);
}

function recordRoutes(app: FastifyInstance, host: ExtensionHost, streams: EventStreams): void {
  app.get<{ Querystring: Parameters<ExtensionHost['calls']>[0] }>(
    '/calls',
    {
      config: { may: MAY.read },
      schema: { tags, summary: 'The last calls', querystring: CALLS_QUERY },
    },
    ({ query }) => host.calls(query),
  );
  const one = {
    type: 'object',
    required: ['callId'],
    properties: { callId: { type: 'string', minLength: 1, maxLength: 100 } },
  };
  app.get<{ Params: { callId: string } }>(
    '/calls/:callId',
    { config: { may: MAY.read }, schema: { tags, summary: 'One call', params: one } },
    ({ params }) => host.callRecord(params.callId),
  );
  app.post<{ Params: { callId: string } }>(
    '/calls/:callId/replay',
    { config: { may: MAY.operate }, schema: { tags, summary: 'Run a call again', params: one } },
    async (request, reply) =>
      sendOutcome(reply, await host.replay(request.params.callId, actorOf(request))),
  );
  app.get(
    '/stream',
    {
      config: { may: MAY.read },
      schema: { tags, summary: 'Every state change (server-sent events)' },
    },
    (request, reply) =>
      streams.send(request, reply, {
        open: (signal) => host.changes(signal),
        typeOf: ({ type }) => type,
      }),
  );
}

async function runCall(
  host: ExtensionHost,
  request: FastifyRequest<CallRoute>,
  reply: FastifyReply,
): Promise<CallOutcome> {
  const { params, body } = request;
  const cancellation = new Cancellation();
  // Fires after every reply as well; cancelling a call that has ended does nothing.
  reply.raw.once('close', () => cancellation.cancel());
  const key = request.headers['idempotency-key'];
  if (Array.isArray(key)) {
    throw new HostError('CALLER_INPUT_INVALID', 'Header "idempotency-key" stands twice');
  }
  return host.call(refOf(params), params.handler, {
    input: body?.input,
    ...(body?.deadlineMs === undefined ? {} : { deadlineMs: body.deadlineMs }),
    ...(body?.dryRun === undefined ? {} : { dryRun: body.dryRun }),
    ...(key === undefined ? {} : { idempotencyKey: key }),
    cancellation,
    actor: actorOf(request),
  });
}

/** `resultText` is JSON already, checked by the broker. */
function sendOutcome(
  reply: FastifyReply,
  { callId, resultText, receipt }: CallOutcome,
): FastifyReply {
  const text = `{"callId":"${callId}","result":${resultText},"receipt":${JSON.stringify(receipt)}}`;
  // Straight to the socket: what a reply goes through otherwise costs as much as the call itself.
  reply.hijack();
  const bytes = Buffer.byteLength(text);
  reply.raw.writeHead(200, [...JSON_HEADERS, 'content-length', String(bytes)]);
  reply.raw.end(text);
  return reply;
}

const JSON_HEADERS = [
  'content-type',
  'application/json; charset=utf-8',
  ...Object.entries(SAFE_HEADERS).flat(),
];
