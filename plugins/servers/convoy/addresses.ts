// The addresses of a server: chosen among free ones, and chosen again when somebody else was faster. The
// panel refuses an address that is taken when it reads an order, and leaves it out when it carries it out.

import { fail, isFailure, shuffle } from 'cofferdam/sdk';

import type { Convoy } from './api.ts';
import type { Limits } from './config.ts';
import { addressesOf } from './shapes.ts';
import type { Address, ConvoyServer } from './shapes.ts';

/** How often addresses that somebody else took meanwhile are given up for others. */
export const ADDRESS_TRIES = 5;

/** How many of each kind. */
export type Wanted = { readonly ipv4: number; readonly ipv6: number };

const TYPES = ['ipv4', 'ipv6'] as const;

/**
 * Free addresses of a node.
 *
 * @param taken Ids that turned out to be somebody else's
 * @throws {ExtensionFailure} `capacity` when there are fewer than wanted
 */
export async function chooseAddresses(
  api: Convoy,
  nodeId: number,
  { wanted, taken }: { readonly wanted: Wanted; readonly taken: ReadonlySet<number> },
): Promise<number[]> {
  const chosen: number[] = [];
  for (const type of TYPES) {
    if (wanted[type] <= 0) continue;
    const free = (await api.freeAddresses(nodeId, type)).filter(
      ({ id, server_id: owner }) => owner == null && !taken.has(id),
    );
    if (free.length < wanted[type]) {
      throw fail(
        'capacity',
        `The node has ${free.length} free ${type} addresses, not ${wanted[type]}`,
        {
          remedy: 'Add addresses to a pool of the node, or choose another node in the product',
        },
      );
    }
    // In an order of chance, so that two calls at once seldom want the same.
    chosen.push(
      ...shuffle(free)
        .slice(0, wanted[type])
        .map(({ id }) => id),
    );
  }
  return chosen;
}

/** Whether a server has the addresses that it should. */
export function hasAddresses({ limits: { addresses } }: ConvoyServer, wanted: Wanted): boolean {
  return TYPES.every((type) => addresses[type].length >= wanted[type]);
}

/**
 * Sets limits and addresses of a server, until it has what it should.
 *
 * Addresses it has already stay first; those beyond the wanted number go.
 */
export async function applyBuild(
  api: Convoy,
  server: ConvoyServer,
  { limits, wanted }: { readonly limits: Limits; readonly wanted: Wanted },
): Promise<ConvoyServer> {
  const taken = new Set<number>();
  let current = server;
  for (let tries = 1; tries <= ADDRESS_TRIES; tries += 1) {
    const { addresses } = current.limits;
    const kept = TYPES.flatMap((type) => addresses[type].slice(0, wanted[type]));
    const missing = {
      ipv4: wanted.ipv4 - addresses.ipv4.length,
      ipv6: wanted.ipv6 - addresses.ipv6.length,
    };
    const added = await chooseAddresses(api, current.node_id, { wanted: missing, taken });
    for (const id of added) taken.add(id);
    try {
      current = await api.updateBuild(current.uuid, buildOf(limits, [...idsOf(kept), ...added]));
      if (hasAddresses(current, wanted)) return current;
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
      current = (await api.server(current.uuid)) ?? current;
    }
  }
  throw fail(
    'conflict',
    `Others took the addresses of server ${server.uuid} ${ADDRESS_TRIES} times`,
    {
      retriable: true,
      remedy: 'Add addresses to a pool of the node and run the operation again',
    },
  );
}

/** A build as the panel takes it; every address that is not named is taken away. */
export function buildOf(limits: Limits, addressIds: readonly number[]) {
  const { cpu, memory, disk, snapshots, backups, bandwidth } = limits;
  return {
    cpu,
    memory,
    disk,
    snapshot_limit: snapshots,
    backup_limit: backups,
    bandwidth_limit: bandwidth,
    address_ids: addressIds,
  };
}

/** Ids of the addresses a server has. */
export const addressIdsOf = (server: ConvoyServer): number[] => idsOf(addressesOf(server));

const idsOf = (addresses: readonly Address[]): number[] => addresses.map(({ id }) => id);
