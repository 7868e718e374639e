// One service's server at Convoy: found by the tag that ends its name, and never somebody else's.
// orders.ts makes it, changes.ts does the rest.

import { digestKey, fail } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import type { Convoy } from './api.ts';
import type { ConvoyContext } from './config.ts';
import type { ConvoyServer } from './shapes.ts';

const RETRY_MS = 5_000;

/** Ends the names of a service's servers: the panel has no place for an id of ours. */
export async function tagOf({ id }: Service, { config }: ConvoyContext): Promise<string> {
  return `cf-${await digestKey(`${config.namespace}\n${id}`, 12)}`;
}

/**
 * The servers of a service, oldest first; more than one only when an order that was thought lost came
 * through after all.
 */
export async function findServers(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ConvoyServer[]> {
  const { uuid } = service.properties;
  const known = typeof uuid === 'string' ? await api.server(uuid) : undefined;
  const named = known === undefined ? await api.serversNamed(await tagOf(service, ctx)) : [known];
  for (const server of named) requireOwn(service, server);
  return named.toSorted((a, b) => a.internal_id - b.internal_id);
}

/** A server of somebody else is never touched, whatever its name. */
function requireOwn(service: Service, { uuid, user_id: userId, user }: ConvoyServer): void {
  if (service.properties['uuid'] === uuid && service.properties['userId'] === userId) return;
  if (user?.data.email.toLowerCase() === service.user.email.toLowerCase()) return;
  throw fail('conflict', `Server ${uuid} belongs to another user of Convoy`, {
    remedy: 'Give it to the customer at Convoy, or set a namespace in the configuration',
  });
}

/** The service's server. @throws {ExtensionFailure} `not_found` */
export async function requireServer(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ConvoyServer> {
  const [server, ...others] = await findServers(api, service, ctx);
  if (server === undefined) {
    throw fail('not_found', `No server of service ${service.id} exists at Convoy`, {
      remedy: `Create the service again, or end the name of its server in ${await tagOf(service, ctx)}`,
    });
  }
  if (others.length > 0)
    ctx.log.error('The service has more than one server', {
      uuids: others.map(({ uuid }) => uuid),
    });
  return server;
}

/** Whether the panel works on it: what is asked for now would be lost when it is done. */
export function isBusy({ status }: ConvoyServer): boolean {
  return (
    status !== null && ['installing', 'restoring_backup', 'restoring_snapshot'].includes(status)
  );
}

/** A server at rest. */
export function doneOf(server: ConvoyServer): ServerResult {
  return { status: 'done', ...knownOf(server) };
}

/** A server that the panel works on. */
export function pendingOf(server: ConvoyServer, oneTime?: JsonObject): ServerResult {
  const result = { status: 'pending', ...knownOf(server), retryAfterMs: RETRY_MS } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}

/** What the panel keeps of a server. */
export function knownOf({ uuid, user_id: userId }: ConvoyServer) {
  return { remoteId: uuid, properties: { uuid, userId } } as const;
}

/** What the panel keeps when the server is gone. */
export const FORGOTTEN: JsonObject = { uuid: null, userId: null };
