// One service's server at Convoy: finding it, making it, and following it until the panel is done. Every
// step can be run again: a lost reply or a crash leads to the same server, never to a second one.

import { digestKey, fail, isFailure } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import { createPassword, ensureUser } from './accounts.ts';
import type { Account } from './accounts.ts';
import { ADDRESS_TRIES, applyBuild, chooseAddresses, hasAddresses } from './addresses.ts';
import type { Convoy } from './api.ts';
import { limitsOf, parseSettings, readCheckout } from './config.ts';
import type { Checkout, ConvoyContext, Problem, Settings } from './config.ts';
import type { ConvoyServer } from './shapes.ts';

const RETRY_MS = 5_000;
/** The panel takes names of 40 characters. */
const NAME_MAX = 40;

/** Ends the names of a service's servers: the panel has no place for an id of ours. */
export async function tagOf({ id }: Service, { config }: ConvoyContext): Promise<string> {
  return `cf-${(await digestKey(`${config.namespace}\n${id}`)).slice(0, 12)}`;
}

/**
 * The servers of a service, oldest first; more than one only when an order that was thought lost came
 * through after all.
 */
export async function findServers(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ConvoyServer[]> {
  const { uuid } = service.properties;
  const known = typeof uuid === 'string' ? await api.server(uuid) : undefined;
  const named = known === undefined ? await api.serversNamed(await tagOf(service, ctx)) : [known];
  for (const server of named) requireOwn(service, server);
  return named.toSorted((a, b) => a.internal_id - b.internal_id);
}

/** A server of somebody else is never touched, whatever its name. */
function requireOwn(service: Service, { uuid, user_id: userId, user }: ConvoyServer): void {
  if (service.properties['uuid'] === uuid && service.properties['userId'] === userId) return;
  if (user?.data.email.toLowerCase() === service.user.email.toLowerCase()) return;
  throw fail('conflict', `Server ${uuid} belongs to another user of Convoy`, {
    remedy: 'Give it to the customer at Convoy, or set a namespace in the configuration',
  });
}

/** The service's server. @throws {ExtensionFailure} `not_found` */
export async function requireServer(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ConvoyServer> {
  const [server, ...others] = await findServers(api, service, ctx);
  if (server === undefined) {
    throw fail('not_found', `No server of service ${service.id} exists at Convoy`, {
      remedy: `Create the service again, or end the name of its server in ${await tagOf(service, ctx)}`,
    });
  }
  if (others.length > 0)
    ctx.log.error('The service has more than one server', {
      uuids: others.map(({ uuid }) => uuid),
    });
  return server;
}

/** Makes the server, or goes on with the one that an earlier call made. */
export async function createServer(
  api: Convoy,
  service: Service,
  ctx: ConvoyContext,
): Promise<ServerResult> {
  const [existing] = await findServers(api, service, ctx);
  if (existing !== undefined) return advance(api, service, existing);
  const settings = parseSettings(service.product.settings);
  const checkout = readCheckout(service.checkout);
  const [problem] = await checkoutProblems(api, settings, checkout);
  if (problem !== undefined || !('template' in checkout))
    throw fail('invalid_input', `"${problem?.field}" ${problem?.message}`);
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
  return { status: 'pending', ...knownOf(server), retryAfterMs: RETRY_MS, oneTime };
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
  const isRefused =
    isFailure(error) &&
    !['timeout', 'unavailable', 'invalid_response'].includes(error.failure.code);
  if (password === undefined || !isRefused) return;
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

/** Whether the panel works on it: what is asked for now would be lost when it is done. */
export function isBusy({ status }: ConvoyServer): boolean {
  return (
    status !== null && ['installing', 'restoring_backup', 'restoring_snapshot'].includes(status)
  );
}

/** A server at rest. */
export function doneOf(server: ConvoyServer): ServerResult {
  return { status: 'done', ...knownOf(server) };
}

/** A server that the panel works on. */
export function pendingOf(server: ConvoyServer): ServerResult {
  return { status: 'pending', ...knownOf(server), retryAfterMs: RETRY_MS };
}

function knownOf({ uuid, user_id: userId }: ConvoyServer) {
  return { remoteId: uuid, properties: { uuid, userId } } as const;
}

/** What the panel keeps when the server is gone. */
export const FORGOTTEN: JsonObject = { uuid: null, userId: null };

/** What is wrong with a customer's choice. */
export async function checkoutProblems(
  api: Convoy,
  settings: Settings,
  checkout: Checkout | readonly Problem[],
): Promise<readonly Problem[]> {
  if (!('template' in checkout)) return checkout;
  const offered = await offeredTemplates(api, settings);
  const isOffered = offered.some(({ uuid }) => uuid === checkout.template);
  return isOffered ? [] : [{ field: 'template', message: 'is not one of the templates on offer' }];
}

/** The templates of the product's node that customers may see, and that the product allows. */
export async function offeredTemplates(
  api: Convoy,
  { nodeId, templates }: Pick<Settings, 'nodeId' | 'templates'>,
): Promise<{ uuid: string; label: string }[]> {
  const groups = await api.templateGroups(nodeId);
  if (groups === undefined) throw noNode(nodeId);
  return groups
    .filter(({ hidden }) => !hidden)
    .flatMap(({ name: group, templates: { data } }) =>
      data
        .filter(
          ({ uuid, hidden }) => !hidden && (templates.length === 0 || templates.includes(uuid)),
        )
        .map(({ uuid, name }) => ({ uuid, label: `${group}: ${name}` })),
    );
}

/** Whether the node has the memory and disk. @throws {ExtensionFailure} `capacity` */
export async function requireRoom(api: Convoy, settings: Settings): Promise<void> {
  const node = await api.node(settings.nodeId);
  if (node === undefined) throw noNode(settings.nodeId);
  const limits = limitsOf(settings);
  for (const kind of ['memory', 'disk'] as const) {
    const left = node[kind] * (1 + node[`${kind}_overallocate`] / 100) - node[`${kind}_allocated`];
    if (limits[kind] <= left) continue;
    const mib = (bytes: number) => `${Math.max(0, Math.floor(bytes / 1_048_576))} MiB`;
    throw fail(
      'capacity',
      `Node "${node.name}" has ${mib(left)} of ${kind}, not ${mib(limits[kind])}`,
      {
        remedy: 'Choose another node in the product, or make room on this one',
      },
    );
  }
}

function noNode(id: number) {
  return fail('invalid_input', `Product setting "nodeId": node ${id} does not exist`, {
    remedy: 'Choose another node in the product',
  });
}
