// Routes for whoever keeps the host running: open to everybody who can reach the port, so they say
// nothing about extensions.

import type { FastifyInstance } from 'fastify';

import type { ExtensionHost } from '../../lifecycle/host.ts';

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
export function operationRoutes(app: FastifyInstance, host: ExtensionHost): void {
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
