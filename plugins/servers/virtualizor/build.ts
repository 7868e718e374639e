// Builds a service's server: the order, the wait for it, the mark that finds it again. An order whose
// reply was lost is remembered, so that what it made is taken for the service's, and nothing is made twice.

import { createPassword, fail, mayHaveActed } from 'cofferdam/sdk';
import type { ExtensionFailure, ServerResult, Service } from 'cofferdam/sdk';

import { parseCheckout, parseSettings } from './config.ts';
import type { Checkout, Settings } from './config.ts';
import { orderOf, planIn } from './plans.ts';
import { done, findVps, isMarked, markLine, markOf, orderKey, pending } from './servers.ts';
import type { Order, Tools } from './servers.ts';
import type { Vps } from './shapes.ts';
import { latestTask, standingOf } from './tasks.ts';
import { ensureUser } from './users.ts';

/** How long an unanswered order is remembered; the panel asks again within minutes. */
const ORDER_TTL_MS = 7 * 24 * 60 * 60 * 1_000;

/** Orders the server, or goes on where an earlier call stopped. */
export async function createVps(tools: Tools, service: Service): Promise<ServerResult> {
  const existing = await findVps(tools, service);
  if (existing !== undefined) return advance(tools, service, existing);
  const { api, storage } = tools;
  const settings = parseSettings(service.product.settings);
  const choice = parseCheckout(service.checkout, settings);
  const mark = await markOf(service.id);
  const plan = planIn(await api.plans(), settings);
  const hostname = hostnameOf(choice, settings, mark);
  const user = await ensureUser(api, service.user);
  const before = (await api.vpses({ user: service.user.email }))
    .filter((vps) => vps.hostname === hostname)
    .map(({ vpsid }) => vpsid);
  await storage.set(orderKey(mark), { hostname, before }, { ttlMs: ORDER_TTL_MS });
  const password = createPassword();
  const order = orderOf(plan, settings, { uid: user.uid, osid: choice.osId, hostname });
  try {
    const { vpsid } = await api.addVps({ ...order, rootpass: password });
    const oneTime = { rootPassword: password, ...user.oneTime };
    return { ...pending(vpsid), properties: { vpsid, passwordTold: true }, oneTime };
  } catch (error) {
    if (!mayHaveActed(error)) await storage.delete(orderKey(mark));
    throw error;
  }
}

/** Waits for the build and marks the server; one whose password nobody was told gets a new one. */
export async function advance(
  { api, storage }: Tools,
  service: Service,
  vps: Vps,
): Promise<ServerResult> {
  const { vpsid, notes } = vps;
  const build = await latestTask(api, vpsid, 'addvs');
  if (build !== undefined && standingOf(build) === 'failed') throw buildFailure(vpsid, build);
  if (build !== undefined && standingOf(build) === 'running') return pending(vpsid);
  const mark = await markOf(service.id);
  // A marked server with an open order: the reply that told its password may have been lost.
  const isOpen = (await storage.get<Order>(orderKey(mark))) !== null;
  if (isMarked(vps) && !isOpen) return done(vpsid);
  const isTold = service.properties['passwordTold'] === true;
  const password = isTold ? undefined : createPassword();
  const line = markLine(service.id, mark);
  await api.manage(vpsid, {
    notes: isMarked(vps) ? notes : notes === '' ? line : `${notes}\n${line}`,
    rootpass: password,
  });
  await storage.delete(orderKey(mark));
  return done(vpsid, password === undefined ? undefined : { rootPassword: password });
}

function hostnameOf({ hostname }: Checkout, { domain }: Settings, mark: string): string {
  return hostname ?? (domain === undefined ? `vps-${mark}` : `vps-${mark}.${domain}`);
}

function buildFailure(
  vpsid: string,
  { actid, status_txt }: { actid: string; status_txt: string },
): ExtensionFailure {
  const said = status_txt === '' ? 'no reason' : status_txt;
  return fail('rejected', `Virtualizor could not build server ${vpsid}: ${said}`, {
    remedy: `Read the log of task ${actid} in Virtualizor, delete server ${vpsid} there, then create again`,
  });
}
