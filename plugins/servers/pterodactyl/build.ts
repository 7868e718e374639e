// What a product promises of an existing server: its limits, its ports, its start-up. Ports that others
// took meanwhile are replaced; what the server's owner chose stays where the product is silent.

import { fail } from 'cofferdam/sdk';

import type { Pterodactyl } from './api.ts';
import type { Settings } from './config.ts';
import { matchPorts, wantsOf } from './ports.ts';
import type { Chosen, Want } from './ports.ts';
import { allocationsOf, environmentOf, variablesOf } from './shapes.ts';
import type { Egg, GameServer } from './shapes.ts';
import { fillVariables } from './variables.ts';

/** How often ports that somebody else took meanwhile are given up for others. */
export const PORT_TRIES = 5;

/** The egg of a product. @throws {ExtensionFailure} `invalid_input` */
export async function requireEgg(api: Pterodactyl, settings: Settings): Promise<Egg> {
  const { nestId, eggId, portVariables } = settings;
  const egg = await api.egg(nestId, eggId);
  if (egg === undefined) {
    throw fail('invalid_input', `Product setting "eggId": nest ${nestId} has no egg ${eggId}`, {
      remedy: 'Choose another egg in the product',
    });
  }
  const names = variablesOf(egg).map(({ env_variable: name }) => name);
  const unknown = portVariables.find(({ name }) => !names.includes(name));
  if (unknown === undefined) return egg;
  throw fail('invalid_input', `Product setting "portVariables": no variable "${unknown.name}"`, {
    remedy: `Choose among ${names.join(', ')}`,
  });
}

/** Limits as the panel takes them at creation and at a change. */
export function limitsOf(settings: Settings) {
  const { memoryMiB, swapMiB, diskMiB, io, cpuPercent, cpuPinning, databases, backups } = settings;
  return {
    limits: {
      memory: memoryMiB,
      swap: swapMiB,
      disk: diskMiB,
      io,
      cpu: cpuPercent,
      threads: cpuPinning ?? null,
    },
    feature_limits: {
      databases,
      backups,
      // The panel counts every address against this, those that were sold with the server too.
      allocations: 1 + settings.portVariables.length + settings.extraAllocations,
    },
    oom_disabled: !settings.oomKiller,
  };
}

/** The variables that get a port. */
export function portsOf(chosen: readonly Chosen[]): Record<string, string> {
  const named = chosen.flatMap(({ name, allocation }) =>
    name === undefined ? [] : [[name, String(allocation.port)] as const],
  );
  return Object.fromEntries(named);
}

/**
 * Gives the server the ports that its product promises and that it does not hold.
 *
 * The panel checks additional ports when it reads an order, not when it hands them out: of two orders
 * at once both may name one port, and the later one keeps it.
 */
export async function ensurePorts(
  api: Pterodactyl,
  server: GameServer,
  settings: Settings,
): Promise<GameServer> {
  let current = server;
  const taken = new Set<number>();
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const wants = missingPorts(current, settings);
    if (wants.length === 0) return current;
    const own = allocationsOf(current);
    const all = await api.allocations(current.node, { 'filter[server_id]': 0 });
    const free = all.filter(({ id, assigned }) => !assigned && !taken.has(id));
    const beside = free.filter(({ ip }) => ip === own[0]?.ip);
    const chosen = matchPorts(wants, beside) ?? matchPorts(wants, free);
    if (chosen === undefined) {
      throw fail('capacity', `Node ${current.node} has no ${wants.length} free ports for this`, {
        remedy: 'Add allocations to the node, or widen the ports of the product',
      });
    }
    for (const { allocation } of chosen) taken.add(allocation.id);
    await addPorts(api, current, { settings, chosen });
    current = (await api.server(current.id)) ?? current;
  }
  throw fail('conflict', `Server ${server.id} lost its ports to others ${PORT_TRIES} times`, {
    retriable: true,
    remedy: 'Add allocations to the node and run the operation again',
  });
}

function missingPorts(server: GameServer, settings: Settings): Want[] {
  const own = allocationsOf(server);
  const environment = environmentOf(server);
  const isLost = !own.some(({ id }) => id === server.allocation);
  const used = new Set(own.filter(({ id }) => id === server.allocation).map(({ id }) => id));
  const missing = wantsOf(settings).filter(({ name }) => {
    const held = own.find(({ id, port }) => String(port) === environment[name] && !used.has(id));
    if (held !== undefined) used.add(held.id);
    return held === undefined;
  });
  return isLost ? [{ ranges: settings.portRange }, ...missing] : missing;
}

async function addPorts(
  api: Pterodactyl,
  server: GameServer,
  { settings, chosen }: { settings: Settings; chosen: readonly Chosen[] },
): Promise<void> {
  const main = chosen.find(({ name }) => name === undefined)?.allocation.id ?? server.allocation;
  await api.updateBuild(server.id, {
    allocation: main,
    add_allocations: chosen.map(({ allocation }) => allocation.id),
    ...limitsOf(settings),
  });
  const egg = await requireEgg(api, settings);
  const now = { ...environmentOf(server), ...portsOf(chosen) };
  await api.updateStartup(server.id, startupOf(server, egg, { settings, now }));
}

/** The start-up of a server under a product: what its owner chose stays where the product is silent. */
export function startupOf(
  server: GameServer,
  egg: Egg,
  { settings, now }: { settings: Settings; now: Readonly<Record<string, string>> },
) {
  const isSameEgg = server.egg === egg.id;
  const { startup_command: command, image } = server.container;
  const environment = fillVariables(egg, settings, { now });
  const ports = settings.portVariables.map(({ name }) => [
    name,
    now[name] ?? environment[name] ?? '',
  ]);
  return {
    startup: settings.startup ?? (isSameEgg ? command : egg.startup),
    egg: egg.id,
    image: settings.dockerImage ?? (isSameEgg ? image : egg.docker_image),
    skip_scripts: settings.skipScripts,
    environment: { ...environment, ...Object.fromEntries(ports) },
  };
}
