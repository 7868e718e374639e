// The hot path: running a handler. Its JSON is passed on unparsed, straight to the socket.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { Cancellation } from '../../cancellation.ts';
import { HostError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { CallOutcome, ExtensionHost, ExtensionRef, Replayed } from '../../lifecycle/host.ts';
import { isChanging } from '../../lifecycle/subjects.ts';
import { json, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY } from '../auth.ts';
import { SAFE_HEADERS } from '../headers.ts';
import {
  CALL_BODY,
  EXTENSION_PARAMS,
  HANDLER_PARAM,
  IDEMPOTENCY_KEY,
  INSTANCE_PARAMS,
} from '../schemas.ts';
import { refOf } from './lifecycle.ts';

type CallRoute = {
  Params: ExtensionRef & { instance?: string; handler: string };
  Body: { input?: unknown; deadlineMs?: number; dryRun?: boolean } | null | undefined;
};

/** Bytes around `input` in a call's body: the other fields, and how JSON may be spaced. */
const ENVELOPE_BYTES = 4_096;

/** Whether a call may change something at a vendor: those are audited, all are recorded. */
function changes({ params, body }: FastifyRequest): boolean {
  const { category, handler } = params as CallRoute['Params'];
  const isDry = (body as CallRoute['Body'])?.dryRun === true;
  return !isDry && isChanging(`${category.toLowerCase()}/`, handler);
}

/** Adds the routes. */
export function callRoutes(app: FastifyInstance, host: ExtensionHost, audit: AuditTrail): void {
  for (const [path, params] of [
    ['/extensions/:category/:name/instances/:instance/calls/:handler', INSTANCE_PARAMS],
    ['/extensions/:category/:name/calls/:handler', EXTENSION_PARAMS],
  ] as const) {
    app.post<CallRoute>(
      path,
      {
        config: { may: MAY.call, about: 'instance', action: 'call', changes },
        // Names are resolved by the host, the key is looked at below: only the body is checked here.
        validatorCompiler: ({ schema, httpPart, url, method }) =>
          httpPart === 'body' && app.validatorCompiler !== undefined
            ? app.validatorCompiler({ schema, httpPart, url, method })
            : () => true,
        bodyLimit: LIMITS.inputBytes + ENVELOPE_BYTES,
        schema: {
          tags: ['calls'],
          summary: 'Run a handler',
          params: {
            ...params,
            required: [...params.required, 'handler'],
            properties: { ...params.properties, handler: HANDLER_PARAM },
          },
          headers: { type: 'object', properties: { 'idempotency-key': IDEMPOTENCY_KEY } },
          body: CALL_BODY,
          response: { 200: json("The handler's result and what it cost", ref('Outcome')) },
        },
      },
      async (request, reply) => {
        const outcome = await runCall(host, request, reply);
        if (changes(request)) {
          const { handler } = request.params;
          audit.done(request, host.subject(refOf(request.params)), {
            handler,
            callId: outcome.callId,
          });
        }
        return sendOutcome(request, reply, outcome);
      },
    );
  }
}

function runCall(
  host: ExtensionHost,
  request: FastifyRequest<CallRoute>,
  reply: FastifyReply,
): Promise<CallOutcome> {
  const { params, body } = request;
  const cancellation = new Cancellation();
  // Fires after every reply as well; cancelling a call that has ended does nothing.
  reply.raw.once('close', () => cancellation.cancel());
  const idempotencyKey = readKey(request);
  return host.call(refOf(params), params.handler, {
    input: body?.input,
    ...(body?.deadlineMs === undefined ? {} : { deadlineMs: body.deadlineMs }),
    ...(body?.dryRun === undefined ? {} : { dryRun: body.dryRun }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    cancellation,
    actor: actorOf(request),
    ...carrierOf(request),
  });
}

/** The trace that the panel's request belongs to. */
function carrierOf({ headers }: FastifyRequest<CallRoute>): {
  readonly carrier?: Readonly<Record<string, string>>;
} {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string') return {};
  return {
    carrier: { traceparent, ...(typeof tracestate === 'string' ? { tracestate } : {}) },
  };
}

/** Node joins a header that stands twice with ", ": such a key is simply another key. */
function readKey({ headers }: FastifyRequest<CallRoute>): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  const { minLength, maxLength } = IDEMPOTENCY_KEY;
  if (typeof key === 'string' && key.length >= minLength && key.length <= maxLength) return key;
  throw new HostError(
    'CALLER_INPUT_INVALID',
    `Header "idempotency-key" must be ${minLength} to ${maxLength} characters long`,
    {
      remedy: 'Send a random id, such as a UUID, or leave the header away',
      details: { field: 'idempotency-key', limit: maxLength, observed: key.length },
    },
  );
}

/** Sends an outcome; `resultText` is JSON already, checked by the broker. */
export function sendOutcome(
  request: FastifyRequest,
  reply: FastifyReply,
  { callId, resultText, receipt, replay }: CallOutcome & { readonly replay?: Replayed },
): FastifyReply {
  const more = replay === undefined ? '' : `,"replay":${JSON.stringify(replay)}`;
  const text = `{"callId":"${callId}","result":${resultText},"receipt":${JSON.stringify(receipt)}${more}}`;
  // Straight to the socket: what a reply goes through otherwise costs as much as the call itself.
  reply.hijack();
  reply.raw.writeHead(200, [
    ...JSON_HEADERS,
    'x-request-id',
    request.id,
    'content-length',
    String(Buffer.byteLength(text)),
  ]);
  reply.raw.end(text);
  return reply;
}

const JSON_HEADERS = [
  'content-type',
  'application/json; charset=utf-8',
  ...Object.entries(SAFE_HEADERS).flat(),
];
