// Removes a service's machine: stops it, waits for the stop, removes it with its disks. A machine that is gone
// is a success; one of somebody else stays.

import { fail, orAbsent } from 'cofferdam/sdk';
import type { ServerResult, Service } from 'cofferdam/sdk';

import type { Guest } from './api.ts';
import { findGuest, FORGOTTEN, isOurs, pending } from './guests.ts';
import type { Tools } from './guests.ts';
import { dropOrder, followOrder, readOrder } from './orders.ts';
import { markOf } from './parameters.ts';
import { afterTask } from './tasks.ts';

/** Removes it, or goes on with a removal that an earlier call began. */
export async function terminate(tools: Tools, service: Service): Promise<ServerResult> {
  const { api, storage } = tools;
  const { tag } = await markOf(service);
  const order = await readOrder(storage, tag);
  // A machine in the making cannot be removed; an order that failed has left none.
  const outcome = order === null ? undefined : await followOrder(api, storage, { tag, order });
  if (order !== null && outcome?.state === 'running') return pending(order.guest, order.upid);
  const guest = await findGuest(tools, service);
  if (guest !== undefined) {
    if (!(await isOurs(api, guest, tag))) {
      throw fail('conflict', `Machine ${guest.vmid} does not belong to service ${service.id}`, {
        remedy: 'Look at its tags in Proxmox; remove it by hand if it is the right one',
      });
    }
    const removing = await remove(tools, guest);
    if (removing !== undefined) return removing;
  }
  await dropOrder(storage, tag);
  return { status: 'done', properties: FORGOTTEN };
}

/** What is still going on; undefined when the machine is gone. */
async function remove({ api }: Tools, guest: Guest): Promise<ServerResult | undefined> {
  const now = await orAbsent(() => api.current(guest));
  if (now === undefined) return undefined;
  // An earlier call ordered the removal and never heard of it: it runs.
  if (now.lock === 'destroy' || now.lock === 'destroyed') return pending(guest, null);
  if (now.status !== 'stopped') {
    const stopping = await api.power(guest, 'stop');
    if ((await afterTask(api, guest, stopping)) === 'running') return pending(guest, stopping);
  }
  const removing = await orAbsent(() => api.remove(guest));
  const isRunning = removing !== undefined && (await afterTask(api, guest, removing)) === 'running';
  return isRunning ? pending(guest, removing) : undefined;
}
