// Routes over earlier versions of an instance's config: list them, take one back.

import type { FastifyInstance } from 'fastify';

import type { ExtensionHost, InstanceRef } from '../../lifecycle/host.ts';
import { json, listed, object, ref } from '../answers.ts';
import type { AuditTrail } from '../audit.ts';
import { actorOf, MAY } from '../auth.ts';
import { CONFIG_ROLLBACK_BODY, EXTENSION_PARAMS, INSTANCE_PARAMS } from '../schemas.ts';
import { etagOf, IF_MATCH, versionOf } from '../versions.ts';
import { refOf } from './lifecycle.ts';

type Params = Omit<InstanceRef, 'instance'> & { instance?: string };

const VERSION = object({
  version: { type: 'integer' },
  at: { type: 'string', format: 'date-time' },
  actor: { type: 'string', description: 'Id of the token that set it' },
  config: { type: 'object', description: 'Values by field; a secret is "********"' },
});

/** Adds the routes; without an instance in the path they are about `default`. */
export function configHistoryRoutes(
  app: FastifyInstance,
  host: ExtensionHost,
  audit: AuditTrail,
): void {
  const forms = [
    ['/extensions/:category/:name/instances/:instance', INSTANCE_PARAMS],
    ['/extensions/:category/:name', EXTENSION_PARAMS],
  ] as const;
  for (const [base, params] of forms) {
    const shared = { tags: ['instances'], params };
    app.get<{ Params: Params }>(
      `${base}/config/history`,
      {
        config: { may: MAY.read, about: 'instance' },
        schema: {
          ...shared,
          summary: 'The versions of the config that are kept, newest first',
          response: { 200: json('All of them', listed('versions', VERSION)) },
        },
      },
      async (request) => ({ versions: await host.configHistory(refOf(request.params)) }),
    );
    app.post<{ Params: Params; Body: { version: number } }>(
      `${base}/config/rollback`,
      {
        config: { may: MAY.operate, about: 'instance', action: 'instance.config.rollback' },
        schema: {
          ...shared,
          summary: 'Set the values of an earlier version again, as a new version',
          headers: IF_MATCH,
          body: CONFIG_ROLLBACK_BODY,
          response: { 200: json('The instance as it is now', ref('Instance')) },
        },
      },
      async (request, reply) => {
        const key = refOf(request.params);
        const { version } = request.body;
        const wish = { version, ifVersion: versionOf(request) };
        const view = await host.rollbackConfig(key, wish, actorOf(request));
        reply.header('etag', etagOf(view));
        const { configVersion } = view;
        audit.done(request, host.subject(key), { from: version, configVersion });
        return view;
      },
    );
  }
}
