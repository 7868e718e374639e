// Routes over instances: list, make, configure, enable, stop, test. The short form without
// `instances/{i}` is the instance `default`.

import type { FastifyInstance, FastifyRequest } from 'fastify';

import type { ExtensionHost, ExtensionRef, Grants, InstanceRef } from '../../lifecycle/host.ts';
import { actorOf, MAY } from '../auth.ts';
import type { Audited } from '../auth.ts';
import { ENABLE_BODY, EXTENSION_PARAMS, INSTANCE_PARAMS, VALUES_BODY } from '../schemas.ts';
import type { EventStreams } from '../sse.ts';

const tags = ['instances'];
const FULL = '/extensions/:category/:name/instances/:instance';
const SHORT = '/extensions/:category/:name';

type Params = ExtensionRef & { readonly instance?: string };
type Values = Record<string, unknown>;

/** Adds the routes. */
export function instanceRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  { audited, streams }: { audited: Audited; streams: EventStreams },
): void {
  listRoutes(app, host, audited);
  for (const base of [FULL, SHORT]) {
    const params = base === FULL ? INSTANCE_PARAMS : EXTENSION_PARAMS;
    const more = {
      tags,
      params,
      description: base === FULL ? '' : 'Short form: instance "default"',
    };
    changeRoutes(app, host, { base, more, audited });
    app.get<{ Params: Params }>(
      `${base}/logs`,
      {
        config: { may: MAY.read },
        schema: { ...more, summary: 'Log lines: the kept ones, then live (server-sent events)' },
      },
      async (request, reply) => {
        const ref = refOf(request.params);
        // Unknown names are told before the stream begins.
        await host.instance(ref);
        await streams.send(request, reply, {
          open: (signal) => host.logs(ref, signal),
          typeOf: () => 'log',
        });
      },
    );
  }
}

function listRoutes(app: FastifyInstance, host: ExtensionHost, audited: Audited): void {
  app.get<{ Params: ExtensionRef }>(
    '/extensions/:category/:name/instances',
    {
      config: { may: MAY.read },
      schema: { tags, summary: 'The instances of an extension', params: EXTENSION_PARAMS },
    },
    async ({ params }) => ({ instances: await host.instances(params) }),
  );
  app.post<{ Params: ExtensionRef; Body: { instance: string } }>(
    '/extensions/:category/:name/instances',
    {
      config: { may: MAY.operate },
      schema: {
        tags,
        summary: 'Make an instance',
        params: EXTENSION_PARAMS,
        body: {
          type: 'object',
          required: ['instance'],
          additionalProperties: false,
          properties: { instance: { type: 'string', minLength: 1, maxLength: 63 } },
        },
      },
    },
    async (request, reply) => {
      const ref = { ...request.params, instance: request.body.instance };
      const view = await host.createInstance(ref, actorOf(request));
      audited(request, 'instance.create', subject(ref));
      return reply.code(201).send(view);
    },
  );
  app.get<{ Params: InstanceRef }>(
    FULL,
    {
      config: { may: MAY.read },
      schema: { tags, summary: 'One instance', params: INSTANCE_PARAMS },
    },
    ({ params }) => host.instance(params),
  );
  oneRoutes(app, host, audited);
}

function oneRoutes(app: FastifyInstance, host: ExtensionHost, audited: Audited): void {
  app.patch<{ Params: InstanceRef; Body: { trusted?: boolean } }>(
    FULL,
    {
      config: { may: MAY.administer },
      schema: {
        tags,
        summary: 'Mark an instance as trusted or not',
        params: INSTANCE_PARAMS,
        body: {
          type: 'object',
          additionalProperties: false,
          properties: {
            trusted: { type: 'boolean', description: 'Trusted extensions share one process' },
          },
        },
      },
    },
    async (request) => {
      const view = await host.patchInstance(request.params, request.body, actorOf(request));
      audited(request, 'instance.patch', subject(request.params), request.body);
      return view;
    },
  );
  app.delete<{ Params: InstanceRef }>(
    FULL,
    {
      config: { may: MAY.operate },
      schema: { tags, summary: 'Remove an instance and what it stored', params: INSTANCE_PARAMS },
    },
    async (request, reply) => {
      await host.removeInstance(request.params, actorOf(request));
      audited(request, 'instance.remove', subject(request.params));
      return reply.code(204).send();
    },
  );
}

function changeRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  { base, more, audited }: { base: string; more: object; audited: Audited },
): void {
  const operate = { may: MAY.operate };
  app.put<{ Params: Params; Body: Values }>(
    `${base}/config`,
    {
      config: operate,
      schema: { ...more, summary: 'Set the config; secrets are write-only', body: VALUES_BODY },
    },
    async (request) => {
      const ref = refOf(request.params);
      const view = await host.putConfig(ref, request.body, actorOf(request));
      audited(request, 'instance.config', subject(ref), { fields: Object.keys(request.body) });
      return view;
    },
  );
  app.post<{ Params: Params; Body: { grants?: Grants } | null | undefined }>(
    `${base}/enable`,
    {
      config: operate,
      schema: {
        ...more,
        summary: 'Enable; without "grants" the call is the yes to exactly what the manifest asks',
        body: ENABLE_BODY,
      },
    },
    async (request) => {
      const ref = refOf(request.params);
      const view = await host.enable(ref, request.body?.grants, actorOf(request));
      audited(request, 'instance.enable', subject(ref), { grants: view.grants });
      return view;
    },
  );
  stopRoutes(app, host, { base, more, audited });
}

function stopRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  { base, more, audited }: { base: string; more: object; audited: Audited },
): void {
  const operate = { may: MAY.operate };
  const done = <T>(request: FastifyRequest, action: string, value: T): T => {
    audited(request, action, subject(refOf(request.params as Params)));
    return value;
  };
  app.post<{ Params: Params }>(
    `${base}/disable`,
    { config: operate, schema: { ...more, summary: 'Drain and stop' } },
    async (request) =>
      done(
        request,
        'instance.disable',
        await host.disable(refOf(request.params), actorOf(request)),
      ),
  );
  app.post<{ Params: Params }>(
    `${base}/restart`,
    {
      config: operate,
      schema: { ...more, summary: 'Compile the folder as it is now and start anew' },
    },
    async (request) =>
      done(
        request,
        'instance.restart',
        await host.restart(refOf(request.params), actorOf(request)),
      ),
  );
  app.post<{ Params: Params; Body: { values?: Values } | null | undefined }>(
    `${base}/test`,
    {
      config: operate,
      schema: {
        ...more,
        summary: 'Test the connection, with the stored config or with values that are not saved',
        body: {
          type: ['object', 'null'],
          additionalProperties: false,
          properties: { values: VALUES_BODY },
        },
      },
    },
    (request) => host.test(refOf(request.params), request.body?.values, actorOf(request)),
  );
}

/** `default` where the short form names no instance. */
export function refOf({ category, name, instance = 'default' }: Params): InstanceRef {
  return { category, name, instance };
}

function subject({ category, name, instance }: InstanceRef): string {
  return `${category}/${name}/${instance}`;
}
