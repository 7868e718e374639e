// Routes for whoever keeps the host running. Those that are open to everybody who can reach the port say
// nothing about extensions.

import type { FastifyInstance } from 'fastify';

import type { ExtensionHost } from '../../lifecycle/host.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { manifestJsonSchema } from '../../../sdk/manifest.ts';
import { MAY } from '../auth.ts';

const tags = ['operations'];

const READINESS = {
  type: 'object',
  required: ['ready', 'checks'],
  properties: {
    ready: { type: 'boolean' },
    checks: {
      type: 'object',
      additionalProperties: true,
      description: 'What was looked at, and which walls hold on this machine',
    },
  },
} as const;

/** Adds the routes. */
export function operationRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  metrics: Pick<Metrics, 'read'>,
): void {
  metricsRoute(app, metrics);
  app.get(
    '/healthz',
    {
      schema: {
        tags,
        summary: 'The process answers',
        response: {
          200: {
            description: 'It does',
            type: 'object',
            required: ['ok'],
            properties: { ok: { type: 'boolean' } },
          },
        },
      },
    },
    async () => ({ ok: true }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        tags,
        summary: 'It can run extensions, and which walls hold',
        response: {
          200: { description: 'Ready', ...READINESS },
          503: { description: 'Not ready: starting or shutting down', ...READINESS },
        },
      },
    },
    async (_request, reply) => {
      const state = await host.readiness();
      return reply.code(state.ready ? 200 : 503).send(state);
    },
  );
  app.get(
    '/manifest.schema.json',
    {
      schema: {
        tags,
        summary: 'The JSON schema of manifest.json, for "$schema"',
        response: {
          200: { description: 'JSON Schema', type: 'object', additionalProperties: true },
        },
      },
    },
    async () => manifestJsonSchema(),
  );
  app.get(
    '/openapi.json',
    {
      schema: {
        tags,
        summary: 'This description',
        response: {
          200: { description: 'OpenAPI 3.1', type: 'object', additionalProperties: true },
        },
      },
    },
    async () => app.swagger(),
  );
}

/**
 * Names of instances and how often they are called are nobody's but the operator's. A rule "from this
 * machine only" would let in the whole world behind a proxy on the same machine: so it takes a token.
 */
function metricsRoute(app: FastifyInstance, metrics: Pick<Metrics, 'read'>): void {
  app.get(
    '/metrics',
    {
      config: { may: MAY.read },
      schema: {
        tags,
        summary: "Numbers in Prometheus' text format",
        response: {
          200: {
            description: 'All of them',
            content: { 'text/plain': { schema: { type: 'string' } } },
          },
        },
      },
    },
    async (_request, reply) => {
      const { type, text } = await metrics.read();
      return reply.type(type).send(text);
    },
  );
}
