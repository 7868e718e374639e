// One service's game server: finding it, making it, and bringing it to what was sold. Every step can be
// run again: a lost reply or a crash leads to the same server, never to a second one.

import { digestKey, fail, isFailure, problemFailure } from 'cofferdam/sdk';
import type { JsonObject, ServerResult, Service } from 'cofferdam/sdk';

import { ensureUser } from './accounts.ts';
import type { Pterodactyl } from './api.ts';
import { ensurePorts, limitsOf, PORT_TRIES, portsOf, requireEgg } from './build.ts';
import { parseSettings } from './config.ts';
import type { PterodactylContext, Settings } from './config.ts';
import { choosePlace } from './ports.ts';
import type { Place } from './ports.ts';
import { ownerOf } from './shapes.ts';
import type { Egg, GameServer } from './shapes.ts';
import { checkoutProblems, fillVariables, nameOf } from './variables.ts';

const RETRY_MS = 5_000;

/** The service's id as the panel keeps it; one that cannot stand in a path becomes its hash. */
export async function externalIdOf(service: Service, ctx: PterodactylContext): Promise<string> {
  const { externalIdPrefix } = ctx.config;
  const plain = externalIdPrefix + service.id;
  if (/^[A-Za-z0-9_:.-]{1,191}$/.test(plain) && !/^\.+$/.test(plain)) return plain;
  return `${externalIdPrefix}sha256-${await digestKey(service.id)}`;
}

/**
 * The server of a service; undefined when the panel says that there is none.
 *
 * An admin may have cleared the external id at the panel: the stored id then finds it, by its uuid.
 */
export async function findServer(
  api: Pterodactyl,
  service: Service,
  ctx: PterodactylContext,
): Promise<GameServer | undefined> {
  const externalId = await externalIdOf(service, ctx);
  const found = await api.serverByExternalId(externalId);
  if (found !== undefined) requireOwn(service, found);
  const { serverId, uuid } = service.properties;
  if (found !== undefined || typeof serverId !== 'number') return found;
  const known = await api.server(serverId);
  if (known === undefined || known.uuid !== uuid) return undefined;
  if (known.external_id === null || known.external_id === '') return known;
  throw fail('conflict', `Server ${serverId} now has the external id "${known.external_id}"`, {
    remedy: `Give it back the external id "${externalId}" at the panel, if it is the right one`,
  });
}

/** The service's server. @throws {ExtensionFailure} `not_found` */
export async function requireServer(
  api: Pterodactyl,
  service: Service,
  ctx: PterodactylContext,
): Promise<GameServer> {
  const server = await findServer(api, service, ctx);
  if (server !== undefined) return server;
  throw fail('not_found', `No server of service ${service.id} exists at Pterodactyl`, {
    remedy: 'Create the service again, or give its server the external id at the panel',
  });
}

/** Makes the server, or goes on with the one that an earlier call made. */
export async function createServer(
  api: Pterodactyl,
  service: Service,
  ctx: PterodactylContext,
): Promise<ServerResult> {
  const existing = await findServer(api, service, ctx);
  if (existing !== undefined) return advance(api, service, existing);
  const settings = parseSettings(service.product.settings);
  const egg = await requireEgg(api, settings);
  const problems = checkoutProblems(egg, settings, service.checkout);
  if (problems.length > 0) throw problemFailure(problems);
  const environment = fillVariables(egg, settings, { checkout: service.checkout });
  const taken = new Set<number>();
  for (let tries = 1; ; tries += 1) {
    // Before the account: without room nobody gets a mail about an account for nothing.
    const place = await choosePlace(api, settings, taken);
    const user = await ensureUser(api, service.user);
    const external_id = await externalIdOf(service, ctx);
    const order = { ...orderOf(egg, settings), ...placeOf(place, environment), external_id };
    const name = nameOf(service.checkout, `${service.product.name} ${service.id}`);
    try {
      return progressOf(await api.createServer({ ...order, name, user: user.id }));
    } catch (error) {
      if (!isFailure(error, 'conflict') || tries >= PORT_TRIES) throw error;
      const winner = await findServer(api, service, ctx);
      if (winner !== undefined) return advance(api, service, winner);
      if ('chosen' in place) for (const { allocation } of place.chosen) taken.add(allocation.id);
    }
  }
}

/**
 * External ids are the panels' own numbers: without a look at the owner, a second panel on the same
 * Pterodactyl would suspend and remove the servers of the first.
 */
function requireOwn(service: Service, server: GameServer): void {
  if (service.properties['uuid'] === server.uuid) return;
  if (ownerOf(server).email.toLowerCase() === service.user.email.toLowerCase()) return;
  throw fail('conflict', `Server ${server.id} has this external id but belongs to another user`, {
    remedy: 'Set a prefix of external ids in the configuration, or give the server to its customer',
  });
}

/** How far a server is; one that is installed is brought to what was sold. */
export async function advance(
  api: Pterodactyl,
  service: Service,
  server: GameServer,
): Promise<ServerResult> {
  const now = progressOf(server);
  if (now.status !== 'done') return now;
  const settings = parseSettings(service.product.settings);
  return progressOf(await ensurePorts(api, server, settings));
}

/** What the panel says of a server, as a result. */
export function progressOf(server: GameServer): ServerResult {
  const { id, uuid, identifier, status } = server;
  const known = { remoteId: String(id), properties: { serverId: id, uuid, identifier } } as const;
  if (status === 'installing') return { status: 'pending', ...known, retryAfterMs: RETRY_MS };
  if (status !== 'install_failed' && status !== 'reinstall_failed')
    return { status: 'done', ...known };
  const error = {
    code: 'rejected',
    message: `The installation of server ${id} failed`,
    retriable: false,
    remedy: 'Read the install log of the server at the panel, then run the action "Reinstall"',
  } as const;
  return { status: 'failed', error, properties: known.properties };
}

/** What the panel keeps when the server is gone. */
export const FORGOTTEN: JsonObject = { serverId: null, uuid: null, identifier: null };

function orderOf(egg: Egg, settings: Settings) {
  return {
    egg: egg.id,
    docker_image: settings.dockerImage ?? egg.docker_image,
    startup: settings.startup ?? egg.startup,
    skip_scripts: settings.skipScripts,
    start_on_completion: settings.startOnCompletion,
    ...limitsOf(settings),
  };
}

function placeOf(place: Place, environment: Readonly<Record<string, string>>) {
  if ('deploy' in place) return { environment, deploy: place.deploy };
  const [own, ...others] = place.chosen.map(({ allocation }) => allocation.id);
  return {
    environment: { ...environment, ...portsOf(place.chosen) },
    allocation: { default: own, additional: others },
  };
}
