// Routes over extensions: the seed's four, byte for byte, and the view, install, remove and roll back.

import type { FastifyInstance } from 'fastify';

import { parseCategory } from '../../catalog/catalog.ts';
import { HostError } from '../../errors.ts';
import type { ExtensionHost, ExtensionRef } from '../../lifecycle/host.ts';
import { LIMITS } from '../../limits.ts';
import { actorOf, MAY } from '../auth.ts';
import type { Audited } from '../auth.ts';
import { CATEGORY_PARAMS, EXTENSION_PARAMS } from '../schemas.ts';

const tags = ['extensions'];

/** Adds the routes. */
export function extensionRoutes(app: FastifyInstance, host: ExtensionHost, audited: Audited): void {
  const read = { config: { may: MAY.read } };
  app.get('/extensions', { ...read, schema: { tags, summary: 'All extensions by category' } }, () =>
    host.list(),
  );
  app.get<{ Params: { category: string } }>(
    '/extensions/:category',
    {
      ...read,
      schema: { tags, summary: 'The extensions of one category', params: CATEGORY_PARAMS },
    },
    async ({ params }) => {
      const category = parseCategory(params.category);
      return { [category]: (await host.list())[category] };
    },
  );
  app.get<{ Params: ExtensionRef }>(
    '/extensions/:category/:name/metadata',
    { ...read, schema: { tags, summary: 'What an extension is', params: EXTENSION_PARAMS } },
    ({ params }) => host.metadata(params),
  );
  app.get<{ Params: ExtensionRef }>(
    '/extensions/:category/:name/config',
    {
      ...read,
      schema: { tags, summary: 'The fields of its config form', params: EXTENSION_PARAMS },
    },
    ({ params }) => host.configFields(params),
  );
  app.get<{ Params: ExtensionRef }>(
    '/extensions/:category/:name',
    {
      ...read,
      schema: {
        tags,
        summary: 'State, versions, capabilities, instances',
        params: EXTENSION_PARAMS,
      },
    },
    ({ params }) => host.extension(params),
  );
  changeRoutes(app, host, audited);
}

function changeRoutes(app: FastifyInstance, host: ExtensionHost, audited: Audited): void {
  app.post(
    '/extensions',
    {
      config: { may: MAY.administer },
      bodyLimit: LIMITS.archiveBytes,
      schema: {
        tags,
        summary: 'Install or update an extension from a .tgz (multipart, field "archive")',
        consumes: ['multipart/form-data'],
      },
    },
    async (request, reply) => {
      const file = request.isMultipart() ? await request.file() : undefined;
      if (file === undefined) {
        throw new HostError('CALLER_INPUT_INVALID', 'The request carries no file', {
          remedy: 'Send multipart/form-data with one file: curl -F archive=@extension.tgz …',
          details: { field: 'archive' },
        });
      }
      const view = await host.install(await file.toBuffer(), actorOf(request));
      audited(request, 'extension.install', `${view.category}/${view.name}`);
      return reply.code(201).send(view);
    },
  );
  app.delete<{ Params: ExtensionRef }>(
    '/extensions/:category/:name',
    {
      config: { may: MAY.administer },
      schema: { tags, summary: 'Remove an installed extension', params: EXTENSION_PARAMS },
    },
    async (request, reply) => {
      await host.remove(request.params, actorOf(request));
      audited(request, 'extension.remove', subject(request.params));
      return reply.code(204).send();
    },
  );
  app.post<{ Params: ExtensionRef; Body: { generation: string } }>(
    '/extensions/:category/:name/rollback',
    {
      config: { may: MAY.administer },
      schema: {
        tags,
        summary: 'Run an older generation, or the newest again',
        params: EXTENSION_PARAMS,
        body: {
          type: 'object',
          required: ['generation'],
          additionalProperties: false,
          properties: { generation: { type: 'string', pattern: '^[0-9a-f]{64}$' } },
        },
      },
    },
    async (request) => {
      const { params, body } = request;
      const view = await host.rollback(params, body.generation, actorOf(request));
      audited(request, 'extension.rollback', subject(params), { generation: body.generation });
      return view;
    },
  );
}

function subject({ category, name }: ExtensionRef): string {
  return `${category}/${name}`;
}
