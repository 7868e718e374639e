// Orders a service's server, and follows it until the panel is done. Every step can be run again: a lost
// reply or a crash leads to the same server, never to a second one.

import { fail, isFailure, mayHaveActed, problemFailure } from 'cofferdam/sdk';
import type { ServerResult, Service } from 'cofferdam/sdk';

import { createPassword, ensureUser } from './accounts.ts';
import type { Account } from './accounts.ts';
import { ADDRESS_TRIES, applyBuild, chooseAddresses, hasAddresses } from './addresses.ts';
import type { Convoy } from './api.ts';
import { limitsOf, parseSettings } from './config.ts';
import type { Checkout, ConvoyContext, Settings } from './config.ts';
import { readOrder, requireRoom } from './offers.ts';
import { doneOf, findServers, isBusy, knownOf, pendingOf, tagOf } from './servers.ts';
import type { ConvoyServer } from './shapes.ts';

/** The panel takes names of 40 characters. */
const NAME_MAX = 40;

/** Makes the server, or goes on with the one that an earlier call made. */
export async function createServer(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ServerResult> {
  const [existing] = await findServers(api, service, ctx);
  if (existing !== undefined) return advance(api, service, existing);
  const settings = parseSettings(service.product.settings);
  const read = await readOrder(api, settings, service.checkout);
  if ('problems' in read) throw problemFailure(read.problems);
  const checkout = read.choices;
  await requireRoom(api, settings);
  const tag = await tagOf(service, ctx);
  // Before the account: without addresses nobody gets an account for nothing.
  const first = await chooseAddresses(api, settings.nodeId, { wanted: settings, taken: new Set() });
  const account = await ensureUser(api, service.user);
  try {
    return await orderUntilFree(api, account, { settings, checkout, tag, first });
  } catch (error) {
    await takeBack(api, account, { error, ctx });
    throw error;
  }
}

type Order = { readonly settings: Settings; readonly checkout: Checkout; readonly tag: string };

/** Orders with other addresses each time that somebody else was faster. */
async function orderUntilFree(
  api: Convoy,
  account: Account,
  order: Order & { readonly first: readonly number[] },
): Promise<ServerResult> {
  const { nodeId } = order.settings;
  const taken = new Set<number>();
  let addressIds = order.first;
  for (let tries = 1; ; tries += 1) {
    try {
      return await placeOrder(api, account, { ...order, addressIds });
    } catch (error) {
      if (!isFailure(error, 'conflict') || tries >= ADDRESS_TRIES) throw error;
    }
    for (const id of addressIds) taken.add(id);
    addressIds = await chooseAddresses(api, nodeId, { wanted: order.settings, taken });
  }
}

async function placeOrder(
  api: Convoy,
  { user, password: accountPassword }: Account,
  order: Order & { readonly addressIds: readonly number[] },
): Promise<ServerResult> {
  const { settings, checkout, addressIds, tag } = order;
  const password = createPassword();
  const server = await api.createServer({
    node_id: settings.nodeId,
    user_id: user.id,
    name: `${checkout.hostname.slice(0, NAME_MAX - tag.length - 1)} ${tag}`,
    hostname: checkout.hostname,
    vmid: null,
    limits: { ...limitsOf(settings), address_ids: addressIds },
    account_password: password,
    template_uuid: checkout.template,
    should_create_server: true,
    start_on_completion: settings.startOnCompletion,
  });
  const oneTime = { password, ...(accountPassword === undefined ? {} : { accountPassword }) };
  // Whatever the status says: addresses are looked at once more when the machine is there.
  return pendingOf(server, oneTime);
}

/**
 * An account that was made for an order which then was refused goes again: its password is told to nobody.
 *
 * When it is not known whether the order came through, the account stays: it may own a server.
 */
async function takeBack(
  api: Convoy,
  { user, password }: Account,
  { error, ctx }: { error: unknown; ctx: ConvoyContext },
): Promise<void> {
  if (password === undefined || mayHaveActed(error)) return;
  try {
    await api.removeUser(user.id);
  } catch (cause) {
    if (!isFailure(cause)) throw cause;
    ctx.log.warn('An account without a server stays at Convoy', {
      userId: user.id,
      why: cause.message,
    });
  }
}

/** How far a server is; one that is built gets the addresses that others took from it meanwhile. */
export async function advance(
  api: Convoy,
  service: Service,
  server: ConvoyServer,
): Promise<ServerResult> {
  if (server.status === 'install_failed') {
    const error = {
      code: 'rejected',
      message: `Convoy could not build server ${server.uuid}`,
      retriable: false,
      remedy: 'Look at the node’s tasks in Proxmox, then terminate the service and create it again',
    } as const;
    return { status: 'failed', error, properties: knownOf(server).properties };
  }
  if (isBusy(server)) return pendingOf(server);
  if (server.status !== null && server.status !== 'suspended') {
    throw fail('locked', `An earlier server of the service, ${server.uuid}, is being removed`, {
      remedy: 'Wait until it is gone; terminate the service once more when that failed',
    });
  }
  const settings = parseSettings(service.product.settings);
  if (hasAddresses(server, settings)) return doneOf(server);
  const { limits } = server;
  const { ipv4, ipv6 } = limits.addresses;
  const wanted = {
    ipv4: Math.max(ipv4.length, settings.ipv4),
    ipv6: Math.max(ipv6.length, settings.ipv6),
  };
  return doneOf(await applyBuild(api, server, { limits, wanted }));
}
