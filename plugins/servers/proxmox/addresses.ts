// Where a machine can be reached, as its guest agent or its container tells.

import { isFailure } from 'cofferdam/sdk';

import type { Guest, Proxmox } from './api.ts';

/** Addresses a customer can reach it at; a machine without guest agent says nothing. */
export async function addressesOf(api: Proxmox, guest: Guest): Promise<string[]> {
  try {
    const text = JSON.stringify(await api.interfaces(guest));
    const found = text.match(/"(?:ip-address|inet6?)":"([0-9a-fA-F.:]+)/g) ?? [];
    const addresses = found.map((each) => each.split(':"')[1] ?? '');
    return [...new Set(addresses)].filter(
      (each) => each !== '127.0.0.1' && each !== '::1' && !each.startsWith('fe80'),
    );
  } catch (error) {
    if (isFailure(error)) return [];
    throw error;
  }
}
