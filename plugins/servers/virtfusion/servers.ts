// The servers of the panel's services: found, built, brought to their end. `extension.ts` has the
// handlers. VirtFusion has no external id for servers, so the orders are kept in the instance's storage;
// the mark in a server's name is for an instance that lost it, because customers may change names.

import { digestKey, fail, isFailure } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service, Storage } from 'cofferdam/sdk';

import { orAbsent } from './api.ts';
import type { VirtFusion } from './api.ts';
import { parseCheckout, parseSettings } from './config.ts';
import { ensureCustomer, findCustomer } from './customers.ts';
import { isBusy } from './shapes.ts';
import type { Server } from './shapes.ts';

const RETRY_MS = 5_000;
const LABEL_CHARS = 60;
const MARK = /\bcofferdam-([0-9a-f]{16})\b/;

/** What the handlers hand in: the API, and where orders are remembered. */
export type Tools = { readonly api: VirtFusion; readonly storage: Storage };

/** What was ordered for a service. `before` are servers that the customer had already. */
type Order = {
  readonly before: number[];
  readonly serverId: number | null;
  readonly isBuildOrdered: boolean;
  readonly isPasswordTold: boolean;
};

const orderKey = (mark: string): string => `order:${mark}`;

/** 16 hex digits that stand for a service, whatever characters its id has. */
export async function markOf(serviceId: string): Promise<string> {
  return (await digestKey(serviceId)).slice(0, 16);
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

/** Orders the server, or goes on where an earlier call stopped; its system is put on by `advance`. */
export async function createServer(tools: Tools, service: Service): Promise<ServerResult> {
  const existing = await findServer(tools, service);
  if (existing !== undefined) return advance(tools, service, existing);
  const { api, storage } = tools;
  const settings = parseSettings(service.product.settings);
  parseCheckout(service.checkout, settings);
  const key = orderKey(await markOf(service.id));
  const customer = await ensureCustomer(api, service.user);
  const before = (await api.serversOf(customer.id)).map(({ id }) => id);
  const order = { before, serverId: null, isBuildOrdered: false, isPasswordTold: false };
  await storage.set(key, order);
  const { packageId, groupId, ipv4 } = settings;
  try {
    const json = { packageId, userId: customer.id, hypervisorId: groupId, ipv4 };
    const { id } = await api.addServer(json);
    await storage.set(key, { ...order, before: [], serverId: id });
    return { ...pending(id), oneTime: customer.oneTime };
  } catch (error) {
    // An order that was refused made nothing. After any other failure it may have.
    if (isFailure(error) && !UNANSWERED.has(error.failure.code)) await storage.delete(key);
    throw error;
  }
}

const UNANSWERED: ReadonlySet<string> = new Set(['unavailable', 'timeout', 'invalid_response']);

/** Puts the system on, waits for that, and tells the password once. */
export async function advance(
  tools: Tools,
  service: Service,
  server: Server,
): Promise<ServerResult> {
  const { api, storage } = tools;
  const { id } = server;
  if (isBusy(server)) return pending(id);
  if (server.buildFailed) {
    throw fail('rejected', `VirtFusion could not build server ${id}`, {
      remedy: `Read the queue of server ${id} in VirtFusion, then reinstall it, or terminate the service`,
    });
  }
  const key = orderKey(await markOf(service.id));
  const known = await storage.get<Order>(key);
  const isBuilt = server.built != null;
  const order: Order = {
    before: [],
    isBuildOrdered: known?.isBuildOrdered ?? false,
    // A server that nobody remembers belongs to somebody who has a password.
    isPasswordTold: known?.isPasswordTold ?? true,
    serverId: id,
  };
  const { sendMail } = parseSettings(service.product.settings);
  if (!isBuilt && !order.isBuildOrdered) {
    await orderBuild(api, service, id);
    await storage.set(key, { ...order, isBuildOrdered: true, isPasswordTold: sendMail });
  }
  if (!isBuilt) return pending(id);
  if (order.isPasswordTold) return done(id);
  const rootPassword = await api.resetPassword(id, await userNameOf(api, service));
  await storage.set(key, { ...order, isBuildOrdered: true, isPasswordTold: true });
  return done(id, { rootPassword });
}

async function orderBuild(api: VirtFusion, service: Service, id: number): Promise<void> {
  const settings = parseSettings(service.product.settings);
  const { hostname, osId, sshKey } = parseCheckout(service.checkout, settings);
  const label = (hostname ?? service.product.name).slice(0, LABEL_CHARS);
  await api.build(id, {
    operatingSystemId: osId,
    name: `${label} cofferdam-${await markOf(service.id)}`,
    ...(hostname === undefined ? {} : { hostname }),
    ...(sshKey === undefined ? {} : { sshKeys: [await ensureSshKey(api, service, sshKey)] }),
    email: settings.sendMail,
  });
}

async function ensureSshKey(api: VirtFusion, service: Service, sshKey: string): Promise<number> {
  const { id: userId } = await ensureCustomer(api, service.user);
  const [type, bits] = sshKey.split(' ');
  const same = (await api.sshKeys(userId)).find(({ publicKey = '' }) =>
    publicKey.startsWith(`${type} ${bits}`),
  );
  if (same !== undefined) return same.id;
  return (await api.addSshKey({ userId, name: `Service ${service.id}`, publicKey: sshKey })).id;
}

/** Who may log in to the system that the customer chose. */
export async function userNameOf(
  api: VirtFusion,
  service: Service,
): Promise<'root' | 'Administrator'> {
  const settings = parseSettings(service.product.settings);
  const { osId } = parseCheckout(service.checkout, settings);
  const chosen = (await api.templates(settings.packageId)).find(({ id }) => id === osId);
  return /windows/i.test(chosen?.label ?? '') ? 'Administrator' : 'root';
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
