// The disk that a machine boots from, and its size.

import type { Guest, GuestConfig, GuestType, Proxmox } from './api.ts';

const GIB_PER_UNIT: Readonly<Record<string, number>> = {
  K: 1 / 1_048_576,
  M: 1 / 1_024,
  G: 1,
  T: 1_024,
};

/**
 * Grows the disk to what was sold; Proxmox cannot make one smaller.
 *
 * @returns The task, if there is one
 */
export async function growDisk(
  api: Proxmox,
  guest: Guest,
  { config, diskGiB }: { readonly config: GuestConfig; readonly diskGiB: number },
): Promise<string | undefined> {
  const disk = bootDisk(guest.type, config);
  if (disk === undefined) return undefined;
  const [, size = '0', unit = 'G'] =
    /(?:^|,)size=(\d+(?:\.\d+)?)([KMGT])/.exec(String(config[disk])) ?? [];
  if (Number(size) * (GIB_PER_UNIT[unit] ?? 1) >= diskGiB) return undefined;
  return (await api.resize(guest, disk, `${diskGiB}G`)) ?? undefined;
}

/** The first of `boot: order=` that is a disk, else the usual names. */
function bootDisk(type: GuestType, config: GuestConfig): string | undefined {
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
