// Machines that were ordered and carry no mark of a service yet: Proxmox writes name, note and tags of a
// machine only when its disks are there. Until then only what is remembered here says whose it is, so that
// neither a lost reply nor a slow clone leads to a second machine.

import type { Storage } from 'cofferdam/sdk';

import type { Guest, Proxmox } from './api.ts';
import { lookAtTask } from './tasks.ts';
import type { Outcome } from './tasks.ts';

/** An order. Its task has no id while the reply has not come. */
export type Order = {
  readonly guest: Guest;
  readonly upid: string | null;
  /** It was looked for once, and nothing was there. */
  readonly wasMissing: boolean;
};

/** How long an order is remembered; the panel asks again within minutes. */
const ORDER_TTL_MS = 7 * 24 * 60 * 60 * 1_000;

const keyOf = (tag: string): string => `order:${tag}`;

/** The order of a service; null when there is none that could still become a machine. */
export async function readOrder(storage: Storage, tag: string): Promise<Order | null> {
  return await storage.get<Order>(keyOf(tag));
}

/** Remembers an order, before it is given and as it goes on. */
export async function keepOrder(storage: Storage, tag: string, order: Order): Promise<void> {
  await storage.set(keyOf(tag), order, { ttlMs: ORDER_TTL_MS });
}

/** Forgets it: its machine carries the mark, or nothing came of it. */
export async function dropOrder(storage: Storage, tag: string): Promise<void> {
  await storage.delete(keyOf(tag));
}

/**
 * How an order stands whose machine was not found by its mark. When it is no longer `running`, a look by the
 * mark tells everything; of one that failed Proxmox leaves nothing, and it is forgotten.
 */
export async function followOrder(
  api: Proxmox,
  storage: Storage,
  { tag, order }: { readonly tag: string; readonly order: Order },
): Promise<Outcome> {
  const { guest, upid, wasMissing } = order;
  if (upid !== null) {
    const outcome = await lookAtTask(api, guest, upid);
    if (outcome.state === 'failed') await dropOrder(storage, tag);
    return outcome;
  }
  // Nobody heard the reply. A machine in the making is ours, or of whoever was faster at its number: the
  // mark tells when it is made. The number may also not be there yet, for a moment.
  const found = (await api.guests()).find(({ vmid }) => vmid === guest.vmid);
  if (found !== undefined) {
    return { state: found.lock === 'clone' || found.lock === 'create' ? 'running' : 'ok' };
  }
  if (!wasMissing) await keepOrder(storage, tag, { ...order, wasMissing: true });
  return { state: wasMissing ? 'ok' : 'running' };
}
