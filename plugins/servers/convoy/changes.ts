// What is done with a server that exists: suspending, resizing, removing. The panel's own work overwrites
// a status that is set meanwhile, so everything waits until it is at rest.

import { fail } from 'cofferdam/sdk';
import type { ServerResult, Service } from 'cofferdam/sdk';

import { addressIdsOf, applyBuild, buildOf } from './addresses.ts';
import type { Convoy } from './api.ts';
import { limitsOf, parseSettings } from './config.ts';
import type { ConvoyContext } from './config.ts';
import { doneOf, findServers, FORGOTTEN, isBusy, pendingOf, requireServer } from './servers.ts';
import type { ConvoyServer } from './shapes.ts';

const GIB = 1_073_741_824;

/** Switches a server off and keeps its owner out. */
export async function suspend(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ServerResult> {
  const server = await requireServer(api, service, ctx);
  // The end of an installation clears the status, and with it the suspension.
  if (isBusy(server)) return pendingOf(server);
  requireAtRest(server);
  if (server.status !== 'suspended') await api.suspend(server.uuid);
  return doneOf(server);
}

/** Switches a suspended server on again; any other is left as it is. */
export async function unsuspend(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ServerResult> {
  const server = await requireServer(api, service, ctx);
  if (server.status === 'suspended') await api.unsuspend(server.uuid);
  else if (!isBusy(server)) requireAtRest(server);
  return doneOf(server);
}

/** Gives the server what the service's product says. */
export async function resize(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ServerResult> {
  const server = await requireServer(api, service, ctx);
  const settings = parseSettings(service.product.settings);
  const limits = limitsOf(settings);
  if (limits.disk < server.limits.disk) {
    const now = Math.ceil(server.limits.disk / GIB);
    throw fail('invalid_input', `A disk cannot shrink from ${now} to ${settings.diskGiB} GiB`, {
      remedy: 'Choose a product with a disk at least as large',
    });
  }
  if (isBusy(server)) return pendingOf(server);
  requireAtRest(server);
  if (settings.nodeId !== server.node_id)
    ctx.log.warn('The server stays on its node: Convoy moves none', { node: server.node_id });
  return doneOf(await applyBuild(api, server, { limits, wanted: settings }));
}

/** A new term: the traffic of the old one no longer counts, where the product says so. */
export async function renew(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ServerResult> {
  const server = await requireServer(api, service, ctx);
  const { resetBandwidthOnRenew } = parseSettings(service.product.settings);
  if (!resetBandwidthOnRenew || server.usages.bandwidth === 0) return doneOf(server);
  const build = buildOf(server.limits, addressIdsOf(server));
  return doneOf(await api.updateBuild(server.uuid, { ...build, bandwidth_usage: 0 }));
}

/**
 * Removes a service's servers with their disks and backups, and waits until the panel has done so.
 *
 * @param options.isRetry Whether a deletion that failed is tried again
 */
export async function terminate(
  api: Convoy,
  service: Service,
  { ctx, isRetry }: { ctx: ConvoyContext; isRetry: boolean },
): Promise<ServerResult> {
  const servers = await findServers(api, service, ctx);
  const [first] = servers;
  if (first === undefined) return { status: 'done', properties: FORGOTTEN };
  for (const server of servers) {
    const isFailed = server.status === 'deletion_failed';
    if (isFailed && !isRetry) {
      throw fail('rejected', `Convoy could not remove server ${server.uuid}`, {
        remedy: 'Look at the node’s tasks in Proxmox, then terminate the service again',
      });
    }
    // A machine that is still being built would be built on after its server is gone.
    if (isBusy(server) || server.status === 'deleting') continue;
    if (isFailed) await api.clearStatus(server.uuid);
    await api.remove(server.uuid);
  }
  return pendingOf(first);
}

function requireAtRest({ uuid, status }: ConvoyServer): void {
  if (status === null || status === 'suspended') return;
  throw fail('locked', `Server ${uuid} is in the state "${status}" at Convoy`, {
    retriable: false,
    remedy: 'Look at the server at Convoy; terminate the service when it is of no use',
  });
}
