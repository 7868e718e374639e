// The virtual servers of the panel's services: found by the mark in their notes, built, brought to their
// end. `extension.ts` has the handlers. Nothing here touches a server that is not the service's own.

import { createPassword, digestKey, fail, isFailure } from 'cofferdam/sdk';
import type { ExtensionFailure, JsonObject, ServerResult, Service, Storage } from 'cofferdam/sdk';

import type { Virtualizor } from './api.ts';
import { parseCheckout, parseSettings } from './config.ts';
import type { Checkout, Settings } from './config.ts';
import { standingOf } from './shapes.ts';
import type { Plan, Vps } from './shapes.ts';
import { ensureUser } from './users.ts';

const RETRY_MS = 5_000;
/** How long an unanswered order is remembered; the panel asks again within minutes. */
const ORDER_TTL_MS = 7 * 24 * 60 * 60 * 1_000;
const MARK = /\(cofferdam-([0-9a-f]{16})\)/;

/** What the handlers hand in: the API, and where unanswered orders are remembered. */
export type Tools = { readonly api: Virtualizor; readonly storage: Storage };

/** 16 hex digits that stand for a service, whatever characters its id has. */
export async function markOf(serviceId: string): Promise<string> {
  return (await digestKey(serviceId)).slice(0, 16);
}

/** The panel's id of the service that a server was marked for. */
export function serviceIdOf({ notes }: Vps): string | undefined {
  return /^Service (.+) \(cofferdam-[0-9a-f]{16}\)$/m.exec(notes)?.[1];
}

/**
 * The server of a service: by its mark, or while it has none yet by what was ordered.
 *
 * A host name alone proves nothing: a server without a mark counts only when the panel holds its id, or
 * when this service's order for that host name was never answered.
 */
export async function findVps({ api, storage }: Tools, service: Service): Promise<Vps | undefined> {
  const mark = await markOf(service.id);
  const known = String(service.properties['vpsid'] ?? '');
  if (known !== '') {
    const found = (await api.vpses({ vpsid: known })).find(({ vpsid }) => vpsid === known);
    if (found !== undefined && isOurs(found, mark, service)) return found;
  }
  const theirs = await api.vpses({ user: service.user.email });
  const marked = theirs.find(({ notes }) => MARK.exec(notes)?.[1] === mark);
  if (marked !== undefined) return marked;
  const order = await storage.get<Order>(orderKey(mark));
  if (order === null) return undefined;
  const fitting = theirs.filter(
    (vps) =>
      vps.hostname === order.hostname &&
      !order.before.includes(vps.vpsid) &&
      isOurs(vps, mark, service),
  );
  if (fitting.length < 2) return fitting[0];
  const ids = fitting.map(({ vpsid }) => vpsid).join(', ');
  throw fail('conflict', `Servers ${ids} could each be the one of service ${service.id}`, {
    remedy: `Write "Service ${service.id} (cofferdam-${mark})" into the notes of the right one`,
  });
}

/** An order that nobody answered yet; `before` were there already, with the same host name. */
type Order = { readonly hostname: string; readonly before: string[] };

function isOurs({ notes, email }: Vps, mark: string, { user }: Service): boolean {
  const found = MARK.exec(notes)?.[1];
  if (found !== undefined) return found === mark;
  return email == null || email.toLowerCase() === user.email.toLowerCase();
}

const orderKey = (mark: string): string => `order:${mark}`;

/** The service's server. @throws {ExtensionFailure} `not_found` */
export async function requireVps(tools: Tools, service: Service): Promise<Vps> {
  const vps = await findVps(tools, service);
  if (vps !== undefined) return vps;
  throw fail('not_found', `No server of service ${service.id} exists at Virtualizor`, {
    remedy: 'Create the service again, or correct its vpsid',
  });
}

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
    // An order that was refused made nothing. After any other failure it may have.
    if (isFailure(error) && !UNANSWERED.has(error.failure.code))
      await storage.delete(orderKey(mark));
    throw error;
  }
}

const UNANSWERED: ReadonlySet<string> = new Set(['unavailable', 'timeout', 'invalid_response']);

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
  const isMarked = MARK.test(notes);
  // A marked server with an open order: the reply that told its password may have been lost.
  const isOpen = (await storage.get<Order>(orderKey(mark))) !== null;
  if (isMarked && !isOpen) return done(vpsid);
  const isTold = service.properties['passwordTold'] === true;
  const password = isTold ? undefined : createPassword();
  const line = `Service ${service.id} (cofferdam-${mark})`;
  await api.manage(vpsid, {
    notes: isMarked ? notes : notes === '' ? line : `${notes}\n${line}`,
    rootpass: password,
  });
  await storage.delete(orderKey(mark));
  return done(vpsid, password === undefined ? undefined : { rootPassword: password });
}

/** Removes the server. One that is gone is a success; so is one that goes while we look. */
export async function terminateVps(tools: Tools, service: Service): Promise<ServerResult> {
  const { api, storage } = tools;
  const vps = await findVps(tools, service);
  if (vps !== undefined) {
    const removal = await latestTask(api, vps.vpsid, 'deletevs');
    if (removal === undefined || standingOf(removal) !== 'running') await remove(api, vps.vpsid);
    if ((await findVps(tools, service)) !== undefined) return pending(vps.vpsid);
  }
  await storage.delete(orderKey(await markOf(service.id)));
  return { status: 'done', properties: { vpsid: null, passwordTold: null } };
}

async function remove(api: Virtualizor, vpsid: string): Promise<void> {
  try {
    await api.act(vpsid, 'delete');
  } catch (error) {
    // It went meanwhile, or the words mean something else: the look that follows decides.
    if (!isFailure(error, 'not_found')) throw error;
  }
}

async function latestTask(api: Virtualizor, vpsid: string, action: string) {
  const own = (await api.tasks(vpsid)).filter(
    (task) => task.vpsid === vpsid && task.action === action,
  );
  return own.toSorted((a, b) => Number(b.actid) - Number(a.actid))[0];
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

/** A step that goes on at Virtualizor. */
export function pending(vpsid: string): Extract<ServerResult, { status: 'pending' }> {
  return { status: 'pending', remoteId: vpsid, properties: { vpsid }, retryAfterMs: RETRY_MS };
}

/** A finished step. */
export function done(vpsid: string, oneTime?: JsonObject): ServerResult {
  const properties = { vpsid, passwordTold: null };
  const result = { status: 'done', remoteId: vpsid, properties } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}

/**
 * The plan that a product names: by its id or its whole name, and of the product's kind.
 *
 * @throws {ExtensionFailure} `invalid_input`
 */
export function planIn(plans: readonly Plan[], { plan, virt }: Settings): Plan {
  const ofKind = plans.filter((each) => each.virt === '' || each.virt === virt);
  const byId = ofKind.find(({ plid }) => plid === plan);
  const named = ofKind.filter(({ plan_name }) => plan_name === plan);
  const [found] = byId === undefined ? named : [byId];
  if (found !== undefined && (byId !== undefined || named.length === 1)) return found;
  const why = named.length > 1 ? 'names several plans' : 'names no plan';
  throw fail('invalid_input', `Product setting "plan" ${why} of kind ${virt}: "${plan}"`, {
    remedy: 'Choose the plan in the product again',
  });
}

function hostnameOf({ hostname }: Checkout, { domain }: Settings, mark: string): string {
  return hostname ?? (domain === undefined ? `vps-${mark}` : `vps-${mark}.${domain}`);
}

function orderOf(
  plan: Plan,
  { virt, serverGroup }: Settings,
  { uid, osid, hostname }: { uid: string; osid: string; hostname: string },
) {
  const given = (value: string): string | undefined => (value === '' ? undefined : value);
  return {
    virt,
    uid,
    osid,
    hostname,
    plid: plan.plid,
    server_group: serverGroup,
    space: plan.space,
    ram: plan.ram,
    swapram: plan.swap,
    bandwidth: plan.bandwidth,
    network_speed: plan.network_speed,
    cpu: plan.cpu,
    cores: plan.cores,
    cpu_percent: plan.cpu_percent,
    num_ips: plan.ips,
    num_ips6: plan.ips6,
    num_ips6_subnet: plan.ips6_subnet,
    vnc: plan.vnc,
    osreinstall_limit: plan.osreinstall_limit,
    kvm_cache: given(plan.kvm_cache),
    io_mode: given(plan.io_mode),
    vnc_keymap: given(plan.vnc_keymap),
    nic_type: given(plan.nic_type),
  };
}
