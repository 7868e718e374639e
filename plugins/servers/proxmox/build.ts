// Builds a service's machine, step by step: the order, its configuration, the size of its disk, the start.
// Every step can be run again: a lost reply or a crash leads to the same machine, never to a second one.

import { createPassword, fail, isFailure, mayHaveActed } from 'cofferdam/sdk';
import type { ServerResult, Service } from 'cofferdam/sdk';

import type { Guest, Proxmox } from './api.ts';
import { parseSettings } from './config.ts';
import type { Settings } from './config.ts';
import { growDisk } from './disks.ts';
import { done, findGuest, pending } from './guests.ts';
import type { Tools } from './guests.ts';
import { dropOrder, followOrder, keepOrder, readOrder } from './orders.ts';
import { cloneForm, configForm, lxcForm, markOf, qemuForm } from './parameters.ts';
import type { Mark } from './parameters.ts';
import { afterTask } from './tasks.ts';

/** How often a vmid that somebody else took meanwhile is given up for the next one. */
const ID_TRIES = 5;

/** Starts building the machine, or goes on where an earlier call stopped. */
export async function createGuest(tools: Tools, service: Service): Promise<ServerResult> {
  const { api, storage } = tools;
  const { tag } = await markOf(service);
  const existing = await findGuest(tools, service);
  if (existing !== undefined) return await advance(tools, service, existing);
  const order = await readOrder(storage, tag);
  if (order !== null) {
    const outcome = await followOrder(api, storage, { tag, order });
    if (outcome.state === 'running') return pending(order.guest, order.upid);
    // Of two orders for one number the other was faster: the next number is tried.
    const isFinal = outcome.state === 'failed' && !isFailure(outcome.failure, 'conflict');
    if (isFinal) throw outcome.failure;
    const made = await findGuest(tools, service);
    if (made !== undefined) return await advance(tools, service, made);
  }
  return await placeOrder(tools, service);
}

/** Orders a machine under the next free number, and waits for a moment. */
async function placeOrder(tools: Tools, service: Service): Promise<ServerResult> {
  const settings = parseSettings(service.product.settings);
  const { node, type, source } = settings;
  const password = createPassword();
  const give = await orderFor(tools.api, await markOf(service), { settings, password });
  // A container gets its password with the order to create it, a machine later by cloud-init.
  const given = type === 'lxc' && source === 'template' ? password : undefined;
  for (let tries = 1; tries <= ID_TRIES; tries += 1) {
    const guest = { node, type, vmid: await tools.api.nextId() };
    const placed = await placeAt(tools, service, { guest, give });
    if (placed === undefined) continue;
    if (placed.state === 'ok') return await advance(tools, service, guest, given);
    return pending(guest, placed.upid, given === undefined ? undefined : { password: given });
  }
  throw fail('conflict', `Others took the next free number of Proxmox ${ID_TRIES} times`, {
    retriable: true,
    remedy: 'Run the operation again when fewer machines are being made',
  });
}

type Give = (vmid: number) => Promise<string>;

/** Gives the order, remembered before and after; undefined when the number was somebody else's already. */
async function placeAt(
  { api, storage }: Tools,
  service: Service,
  { guest, give }: { readonly guest: Guest; readonly give: Give },
): Promise<{ readonly upid: string; readonly state: 'ok' | 'running' } | undefined> {
  const { tag } = await markOf(service);
  await keepOrder(storage, tag, { guest, upid: null, wasMissing: false });
  let upid;
  try {
    upid = await give(guest.vmid);
  } catch (error) {
    if (!mayHaveActed(error)) await dropOrder(storage, tag);
    if (isFailure(error, 'conflict')) return undefined;
    throw error;
  }
  const order = { guest, upid, wasMissing: false };
  await keepOrder(storage, tag, order);
  const outcome = await followOrder(api, storage, { tag, order });
  if (outcome.state !== 'failed') return { upid, state: outcome.state };
  if (isFailure(outcome.failure, 'conflict')) return undefined;
  throw outcome.failure;
}

/** The order as Proxmox takes it, but for its number. */
async function orderFor(
  api: Proxmox,
  mark: Mark,
  { settings, password }: { readonly settings: Settings; readonly password: string },
): Promise<Give> {
  const { node, type, source } = settings;
  if (source === 'clone') {
    const template = await templateOf(api, settings);
    const form = cloneForm(mark, settings);
    return (newid) => api.clone(template, { newid, ...form });
  }
  const form = type === 'qemu' ? qemuForm(mark, settings) : lxcForm(mark, settings, password);
  return (vmid) => api.create(node, type, { vmid, ...form });
}

async function templateOf(api: Proxmox, { template, type }: Settings): Promise<Guest> {
  const found = (await api.guests()).find(({ vmid }) => vmid === template);
  if (found !== undefined && found.type === type) return found;
  throw fail('invalid_input', `Template ${template} of type ${type} does not exist at Proxmox`, {
    remedy: 'Choose another template in the product',
  });
}

/**
 * Brings a machine that exists to what was sold: config, disk size, running.
 *
 * @param given The password that the order to create it carried; nobody has been told it yet
 */
async function advance(
  { api, storage }: Tools,
  service: Service,
  guest: Guest,
  given?: string,
): Promise<ServerResult> {
  const { upid } = service.properties;
  const isUnderWay = typeof upid === 'string' && (await afterTask(api, guest, upid)) === 'running';
  if (isUnderWay) return pending(guest, upid);
  const { lock, status } = await api.current(guest);
  if (lock !== undefined) return pending(guest, null);
  const settings = parseSettings(service.product.settings);
  const mark = await markOf(service);
  const config = await api.config(guest);
  // cloud-init sets a password at the first boot only: afterwards another one would be a lie.
  const isFirstBoot = settings.source === 'clone' && settings.cloudInit && status !== 'running';
  const made = guest.type === 'qemu' && isFirstBoot ? createPassword() : undefined;
  await api.configure(guest, configForm(mark, settings, { net0: config.net0, password: made }));
  await dropOrder(storage, mark.tag);
  const password = made ?? given;
  const oneTime = password === undefined ? undefined : { password };
  const resizing = await growDisk(api, guest, { config, diskGiB: settings.diskGiB });
  if (resizing !== undefined && (await afterTask(api, guest, resizing)) === 'running') {
    return pending(guest, resizing, oneTime);
  }
  if (settings.start && status !== 'running') {
    const starting = await api.power(guest, 'start');
    if ((await afterTask(api, guest, starting)) === 'running')
      return pending(guest, starting, oneTime);
  }
  return done(guest, oneTime);
}
