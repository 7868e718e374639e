// Routes over what instances do with their grants: usage, the lock, and first uses outside it.

import type { FastifyInstance } from 'fastify';

import type { Grants } from '../../grants.ts';
import type { ExtensionHost, ExtensionRef } from '../../lifecycle/host.ts';
import { json, listed, object, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY } from '../auth.ts';
import { EXTENSION_PARAMS, INSTANCE_PARAMS, LOCK_BODY, REQUEST_PARAMS } from '../schemas.ts';
import { assertInScope, narrowed } from '../scope.ts';
import { refOf } from './lifecycle.ts';

type Params = ExtensionRef & { readonly instance?: string };

const grants = { $ref: 'Grants#' } as const;

const GRANT_CHANGE = object({
  action: {
    type: 'string',
    description: 'enable, lock, unlock or allow; enable.undone where a start failed',
  },
  actor: { type: 'string', description: 'Id of the token that decided' },
  at: { type: 'string', format: 'date-time' },
  grants: { oneOf: [grants, { type: 'null' }], description: 'As they are from then on' },
  added: { ...grants, description: 'What they have that those before had not' },
  removed: { ...grants, description: 'What those before had that they have not' },
});

/** Adds the routes. */
export function usageRoutes(app: FastifyInstance, host: ExtensionHost, audit: AuditTrail): void {
  const tags = ['instances'];
  const short = { tags, params: EXTENSION_PARAMS, description: 'Short form: instance "default"' };
  for (const { base, shared } of [
    {
      base: '/extensions/:category/:name/instances/:instance',
      shared: { tags, params: INSTANCE_PARAMS },
    },
    { base: '/extensions/:category/:name', shared: short },
  ]) {
    app.get<{ Params: Params }>(
      `${base}/usage`,
      {
        config: { may: MAY.read, about: 'instance' },
        schema: {
          ...shared,
          summary: 'What it used, what it was refused, and the grant that would be enough',
          response: { 200: json('Its requests, counted', ref('Usage')) },
        },
      },
      ({ params }) => host.usage(refOf(params)),
    );
    app.get<{ Params: Params }>(
      `${base}/grants/history`,
      {
        config: { may: MAY.read, about: 'instance' },
        schema: {
          ...shared,
          summary: 'What was decided about its grants, newest first',
          response: { 200: json('All that is kept', listed('changes', GRANT_CHANGE)) },
        },
      },
      async ({ params }) => ({ changes: await host.grantHistory(refOf(params)) }),
    );
    lockRoutes(app, host, { base, shared, audit });
  }
  requestRoutes(app, host, audit);
}

function lockRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  { base, shared, audit }: { base: string; shared: object; audit: AuditTrail },
): void {
  app.post<{ Params: Params; Body: { lock?: NonNullable<Grants['lock']> } | null | undefined }>(
    `${base}/lock`,
    {
      config: { may: MAY.operate, about: 'instance', action: 'instance.lock' },
      schema: {
        ...shared,
        summary: 'Lock it to what was observed; a first use outside is refused and asked for',
        body: LOCK_BODY,
        response: { 200: json('The instance as it is now', ref('Instance')) },
      },
    },
    async (request) => {
      const subject = refOf(request.params);
      const view = await host.lock(subject, request.body?.lock, actorOf(request));
      audit.done(request, host.subject(subject), { lock: view.grants?.lock });
      return view;
    },
  );
  app.delete<{ Params: Params }>(
    `${base}/lock`,
    {
      config: { may: MAY.administer, about: 'instance', action: 'instance.unlock' },
      schema: {
        ...shared,
        summary: 'Lift the lock: what the manifest asks for is granted again',
        response: { 200: json('The instance as it is now', ref('Instance')) },
      },
    },
    async (request) => {
      const subject = refOf(request.params);
      const view = await host.unlock(subject, actorOf(request));
      audit.done(request, host.subject(subject));
      return view;
    },
  );
}

function requestRoutes(app: FastifyInstance, host: ExtensionHost, audit: AuditTrail): void {
  const tags = ['access'];
  app.get(
    '/requests',
    {
      config: { may: MAY.read, about: 'narrowed' },
      schema: {
        tags,
        summary: 'First uses outside a lock that wait for an admin, newest first',
        response: { 200: json('All of them', listed('requests', ref('AccessRequest'))) },
      },
    },
    async (request) => ({
      requests: narrowed(request, await host.accessRequests(), ({ instance }) => instance),
    }),
  );
  for (const { verb, summary } of [
    { verb: 'allow', summary: 'Widen the lock by this kind of request' },
    { verb: 'dismiss', summary: 'Take it off the list; it stays refused' },
  ] as const) {
    app.post<{ Params: { id: string } }>(
      `/requests/:id/${verb}`,
      {
        config: { may: MAY.administer, about: 'narrowed', action: `request.${verb}` },
        schema: {
          tags,
          summary,
          params: REQUEST_PARAMS,
          response: { 200: json('What was decided', ref('AccessRequest')) },
        },
      },
      async (request) => {
        const { id } = request.params;
        const asked = (await host.accessRequests()).find((each) => each.id === id);
        if (asked !== undefined) assertInScope(request, asked.instance);
        const decided = await host.decideRequest(id, verb, actorOf(request));
        const { method, host: vendor, path } = decided;
        audit.done(request, decided.instance, { method, host: vendor, path });
        return decided;
      },
    );
  }
}
