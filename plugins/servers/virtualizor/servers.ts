// The virtual servers of the panel's services: found by the mark in their notes, and brought to their end.
// build.ts makes them. Nothing here touches a server that is not the service's own.

import { digestKey, fail, isFailure } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service, Storage } from 'cofferdam/sdk';

import type { Virtualizor } from './api.ts';
import { latestTask, standingOf } from './tasks.ts';
import type { Vps } from './shapes.ts';

const RETRY_MS = 5_000;
const MARK = /\(cofferdam-([0-9a-f]{16})\)/;

/** What the handlers hand in: the API, and where unanswered orders are remembered. */
export type Tools = { readonly api: Virtualizor; readonly storage: Storage };

/** 16 hex digits that stand for a service, whatever characters its id has. */
export async function markOf(serviceId: string): Promise<string> {
  return await digestKey(serviceId, 16);
}

/** The line in the notes of a service's server. */
export function markLine(serviceId: string, mark: string): string {
  return `Service ${serviceId} (cofferdam-${mark})`;
}

/** Whether a server has the mark of some service. */
export function isMarked({ notes }: Vps): boolean {
  return MARK.test(notes);
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
    remedy: `Write "${markLine(service.id, mark)}" into the notes of the right one`,
  });
}

/** An order that nobody answered yet; `before` were there already, with the same host name. */
export type Order = { readonly hostname: string; readonly before: string[] };

function isOurs({ notes, email }: Vps, mark: string, { user }: Service): boolean {
  const found = MARK.exec(notes)?.[1];
  if (found !== undefined) return found === mark;
  return email == null || email.toLowerCase() === user.email.toLowerCase();
}

/** Where an unanswered order is remembered. */
export const orderKey = (mark: string): string => `order:${mark}`;

/** The service's server. @throws {ExtensionFailure} `not_found` */
export async function requireVps(tools: Tools, service: Service): Promise<Vps> {
  const vps = await findVps(tools, service);
  if (vps !== undefined) return vps;
  throw fail('not_found', `No server of service ${service.id} exists at Virtualizor`, {
    remedy: 'Create the service again, or correct its vpsid',
  });
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
