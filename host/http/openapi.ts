// What /openapi.json says besides the routes themselves, which describe themselves by their schemas.

import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { RouteOptions } from 'fastify';

import { PROBLEM_TYPE } from './problems.ts';

type Described = Readonly<Record<string, unknown>>;
/** A status, and what it means. */
type Answer = readonly [status: number | 'default', meaning: string];

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
        { name: 'deliveries', description: 'What is to reach an instance or the panel, and did' },
        { name: 'panel', description: 'For the panel itself: events in, facts out' },
        { name: 'hooks', description: 'Where vendors send webhooks' },
        { name: 'access', description: 'Tokens and the audit' },
        { name: 'operations', description: 'For whoever keeps the host running' },
      ],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => String(json['$id'] ?? `def-${i}`),
    },
    transform: ({ schema, url, route }) => ({
      url,
      schema: describeRoute({ ...schema }, url, route),
    }),
  };
}

/** Adds what can be told from the route itself: its id, who may use it, and how it can fail. */
function describeRoute(
  schema: Described,
  url: string,
  { method, config }: RouteOptions,
): Described {
  const may = config?.may;
  const answers = schema['response'];
  return {
    ...schema,
    operationId: operationId(String(method), url),
    ...(schema['consumes'] === undefined ? {} : { body: UPLOAD }),
    ...(may === undefined
      ? { security: [] }
      : { security: [{ bearer: [] }], 'x-roles': may, 'x-scope': config?.about ?? 'host' }),
    ...(config?.action === undefined ? {} : { 'x-audit': config.action }),
    response: {
      ...(typeof answers === 'object' ? answers : {}),
      ...problems(failuresOf(schema, may !== undefined)),
    },
  };
}

/** The body of an upload. Fastify hands it on as a stream, so that no route schema can hold it. */
const UPLOAD = {
  type: 'object',
  required: ['archive'],
  properties: { archive: { type: 'string', format: 'binary', description: 'A .tgz' } },
} as const;

function failuresOf(schema: Described, guarded: boolean): readonly Answer[] {
  const has = (name: string): boolean => schema[name] !== undefined;
  const hasBody = has('body') || has('consumes');
  const when = (is: boolean, ...answers: readonly Answer[]): readonly Answer[] =>
    is ? answers : [];
  return [
    ...when(hasBody || has('querystring') || has('params'), [400, 'A field does not fit']),
    ...when(
      guarded,
      [401, 'No valid bearer token'],
      [403, 'The role of the token, or its scope, does not allow this'],
      [429, 'Too many requests with this token, or with wrong ones from this address'],
    ),
    ...when(has('params'), [404, 'One that is named is not there']),
    ...when(hasBody, [413, 'The body is too large'], [415, 'The body is of another media type']),
    ['default', 'Any other failure: "code" says who must act, "remedy" how'],
  ];
}

function problems(failures: readonly Answer[]): object {
  const content = { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' } } };
  return Object.fromEntries(
    failures.map(([status, description]) => [status, { description, content }]),
  );
}

/** `post` and `/api/v1/admin/extensions/:category/rollback` → `post_extensions_category_rollback` */
function operationId(method: string, url: string): string {
  const path = url.replace(/^\/api\/v1(?:\/admin)?/, '').replaceAll(/\W+/g, '_');
  return `${method.toLowerCase()}${path}`;
}
