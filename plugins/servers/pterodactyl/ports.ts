// Which addresses and ports a server gets, and on which node: planned from what is free now. Somebody
// else may be faster; the caller plans again without the ports that were lost.

import { fail, shuffle } from 'cofferdam/sdk';

import type { Pterodactyl } from './api.ts';
import type { PortRange, Settings } from './config.ts';
import type { Allocation, GameServer, PanelNode } from './shapes.ts';

/** Nodes looked at for free ports. */
const NODES_MAX = 20;

/** A port that is wanted; `name` is the variable that gets it, absent for the server's own address. */
export type Want = { readonly name?: string; readonly ranges: readonly PortRange[] };

/** Where a server goes: the panel's own choice, or addresses chosen here. */
export type Place =
  | { readonly deploy: Readonly<Record<string, unknown>> }
  | { readonly chosen: readonly Chosen[] };

/** One want with its address. */
export type Chosen = Want & { readonly allocation: Allocation };

/**
 * Chooses a place.
 *
 * @param taken Allocations that turned out to be somebody else's
 * @throws {ExtensionFailure} `capacity` when no node has the room or the ports
 */
export async function choosePlace(
  api: Pterodactyl,
  settings: Settings,
  taken: ReadonlySet<number>,
): Promise<Place> {
  const nodes = await nodesWithRoom(api, settings);
  const { locationIds, portRange, dedicatedIp, portVariables, nodeId } = settings;
  if (nodeId === undefined && portVariables.length === 0) {
    const ranges = portRange.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
    return {
      deploy: { locations: locationIds, dedicated_ip: dedicatedIp, port_range: ranges },
    };
  }
  const wants = [{ ranges: portRange }, ...wantsOf(settings)];
  for (const { id } of nodes.slice(0, NODES_MAX)) {
    // Who else is on an address is seen only in the whole list.
    const query = dedicatedIp ? {} : { 'filter[server_id]': 0 };
    const all = await api.allocations(id, query);
    const free = all.filter((each) => !each.assigned && !taken.has(each.id));
    const used = new Set(all.filter(({ assigned }) => assigned).map(({ ip }) => ip));
    const ips = [...new Set(free.map(({ ip }) => ip))].filter(
      (ip) => !dedicatedIp || !used.has(ip),
    );
    for (const ip of shuffle(ips)) {
      const chosen = matchPorts(
        wants,
        free.filter((each) => each.ip === ip),
      );
      if (chosen !== undefined) return { chosen };
    }
  }
  throw fail('capacity', `No node has ${wants.length} free ports as the product asks`, {
    remedy: 'Add allocations to the nodes of the product, or widen its ports',
  });
}

/** The ports of a product's variables. */
export function wantsOf({ portVariables, portRange }: Settings): (Want & { name: string })[] {
  return portVariables.map(({ name, range }) => ({
    name,
    ranges: range === undefined ? portRange : [range],
  }));
}

/** Nodes that may take the server. @throws {ExtensionFailure} `capacity` */
export async function nodesWithRoom(api: Pterodactyl, settings: Settings): Promise<PanelNode[]> {
  const { nodeId, locationIds, memoryMiB: memory, diskMiB: disk } = settings;
  if (nodeId === undefined) return await api.deployableNodes({ memory, disk, locationIds });
  const node = await api.node(nodeId);
  if (node === undefined)
    throw fail('invalid_input', `Product setting "nodeId": node ${nodeId} does not exist`, {
      remedy: 'Choose another node in the product',
    });
  requireRoom(node, { memory, disk });
  return [node];
}

/**
 * The panel itself does not look when a node is named, and lets it run over.
 *
 * @param more MiB that come on top of what the node has given away
 */
function requireRoom(node: PanelNode, more: { memory: number; disk: number }): void {
  for (const kind of ['memory', 'disk'] as const) {
    const over = node[`${kind}_overallocate`];
    const whole = node[kind] * (1 + over / 100);
    // -1 is the panel's word for "do not count".
    if (over < 0 || more[kind] <= 0 || node.allocated_resources[kind] + more[kind] <= whole)
      continue;
    const left = Math.max(0, Math.floor(whole - node.allocated_resources[kind]));
    throw fail(
      'capacity',
      `Node "${node.name}" has ${left} MiB of ${kind} left, not ${more[kind]}`,
      {
        remedy: 'Choose another node in the product, or make room on this one',
      },
    );
  }
}

/** Whether a server's node has the room for a larger product. @throws {ExtensionFailure} `capacity` */
export async function requireRoomToGrow(
  api: Pterodactyl,
  server: GameServer,
  { memoryMiB, diskMiB }: { memoryMiB: number; diskMiB: number },
): Promise<void> {
  const { memory, disk } = server.limits;
  if (memoryMiB <= memory && diskMiB <= disk) return;
  const node = await api.node(server.node);
  if (node !== undefined) requireRoom(node, { memory: memoryMiB - memory, disk: diskMiB - disk });
}

/** An address for each want, no address twice; undefined when that is not possible. */
export function matchPorts(
  wants: readonly Want[],
  free: readonly Allocation[],
): Chosen[] | undefined {
  const order = shuffle(free);
  const holder = new Map<number, number>();
  const fits = ({ ranges }: Want, { port }: Allocation): boolean =>
    ranges.length === 0 || ranges.some(({ from, to }) => port >= from && port <= to);
  // Whoever holds an address gives it up when another one does for it as well.
  const place = (want: number, seen: Set<number>): boolean =>
    order.some((allocation) => {
      const asked = wants[want];
      if (asked === undefined || seen.has(allocation.id) || !fits(asked, allocation)) return false;
      seen.add(allocation.id);
      const other = holder.get(allocation.id);
      if (other !== undefined && !place(other, seen)) return false;
      holder.set(allocation.id, want);
      return true;
    });
  if (!wants.every((_want, at) => place(at, new Set()))) return undefined;
  return wants.flatMap((want, at) => {
    const allocation = order.find(({ id }) => holder.get(id) === at);
    return allocation === undefined ? [] : [{ ...want, allocation }];
  });
}
