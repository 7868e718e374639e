// Routes over extensions: the seed's four, byte for byte, and the view, install, remove and roll back.

import type { FastifyInstance, FastifyRequest } from 'fastify';

import { parseCategory } from '../../catalog/catalog.ts';
import { CATEGORIES } from '../../catalog/categories.ts';
import type { Category } from '../../catalog/categories.ts';
import { HostError } from '../../errors.ts';
import type { ExtensionHost, ExtensionRef, InstanceView } from '../../lifecycle/host.ts';
import { LIMITS } from '../../limits.ts';
import { touchesScope } from '../../scope.ts';
import { json, NOTHING, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY } from '../auth.ts';
import {
  CATEGORY_PARAMS,
  COMPARE_BODY,
  EXTENSION_PARAMS,
  INSTALL_QUERY,
  ROLLBACK_BODY,
} from '../schemas.ts';
import { narrowed, scopeOf } from '../scope.ts';
import { CATEGORY_LIST, CONFIG_FIELDS, EXTENSION_LISTS, METADATA } from '../seed.ts';

const tags = ['extensions'];
const ONE = '/extensions/:category/:name';

/** Adds the routes. */
export function extensionRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  audit: AuditTrail,
): void {
  seedRoutes(app, host);
  app.get<{ Params: ExtensionRef }>(
    ONE,
    {
      config: { may: MAY.read, about: 'parts' },
      schema: {
        tags,
        summary: 'State, versions, capabilities, instances',
        params: EXTENSION_PARAMS,
        response: { 200: json('The extension', ref('Extension')) },
      },
    },
    async (request) => {
      const view = await host.extension(request.params);
      const id = `${view.category}/${view.name}`;
      const subjectOf = ({ instance }: InstanceView): string => `${id}/${instance}`;
      return { ...view, instances: narrowed(request, view.instances, subjectOf) };
    },
  );
  installRoute(app, host, audit);
  changeRoutes(app, host, audit);
  compareRoute(app, host);
}

function seedRoutes(app: FastifyInstance, host: ExtensionHost): void {
  const read = { config: { may: MAY.read, about: 'parts' } } as const;
  const many = { config: { may: MAY.read, about: 'narrowed' } } as const;
  app.get(
    '/extensions',
    { ...many, schema: { tags, summary: 'All extensions by category', response: EXTENSION_LISTS } },
    (request) => list(host, request),
  );
  app.get<{ Params: { category: string } }>(
    '/extensions/:category',
    {
      ...many,
      schema: {
        tags,
        summary: 'The extensions of one category',
        params: CATEGORY_PARAMS,
        response: CATEGORY_LIST,
      },
    },
    async (request) => {
      const category = parseCategory(request.params.category);
      return { [category]: (await list(host, request))[category] };
    },
  );
  const params = EXTENSION_PARAMS;
  app.get<{ Params: ExtensionRef }>(
    `${ONE}/metadata`,
    { ...read, schema: { tags, summary: 'What an extension is', params, response: METADATA } },
    ({ params }) => host.metadata(params),
  );
  app.get<{ Params: ExtensionRef }>(
    `${ONE}/config`,
    {
      ...read,
      schema: { tags, summary: 'The fields of its config form', params, response: CONFIG_FIELDS },
    },
    ({ params }) => host.configFields(params),
  );
}

/** The names by category, of those that the token may know of. */
async function list(
  host: ExtensionHost,
  request: FastifyRequest,
): Promise<Record<Category, string[]>> {
  const lists = await host.list();
  const scope = scopeOf(request);
  for (const category of CATEGORIES) {
    lists[category] = lists[category].filter((name) => touchesScope(scope, `${category}/${name}`));
  }
  return lists;
}

function installRoute(app: FastifyInstance, host: ExtensionHost, audit: AuditTrail): void {
  app.post<{ Querystring: { compare?: number } }>(
    '/extensions',
    {
      config: { may: MAY.administer, action: 'extension.install' },
      schema: {
        tags,
        summary: 'Install or update an extension from a .tgz',
        description: `Listed afterwards, not enabled. At most ${LIMITS.archiveBytes} bytes.`,
        consumes: ['multipart/form-data'],
        querystring: INSTALL_QUERY,
        response: {
          201: json('What was installed; with "compare", what it does otherwise', {
            allOf: [
              ref('Extension'),
              { type: 'object', properties: { comparison: ref('Comparison') } },
            ],
          }),
        },
      },
    },
    async (request, reply) => {
      const archive = await readArchiveField(request);
      const { compare: compareLast } = request.query;
      const options = compareLast === undefined ? {} : { compareLast };
      const view = await host.install(archive, actorOf(request), options);
      const held = (view.comparison?.differing.length ?? 0) > 0;
      audit.done(request, `${view.category}/${view.name}`, { version: view.version, held });
      return reply.code(201).send(view);
    },
  );
}

/** The bytes of the one file of a multipart body. @throws {HostError} `CALLER_INPUT_INVALID` */
async function readArchiveField(request: FastifyRequest): Promise<Buffer> {
  const invalid = (message: string, cause?: unknown): HostError =>
    new HostError('CALLER_INPUT_INVALID', message, {
      remedy: 'Send multipart/form-data with one file: curl -F archive=@extension.tgz …',
      details: { field: 'archive' },
      cause,
    });
  if (!request.isMultipart()) throw invalid('The request carries no file');
  try {
    const file = await request.file();
    if (file === undefined) throw invalid('The request carries no file');
    if (file.fieldname !== 'archive') {
      throw invalid(`The file is in field "${file.fieldname.slice(0, 100)}", not in "archive"`);
    }
    return await file.toBuffer();
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (error instanceof HostError || code.startsWith('FST_')) throw error;
    // What is left is the parser's: a boundary that is missing, a part that breaks off.
    throw invalid('The body is not valid multipart/form-data', error);
  }
}

function changeRoutes(app: FastifyInstance, host: ExtensionHost, audit: AuditTrail): void {
  app.delete<{ Params: ExtensionRef }>(
    ONE,
    {
      config: { may: MAY.administer, about: 'extension', action: 'extension.remove' },
      schema: {
        tags,
        summary: 'Remove an installed extension and what its instances stored',
        params: EXTENSION_PARAMS,
        response: { 204: NOTHING },
      },
    },
    async (request, reply) => {
      // Named now: it has no name of its own once it is gone.
      const subject = host.subject(request.params);
      await host.remove(request.params, actorOf(request));
      audit.done(request, subject);
      return reply.code(204).send();
    },
  );
  app.post<{ Params: ExtensionRef; Body: { generation: string } }>(
    `${ONE}/rollback`,
    {
      config: { may: MAY.administer, about: 'extension', action: 'extension.rollback' },
      schema: {
        tags,
        summary: 'Run an older generation, or the newest again',
        params: EXTENSION_PARAMS,
        body: ROLLBACK_BODY,
        response: { 200: json('The extension', ref('Extension')) },
      },
    },
    async (request) => {
      const { params, body } = request;
      const view = await host.rollback(params, body.generation, actorOf(request));
      audit.done(request, host.subject(params), { generation: body.generation });
      return view;
    },
  );
}

function compareRoute(app: FastifyInstance, host: ExtensionHost): void {
  app.post<{
    Params: ExtensionRef;
    Body: { generation?: string; last?: number } | null | undefined;
  }>(
    `${ONE}/compare`,
    {
      config: { may: MAY.operate, about: 'extension' },
      schema: {
        tags,
        summary: 'Run the last recorded calls on a generation, without effects',
        params: EXTENSION_PARAMS,
        body: COMPARE_BODY,
        response: { 200: json('What it does otherwise', ref('Comparison')) },
      },
    },
    (request) => {
      const { last = 20, ...wish } = request.body ?? {};
      return host.compare(request.params, { ...wish, last }, actorOf(request));
    },
  );
}
