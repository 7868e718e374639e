// One service's machine at Proxmox: found by its tag, or by the note that it has from its first day, and
// never somebody else's. build.ts makes it.

import { fail, orAbsent } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service, Storage } from 'cofferdam/sdk';

import type { Guest, Proxmox } from './api.ts';
import { readOrder } from './orders.ts';
import { markOf, nameOf } from './parameters.ts';

const RETRY_MS = 3_000;

/** What the handlers hand in: the API, and where orders are remembered. */
export type Tools = { readonly api: Proxmox; readonly storage: Storage };

/**
 * The machine of a service, by its tag, or while it has none yet by the note in its description.
 *
 * Lists are some seconds late with names: where the panel or an order knows the number, that is looked at.
 */
export async function findGuest(
  { api, storage }: Tools,
  service: Service,
): Promise<Guest | undefined> {
  const mark = await markOf(service);
  const { tag } = mark;
  const all = (await api.guests()).filter(({ template }) => template !== 1 && template !== true);
  const tagged = all.find(({ tags }) => (tags ?? '').split(/[;, ]/).includes(tag));
  if (tagged !== undefined) return tagged;
  const order = await readOrder(storage, tag);
  const known = new Set([Number(service.properties['vmid'] ?? 0), order?.guest.vmid]);
  const name = nameOf(mark);
  for (const guest of all.filter((each) => known.has(each.vmid) || each.name === name)) {
    if (await isOurs(api, guest, tag)) return guest;
  }
  return undefined;
}

/** Whether a machine carries this service's mark: vmids are used again by others. */
export async function isOurs(api: Proxmox, guest: Guest, tag: string): Promise<boolean> {
  const found = await orAbsent(() => api.config(guest));
  return found !== undefined && `${found.tags ?? ''} ${found.description ?? ''}`.includes(tag);
}

/** The service's machine. @throws {ExtensionFailure} `not_found` */
export async function requireGuest(tools: Tools, service: Service): Promise<Guest> {
  const guest = await findGuest(tools, service);
  if (guest !== undefined) return guest;
  throw fail('not_found', `No machine of service ${service.id} exists at Proxmox`, {
    remedy: 'Create the service again, or correct its vmid',
  });
}

/** A finished step. */
export function done(guest: Guest, oneTime?: JsonObject): ServerResult {
  const result = { status: 'done', ...knownOf(guest, null) } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}

/** A step that goes on at Proxmox. */
export function pending(guest: Guest, upid: string | null, oneTime?: JsonObject): ServerResult {
  const result = { status: 'pending', ...knownOf(guest, upid), retryAfterMs: RETRY_MS } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}

/** What the panel keeps of a machine. */
function knownOf({ vmid, node, type }: Guest, upid: string | null) {
  return { remoteId: String(vmid), properties: { vmid, node, type, upid } } as const;
}

/** What the panel keeps when the machine is gone. */
export const FORGOTTEN: JsonObject = { vmid: null, node: null, type: null, upid: null };
