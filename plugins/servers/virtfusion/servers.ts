// The servers of the panel's services: found, and brought to their end; build.ts makes them. VirtFusion has
// no external id for servers, so the orders are kept in the instance's storage; the mark in a server's name
// is for an instance that lost it, because customers may change names.

import { digestKey, fail, orAbsent } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service, Storage } from 'cofferdam/sdk';

import type { VirtFusion } from './api.ts';
import { findCustomer } from './customers.ts';
import { isBusy } from './shapes.ts';
import type { Server } from './shapes.ts';

const RETRY_MS = 5_000;
const MARK = /\bcofferdam-([0-9a-f]{16})\b/;

/** What the handlers hand in: the API, and where orders are remembered. */
export type Tools = { readonly api: VirtFusion; readonly storage: Storage };

/** What was ordered for a service. `before` are servers that the customer had already. */
export type Order = {
  readonly before: number[];
  readonly serverId: number | null;
  readonly isBuildOrdered: boolean;
  readonly isPasswordTold: boolean;
};

/** Where the order of a service is remembered. */
export const orderKey = (mark: string): string => `order:${mark}`;

/** 16 hex digits that stand for a service, whatever characters its id has. */
export async function markOf(serviceId: string): Promise<string> {
  return await digestKey(serviceId, 16);
}

/** The server of a service: by the order, the stored id, the mark, or as the one an order made. */
export async function findServer(
  { api, storage }: Tools,
  service: Service,
): Promise<Server | undefined> {
  const mark = await markOf(service.id);
  const order = await storage.get<Order>(orderKey(mark));
  const known = order?.serverId ?? Number(service.properties['serverId'] ?? 0);
  if (known > 0) {
    const found = await orAbsent(() => api.server(known));
    const isOrdered = order?.serverId === known;
    if (found !== undefined && isOwner(found, service, { isOrdered })) {
      const other = MARK.exec(found.name)?.[1] ?? mark;
      // An order knows better than a name, which the customer may change.
      if (isOrdered || other === mark) return found;
    }
  }
  const customer = await findCustomer(api, service.user);
  if (customer === undefined) return undefined;
  const theirs = await api.serversOf(customer);
  const marked = theirs.find(({ name }) => MARK.exec(name)?.[1] === mark);
  if (marked !== undefined) return orAbsent(() => api.server(marked.id));
  if (order === null || order.serverId !== null) return undefined;
  const fitting: Server[] = [];
  for (const { id, name } of theirs) {
    if (order.before.includes(id) || MARK.test(name)) continue;
    const server = await orAbsent(() => api.server(id));
    if (server !== undefined && server.built == null) fitting.push(server);
  }
  if (fitting.length < 2) return fitting[0];
  throw fail(
    'conflict',
    `Servers ${fitting.map(({ id }) => id).join(', ')} could each be the one of service ${service.id}`,
    { remedy: `Put "cofferdam-${mark}" into the name of the right one in VirtFusion` },
  );
}

function isOwner(
  { owner }: Server,
  { user }: Service,
  { isOrdered }: { isOrdered: boolean },
): boolean {
  // A token that may not see owners: only what was ordered here is known to be the service's.
  if (owner === undefined) return isOrdered;
  const relations = [owner.extRelationId, owner.relStr].filter((each) => each != null).map(String);
  return relations.includes(user.id) || owner.email.toLowerCase() === user.email.toLowerCase();
}

/** The service's server. @throws {ExtensionFailure} `not_found` */
export async function requireServer(tools: Tools, service: Service): Promise<Server> {
  const server = await findServer(tools, service);
  if (server !== undefined) return server;
  throw fail('not_found', `No server of service ${service.id} exists at VirtFusion`, {
    remedy: 'Create the service again, or correct its serverId',
  });
}

/** Removes the server. One that is gone is a success; so is one that goes while we look. */
export async function terminateServer(tools: Tools, service: Service): Promise<ServerResult> {
  const { api, storage } = tools;
  const server = await findServer(tools, service);
  if (server !== undefined) {
    const { id } = server;
    if (server.protected) {
      throw fail('conflict', `Server ${id} is protected in VirtFusion`, {
        remedy: 'Take the protection off the server in VirtFusion, then terminate again',
      });
    }
    if (isBusy(server)) return pending(id);
    await orAbsent(() => api.remove(id));
    if ((await orAbsent(() => api.server(id))) !== undefined) return pending(id);
  }
  await storage.delete(orderKey(await markOf(service.id)));
  return { status: 'done', properties: { serverId: null } };
}

/** A step that goes on at VirtFusion. */
export function pending(id: number): Extract<ServerResult, { status: 'pending' }> {
  const properties = { serverId: id };
  return { status: 'pending', remoteId: String(id), properties, retryAfterMs: RETRY_MS };
}

/** A finished step. */
export function done(id: number, oneTime?: JsonObject): ServerResult {
  const result = { status: 'done', remoteId: String(id), properties: { serverId: id } } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}
