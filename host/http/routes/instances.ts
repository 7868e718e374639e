// Routes over instances: list, make, show, mark as trusted, remove.

import type { FastifyInstance } from 'fastify';

import type { ExtensionHost, ExtensionRef, InstanceRef } from '../../lifecycle/host.ts';
import { json, listed, NOTHING, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY } from '../auth.ts';
import { EXTENSION_PARAMS, INSTANCE_BODY, INSTANCE_PARAMS, TRUST_BODY } from '../schemas.ts';
import { assertInScope, narrowed } from '../scope.ts';
import { etagOf } from '../versions.ts';

const tags = ['instances'];
const ALL = '/extensions/:category/:name/instances';
const ONE = `${ALL}/:instance`;

/** Adds the routes. */
export function instanceRoutes(app: FastifyInstance, host: ExtensionHost, audit: AuditTrail): void {
  app.get<{ Params: ExtensionRef }>(
    ALL,
    {
      config: { may: MAY.read, about: 'parts' },
      schema: {
        tags,
        summary: 'The instances of an extension',
        params: EXTENSION_PARAMS,
        response: { 200: json('All of them', listed('instances', ref('Instance'))) },
      },
    },
    async (request) => {
      const id = host.subject(request.params);
      const views = await host.instances(request.params);
      return { instances: narrowed(request, views, ({ instance }) => `${id}/${instance}`) };
    },
  );
  app.post<{ Params: ExtensionRef; Body: { instance: string } }>(
    ALL,
    {
      config: { may: MAY.operate, about: 'parts', action: 'instance.create' },
      schema: {
        tags,
        summary: 'Make an instance',
        params: EXTENSION_PARAMS,
        body: INSTANCE_BODY,
        response: { 201: json('The new instance', ref('Instance')) },
      },
    },
    async (request, reply) => {
      const made = { ...request.params, instance: request.body.instance };
      assertInScope(request, host.subject(made));
      const view = await host.createInstance(made, actorOf(request));
      audit.done(request, host.subject(made));
      return reply.code(201).send(view);
    },
  );
  app.get<{ Params: InstanceRef }>(
    ONE,
    {
      config: { may: MAY.read, about: 'instance' },
      schema: {
        tags,
        summary: 'One instance',
        params: INSTANCE_PARAMS,
        response: { 200: json('The instance', ref('Instance')) },
      },
    },
    async ({ params }, reply) => {
      const view = await host.instance(params);
      reply.header('etag', etagOf(view));
      return view;
    },
  );
  changeRoutes(app, host, audit);
}

function changeRoutes(app: FastifyInstance, host: ExtensionHost, audit: AuditTrail): void {
  app.patch<{ Params: InstanceRef; Body: { trusted?: boolean } }>(
    ONE,
    {
      // Closed to narrowed tokens: what is trusted shares a process with extensions outside of their scope.
      config: { may: MAY.administer, action: 'instance.patch' },
      schema: {
        tags,
        summary: 'Mark an instance as trusted or not',
        params: INSTANCE_PARAMS,
        body: TRUST_BODY,
        response: { 200: json('The instance', ref('Instance')) },
      },
    },
    async (request) => {
      const view = await host.patchInstance(request.params, request.body, actorOf(request));
      audit.done(request, host.subject(request.params), request.body);
      return view;
    },
  );
  app.delete<{ Params: InstanceRef }>(
    ONE,
    {
      config: { may: MAY.operate, about: 'instance', action: 'instance.remove' },
      schema: {
        tags,
        summary: 'Remove an instance and what it stored',
        params: INSTANCE_PARAMS,
        response: { 204: NOTHING },
      },
    },
    async (request, reply) => {
      await host.removeInstance(request.params, actorOf(request));
      audit.done(request, host.subject(request.params));
      return reply.code(204).send();
    },
  );
}
