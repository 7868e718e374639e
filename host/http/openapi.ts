// What /openapi.json says besides the routes themselves, which describe themselves by their schemas.

import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';

/** Options of the OpenAPI generator. */
export function describeApi(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Cofferdam',
        version,
        description: 'A sandboxed extension host for hosting and billing panels.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [
        { name: 'extensions', description: 'Folders of code and their generations' },
        {
          name: 'instances',
          description: 'An extension with one config and the grants of an admin',
        },
        { name: 'calls', description: 'Handlers that run, and what is known of those that ran' },
        { name: 'access', description: 'Tokens and the audit' },
        { name: 'operations', description: 'For whoever keeps the host running' },
      ],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => String(json['$id'] ?? `def-${i}`),
    },
    transform: ({ schema, url, route }) => {
      const { may } = (route.config ?? {}) as { may?: readonly string[] };
      const described = { ...(schema as Record<string, unknown>) };
      const answers = (described['response'] ?? {}) as Record<string, unknown>;
      const problem = {
        description: 'What went wrong, who must act and how',
        content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
      };
      return {
        url,
        schema: {
          ...described,
          ...(may === undefined ? {} : { security: [{ bearer: [] }], 'x-roles': may }),
          response: {
            ...(Object.keys(answers).length === 0
              ? { 200: { description: 'Done', type: 'object', additionalProperties: true } }
              : answers),
            ...(may === undefined ? {} : { default: problem }),
          },
        },
      };
    },
  };
}
