// What was sold, in the parameters that Proxmox takes: for a clone, for a new machine, for one that exists.

import { digestKey } from 'cofferdam/sdk';
import type { Service } from 'cofferdam/sdk';

import { parseCheckout } from './config.ts';
import type { Settings } from './config.ts';

/** Marks machines of this extension, for people and for `list`. */
export const TAG = 'cofferdam';

/** The service a machine is for, with the tag that finds it. */
export type Mark = { readonly service: Service; readonly tag: string };

/** `cofferdam-<16 hex digits>`: a tag Proxmox allows, whatever characters the service's id has. */
export async function markOf(service: Service): Promise<Mark> {
  return { service, tag: `${TAG}-${await digestKey(service.id, 16)}` };
}

/** The name of a service's machine: the customer's host name, or the tag. */
export function nameOf({ service, tag }: Mark): string {
  return parseCheckout(service.checkout).hostname ?? tag;
}

const noteOf = ({ service, tag }: Mark): string => `Service ${service.id} (${tag})`;

/** A whole copy of a template. */
export function cloneForm(mark: Mark, settings: Settings) {
  const { type, node, storage, pool } = settings;
  return {
    full: 1,
    target: node,
    description: noteOf(mark),
    [type === 'qemu' ? 'name' : 'hostname']: nameOf(mark),
    storage,
    pool,
  };
}

/** A machine with an empty disk. */
export function qemuForm(mark: Mark, settings: Settings) {
  const { disk, storage, diskGiB, iso, sockets, cpu, ostype = 'l26', pool } = settings;
  const boot = [`${disk}0`, ...(iso === undefined ? [] : ['ide2']), 'net0'];
  return {
    ...commonForm(mark, settings),
    name: nameOf(mark),
    sockets,
    cpu,
    ostype,
    agent: '1',
    scsihw: 'virtio-scsi-single',
    [`${disk}0`]: `${storage}:${diskGiB}`,
    ide2: iso === undefined ? undefined : `${iso},media=cdrom`,
    boot: `order=${boot.join(';')}`,
    net0: networkOf(settings),
    pool,
  };
}

/** A container out of a template. */
export function lxcForm(mark: Mark, settings: Settings, password: string) {
  const { ostemplate, storage, diskGiB, swapMiB, pool } = settings;
  const { sshKeys } = parseCheckout(mark.service.checkout);
  return {
    ...commonForm(mark, settings),
    hostname: nameOf(mark),
    ostemplate,
    rootfs: `${storage}:${diskGiB}`,
    swap: swapMiB,
    unprivileged: 1,
    net0: networkOf(settings),
    password,
    'ssh-public-keys': sshKeys,
    pool,
  };
}

/** A machine that exists: brought to what was sold. `net0` is what it has now, a password is for cloud-init. */
export function configForm(
  mark: Mark,
  settings: Settings,
  { net0, password }: { readonly net0: string | undefined; readonly password: string | undefined },
) {
  const sold = {
    ...commonForm(mark, settings),
    ...sizeForm(settings),
    ...cardForm(settings, net0),
  };
  if (password === undefined) return sold;
  const { user, ipConfig } = settings;
  const { sshKeys } = parseCheckout(mark.service.checkout);
  return {
    ...sold,
    ciuser: user,
    cipassword: password,
    // Proxmox wants this one field URL-encoded inside the form encoding.
    sshkeys: sshKeys === undefined ? undefined : encodeURIComponent(sshKeys.trim()),
    ipconfig0: ipConfig,
  };
}

/** Another product of the same machine. The network is left alone unless the products differ in it. */
export function changeForm(before: Settings, after: Settings, net0: string | undefined) {
  const isSameCard = networkOf(before) === networkOf(after);
  return { ...sizeForm(after), ...(isSameCard ? {} : cardForm(after, net0)) };
}

function commonForm(mark: Mark, { cores, memoryMiB }: Settings) {
  return {
    description: noteOf(mark),
    tags: `${TAG};${mark.tag}`,
    cores,
    memory: memoryMiB,
    onboot: 1,
  };
}

function sizeForm({ type, cores, memoryMiB, sockets, swapMiB }: Settings) {
  return { cores, memory: memoryMiB, ...(type === 'qemu' ? { sockets } : { swap: swapMiB }) };
}

/** The network card as it was sold; nothing when it is so already. */
function cardForm(settings: Settings, now: string | undefined): { readonly net0?: string } {
  const wanted = networkOf(settings, now);
  const partsOf = (card: string | undefined): string => (card ?? '').split(',').toSorted().join();
  return partsOf(wanted) === partsOf(now) ? {} : { net0: wanted };
}

/** What a product says of a network card; everything else of one that exists stays, its address too. */
const SOLD: ReadonlySet<string> = new Set(['bridge', 'firewall', 'tag', 'rate']);
const SOLD_OF_CONTAINERS: ReadonlySet<string> = new Set([...SOLD, 'ip', 'gw', 'ip6', 'gw6']);

function networkOf(settings: Settings, now?: string): string {
  const { type, bridge, vlan, rateMbps, firewall, ipConfig } = settings;
  const sold = type === 'qemu' ? SOLD : SOLD_OF_CONTAINERS;
  const kept = (now ?? (type === 'qemu' ? 'virtio' : 'name=eth0'))
    .split(',')
    .filter((part) => !sold.has(part.split('=')[0] ?? ''));
  const parts = [...kept, `bridge=${bridge}`, `firewall=${firewall ? 1 : 0}`];
  if (vlan !== undefined) parts.push(`tag=${vlan}`);
  // Proxmox counts megabytes per second, sellers megabits.
  if (rateMbps !== undefined) parts.push(`rate=${rateMbps / 8}`);
  if (type === 'lxc') parts.push(ipConfig);
  return parts.join(',');
}
