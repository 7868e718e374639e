// Makes a service's server: the order, then the system on it, then the password, which is told once. An order
// whose reply was lost is remembered, so that what it made is taken for the service's.

import { fail, mayHaveActed } from 'cofferdam/sdk';
import type { ServerResult, Service } from 'cofferdam/sdk';

import type { VirtFusion } from './api.ts';
import { parseCheckout, parseSettings } from './config.ts';
import { ensureCustomer } from './customers.ts';
import { done, findServer, markOf, orderKey, pending } from './servers.ts';
import type { Order, Tools } from './servers.ts';
import { isBusy } from './shapes.ts';
import type { Server } from './shapes.ts';

const LABEL_CHARS = 60;

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
    if (!mayHaveActed(error)) await storage.delete(key);
    throw error;
  }
}

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
