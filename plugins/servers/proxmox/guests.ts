// One service's machine at Proxmox: finding it, building it step by step, and knowing that it is ours.
// Every step can be run again: a lost reply or a crash leads to the same machine, never to a second one.

import { createPassword, digestKey, fail, isFailure } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import { orAbsent } from './api.ts';
import type { Guest, GuestType, Proxmox } from './api.ts';
import { parseCheckout, parseSettings } from './config.ts';
import type { Settings } from './config.ts';

/** Marks machines of this extension, for people and for `list`. */
export const TAG = 'cofferdam';

/** How often a vmid that somebody else took meanwhile is given up for the next one. */
const ID_TRIES = 5;
/** How long a call waits for a task that may end at once, before it answers "pending". */
const WAITS_MS = [200, 400, 800];
const RETRY_MS = 3_000;

/** `cofferdam-<16 hex digits>`: a tag Proxmox allows, whatever characters the service's id has. */
export async function serviceTag(serviceId: string): Promise<string> {
  return `${TAG}-${(await digestKey(serviceId)).slice(0, 16)}`;
}

/** The machine of a service, by its tag, or while it has none yet by the note in its description. */
export async function findGuest(api: Proxmox, service: Service): Promise<Guest | undefined> {
  const tag = await serviceTag(service.id);
  const all = (await api.guests()).filter(({ template }) => template !== 1 && template !== true);
  const tagged = all.find(({ tags }) => (tags ?? '').split(/[;, ]/).includes(tag));
  if (tagged !== undefined) return tagged;
  const known = Number(service.properties['vmid'] ?? 0);
  const name = nameOf(service, tag);
  for (const guest of all.filter((each) => each.vmid === known || each.name === name)) {
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
export async function requireGuest(api: Proxmox, service: Service): Promise<Guest> {
  const guest = await findGuest(api, service);
  if (guest !== undefined) return guest;
  throw fail('not_found', `No machine of service ${service.id} exists at Proxmox`, {
    remedy: 'Create the service again, or correct its vmid',
  });
}

/** Starts building the machine, or goes on where an earlier call stopped. */
export async function createGuest(api: Proxmox, service: Service): Promise<ServerResult> {
  const existing = await findGuest(api, service);
  if (existing !== undefined) return advance(api, service, existing);
  const settings = parseSettings(service.product.settings);
  const password = createPassword();
  const { guest, upid } = await startBuild(api, service, { settings, password });
  const result = await afterTask(api, guest, upid);
  if (result === 'running') {
    // A container gets its password with the order to create it, a machine later by cloud-init.
    const oneTime =
      settings.type === 'lxc' && settings.source === 'template' ? { password } : undefined;
    return pending(guest, upid, oneTime);
  }
  return advance(api, service, guest, password);
}

async function startBuild(
  api: Proxmox,
  service: Service,
  { settings, password }: { settings: Settings; password: string },
): Promise<{ guest: Guest; upid: string }> {
  const { node, type, source } = settings;
  const tag = await serviceTag(service.id);
  for (let tries = 1; ; tries += 1) {
    const vmid = await api.nextId();
    try {
      const upid =
        source === 'clone'
          ? await api.clone(
              await templateOf(api, settings),
              cloneForm(service, tag, { settings, vmid }),
            )
          : await api.create(node, type, {
              vmid,
              ...(type === 'qemu'
                ? qemuForm(service, tag, settings)
                : lxcForm(service, tag, { settings, password })),
            });
      return { guest: { node, type, vmid }, upid };
    } catch (error) {
      // Between asking for an id and using it somebody else was faster.
      if (!isFailure(error, 'conflict') || tries >= ID_TRIES) throw error;
    }
  }
}

/**
 * Brings a machine that exists to what was sold: config, disk size, running.
 *
 * @param given The password that the order to create it carried; nobody has been told it yet
 */
export async function advance(
  api: Proxmox,
  service: Service,
  guest: Guest,
  given?: string,
): Promise<ServerResult> {
  const upid = service.properties['upid'];
  if (
    given === undefined &&
    typeof upid === 'string' &&
    (await afterTask(api, guest, upid)) === 'running'
  ) {
    return pending(guest, upid);
  }
  const { lock, status } = await api.current(guest);
  if (lock !== undefined) return pending(guest, null);
  const settings = parseSettings(service.product.settings);
  const tag = await serviceTag(service.id);
  // cloud-init sets a password at the first boot only: afterwards another one would be a lie.
  const cloudInit =
    guest.type === 'qemu' &&
    settings.source === 'clone' &&
    settings.cloudInit &&
    status !== 'running';
  const password = given ?? createPassword();
  const form = configForm(service, tag, { settings, password, cloudInit });
  await api.configure(guest, form);
  const inTemplate = guest.type === 'lxc' && settings.source === 'template' && given !== undefined;
  const oneTime = cloudInit || inTemplate ? { password } : undefined;
  const resizing = await growDisk(api, guest, settings);
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

/** A larger disk is grown; Proxmox cannot make one smaller. @returns The task, if there is one */
export async function growDisk(
  api: Proxmox,
  guest: Guest,
  settings: Settings,
): Promise<string | undefined> {
  const config = await api.config(guest);
  const disk = bootDisk(guest.type, config);
  if (disk === undefined) return undefined;
  const size = /(?:^|,)size=(\d+(?:\.\d+)?)([KMGT])/.exec(String(config[disk]));
  const unit = { K: 1 / 1_048_576, M: 1 / 1_024, G: 1, T: 1_024 }[size?.[2] ?? 'G'] ?? 1;
  if (Number(size?.[1] ?? 0) * unit >= settings.diskGiB) return undefined;
  return (await api.resize(guest, disk, `${settings.diskGiB}G`)) ?? undefined;
}

/** The disk a machine boots from: the first of `boot: order=` that is a disk, else the usual names. */
function bootDisk(type: GuestType, config: Record<string, unknown>): string | undefined {
  if (type === 'lxc') return config['rootfs'] === undefined ? undefined : 'rootfs';
  const order = /order=([^,\s]+)/.exec(String(config['boot'] ?? ''))?.[1]?.split(';') ?? [];
  const named = typeof config['bootdisk'] === 'string' ? [config['bootdisk']] : [];
  const usual = ['scsi0', 'virtio0', 'sata0', 'ide0'];
  const isDisk = (name: string): boolean =>
    /^(?:scsi|virtio|sata|ide)\d+$/.test(name) &&
    typeof config[name] === 'string' &&
    !/media=cdrom|cloudinit/.test(config[name]);
  return [...order, ...named, ...usual].find(isDisk);
}

/**
 * How a task went.
 *
 * @returns `running` when it takes longer than a moment
 * @throws {ExtensionFailure} With Proxmox's own words when it failed
 */
export async function afterTask(
  api: Proxmox,
  guest: Guest,
  upid: string,
): Promise<'ok' | 'running'> {
  const node = upid.split(':')[1] ?? guest.node;
  for (const waitMs of [...WAITS_MS, 0]) {
    const task = await orAbsent(() => api.task(node, upid));
    // Old tasks are forgotten: what the machine is like now says more.
    if (task === undefined) return 'ok';
    if (task.status === 'stopped') {
      const { exitstatus = 'OK' } = task;
      if (exitstatus === 'OK' || exitstatus.startsWith('WARNINGS')) return 'ok';
      throw taskFailure(exitstatus);
    }
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return 'running';
}

function taskFailure(exitstatus: string) {
  const remedy = 'Look at the task log of Proxmox, put it right and run the operation again';
  if (/already exists/.test(exitstatus))
    return fail('conflict', `Proxmox: ${exitstatus}`, { remedy });
  if (/lock/.test(exitstatus)) return fail('locked', `Proxmox: ${exitstatus}`, { remedy });
  if (/no space|not enough|out of/.test(exitstatus))
    return fail('capacity', `Proxmox: ${exitstatus}`, { remedy });
  return fail('rejected', `Proxmox: ${exitstatus}`, { remedy });
}

/** What the panel keeps of a machine. */
function propertiesOf(guest: Guest, upid: string | null): JsonObject {
  return { vmid: guest.vmid, node: guest.node, type: guest.type, upid };
}

/** A finished step. */
export function done(guest: Guest, oneTime?: JsonObject): ServerResult {
  const result = {
    status: 'done',
    remoteId: String(guest.vmid),
    properties: propertiesOf(guest, null),
  } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}

/** A step that goes on at Proxmox. */
export function pending(guest: Guest, upid: string | null, oneTime?: JsonObject): ServerResult {
  const result = {
    status: 'pending',
    remoteId: String(guest.vmid),
    properties: propertiesOf(guest, upid),
    retryAfterMs: RETRY_MS,
  } as const;
  return oneTime === undefined ? result : { ...result, oneTime };
}

async function templateOf(api: Proxmox, { template, type, node }: Settings): Promise<Guest> {
  const found = (await api.guests()).find(({ vmid }) => vmid === template);
  if (found === undefined || found.type !== type) {
    throw fail('invalid_input', `Template ${template} of type ${type} does not exist at Proxmox`, {
      remedy: 'Choose another template in the product',
    });
  }
  return { node: found.node ?? node, type, vmid: found.vmid };
}

function nameOf(service: Service, tag: string): string {
  return parseCheckout(service.checkout).hostname?.toLowerCase() ?? tag;
}

function note(service: Service, tag: string): string {
  return `Service ${service.id} (${tag})`;
}

function cloneForm(
  service: Service,
  tag: string,
  { settings, vmid }: { settings: Settings; vmid: number },
) {
  const { type, node, storage, pool } = settings;
  return {
    newid: vmid,
    full: 1,
    target: node,
    description: note(service, tag),
    [type === 'qemu' ? 'name' : 'hostname']: nameOf(service, tag),
    storage,
    pool,
  };
}

function qemuForm(service: Service, tag: string, settings: Settings) {
  const {
    disk,
    storage,
    diskGiB,
    iso,
    cores,
    sockets,
    memoryMiB,
    cpu,
    ostype = 'l26',
    pool,
  } = settings;
  const boot = [`${disk}0`, ...(iso === undefined ? [] : ['ide2']), 'net0'];
  return {
    name: nameOf(service, tag),
    description: note(service, tag),
    tags: `${TAG};${tag}`,
    cores,
    sockets,
    memory: memoryMiB,
    cpu,
    ostype,
    agent: '1',
    onboot: 1,
    scsihw: 'virtio-scsi-single',
    [`${disk}0`]: `${storage}:${diskGiB}`,
    ide2: iso === undefined ? undefined : `${iso},media=cdrom`,
    boot: `order=${boot.join(';')}`,
    net0: networkOf('qemu', settings),
    pool,
  };
}

function lxcForm(
  service: Service,
  tag: string,
  { settings, password }: { settings: Settings; password: string },
) {
  const { ostemplate, storage, diskGiB, cores, memoryMiB, swapMiB, pool } = settings;
  const { sshKeys } = parseCheckout(service.checkout);
  return {
    hostname: nameOf(service, tag),
    description: note(service, tag),
    tags: `${TAG};${tag}`,
    ostemplate,
    rootfs: `${storage}:${diskGiB}`,
    cores,
    memory: memoryMiB,
    swap: swapMiB,
    unprivileged: 1,
    onboot: 1,
    net0: networkOf('lxc', settings),
    password,
    'ssh-public-keys': sshKeys,
    pool,
  };
}

function configForm(
  service: Service,
  tag: string,
  { settings, password, cloudInit }: { settings: Settings; password: string; cloudInit: boolean },
) {
  const { type, cores, sockets, memoryMiB, swapMiB, user, ipConfig } = settings;
  const { sshKeys } = parseCheckout(service.checkout);
  const shared = {
    description: note(service, tag),
    tags: `${TAG};${tag}`,
    cores,
    memory: memoryMiB,
    onboot: 1,
  };
  if (type === 'lxc') return { ...shared, swap: swapMiB };
  if (!cloudInit) return { ...shared, sockets };
  return {
    ...shared,
    sockets,
    ciuser: user,
    cipassword: password,
    // Proxmox wants this one field URL-encoded inside the form encoding.
    sshkeys: sshKeys === undefined ? undefined : encodeURIComponent(sshKeys.trim()),
    ipconfig0: ipConfig,
  };
}

function networkOf(
  type: GuestType,
  { bridge, vlan, rateMbps, firewall, ipConfig }: Settings,
): string {
  const parts = type === 'qemu' ? ['virtio'] : ['name=eth0'];
  parts.push(`bridge=${bridge}`, `firewall=${firewall ? 1 : 0}`);
  if (vlan !== undefined) parts.push(`tag=${vlan}`);
  // Proxmox counts megabytes per second, sellers megabits.
  if (rateMbps !== undefined) parts.push(`rate=${rateMbps / 8}`);
  if (type === 'lxc') parts.push(ipConfig);
  return parts.join(',');
}
