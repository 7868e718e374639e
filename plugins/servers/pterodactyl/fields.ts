// The forms of a product and of a checkout, with what the panel really has to choose from.

import type { Field, JsonObject } from 'cofferdam/sdk';

import type { Pterodactyl } from './api.ts';
import { readVariables } from './config.ts';
import type { Settings } from './config.ts';
import { variablesOf } from './shapes.ts';
import type { Egg } from './shapes.ts';
import { fieldOf, offeredTo } from './variables.ts';

/** The product form; asked again when locations, nest or egg change. */
export async function productFields(api: Pterodactyl, values: JsonObject): Promise<Field[]> {
  const nestId = idOf(values['nestId']);
  const eggId = idOf(values['eggId']);
  const [places, nests, eggs, egg] = await Promise.all([
    placeFields(api, values),
    api.nests(),
    nestId === undefined ? undefined : api.eggs(nestId),
    nestId === undefined || eggId === undefined ? undefined : api.egg(nestId, eggId),
  ]);
  const head: Field[] = [
    ...places,
    {
      name: 'nestId',
      label: 'Nest',
      type: 'select',
      required: true,
      live: true,
      options: named(nests),
    },
    {
      name: 'eggId',
      label: 'Egg',
      type: 'select',
      required: true,
      live: true,
      description: eggs === undefined ? 'Choose a nest first' : '',
      options: named(eggs ?? []),
    },
  ];
  return [
    ...head,
    ...SIZES,
    ...PORTS,
    ...SWITCHES,
    ...(egg === undefined ? [] : eggFields(egg, values)),
  ];
}

/** What the customer fills in: the server's name, and the variables that the admin listed. */
export function checkoutFields(egg: Egg, settings: Settings): Field[] {
  const variables = offeredTo(egg, settings).map((each) => fieldOf(each, { isProduct: false }));
  return [
    { name: 'serverName', label: 'Name of the server', type: 'text', max: 191 },
    ...variables,
  ];
}

async function placeFields(api: Pterodactyl, values: JsonObject): Promise<Field[]> {
  const [locations, nodes] = await Promise.all([api.locations(), api.nodes()]);
  const chosen = [values['locationIds'] ?? []].flat().flatMap((each) => idOf(each) ?? []);
  const there = nodes.filter(({ location_id: id }) => chosen.length === 0 || chosen.includes(id));
  return [
    {
      name: 'locationIds',
      label: 'Locations',
      type: 'multiselect',
      live: true,
      description: 'None: any',
      options: locations.map(({ id, short, long }) => ({ value: id, label: long || short })),
    },
    {
      name: 'nodeId',
      label: 'Node',
      type: 'select',
      description: 'Empty: the panel chooses a node that has the room',
      options: named(there),
    },
  ];
}

function eggFields(egg: Egg, values: JsonObject): Field[] {
  const variables = variablesOf(egg);
  const set = Object.keys(readVariables(values));
  const images = Object.entries(egg.docker_images ?? {}).map(([label, image]) => ({
    value: image,
    label: Array.isArray(egg.docker_images) ? image : label,
  }));
  return [
    { name: 'dockerImage', label: 'Image', type: 'select', options: images },
    {
      name: 'startup',
      label: 'Start-up command',
      type: 'textarea',
      description: `Empty: ${egg.startup}`,
    },
    {
      name: 'customerVariables',
      label: 'Variables the customer chooses',
      type: 'multiselect',
      description: 'Those with a value below are yours alone',
      options: variables
        .filter(({ env_variable: name }) => !set.includes(name))
        .map(({ env_variable: value, name: label }) => ({ value, label })),
    },
    ...variables.map((each) => fieldOf(each, { isProduct: true })),
  ];
}

const SIZES: readonly Field[] = [
  {
    name: 'memoryMiB',
    label: 'Memory (MiB, 0: unlimited)',
    type: 'number',
    required: true,
    min: 0,
  },
  { name: 'swapMiB', label: 'Swap (MiB, -1: unlimited)', type: 'number', default: 0, min: -1 },
  { name: 'diskMiB', label: 'Disk (MiB, 0: unlimited)', type: 'number', required: true, min: 0 },
  { name: 'cpuPercent', label: 'CPU (%, 0: unlimited)', type: 'number', default: 0, min: 0 },
  { name: 'io', label: 'Block IO weight', type: 'number', default: 500, min: 10, max: 1000 },
  { name: 'cpuPinning', label: 'CPU pinning', type: 'text', description: 'Such as 0-1,3' },
  { name: 'databases', label: 'Databases', type: 'number', default: 0, min: 0 },
  { name: 'backups', label: 'Backups', type: 'number', default: 0, min: 0 },
];

const PORTS: readonly Field[] = [
  {
    name: 'portRange',
    label: 'Ports',
    type: 'tags',
    description: 'Ports and ranges to choose from, such as 25565-25600; none: any',
  },
  {
    name: 'portVariables',
    label: 'Variables that get a port of their own',
    type: 'tags',
    description: 'Such as QUERY_PORT, or RCON_PORT=27015-27100 with a range of its own',
  },
  {
    name: 'extraAllocations',
    label: 'Further ports the customer may add',
    type: 'number',
    default: 0,
    min: 0,
  },
  { name: 'dedicatedIp', label: 'An IP address of its own', type: 'boolean', default: false },
];

const SWITCHES: readonly Field[] = [
  { name: 'skipScripts', label: 'Skip the install script', type: 'boolean', default: false },
  { name: 'startOnCompletion', label: 'Start once installed', type: 'boolean', default: false },
  { name: 'oomKiller', label: 'Kill when out of memory', type: 'boolean', default: false },
];

const named = (items: readonly { id: number; name: string }[]) =>
  items.map(({ id, name }) => ({ value: id, label: name }));

function idOf(value: unknown): number | undefined {
  const id = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isInteger(id) && id > 0 ? id : undefined;
}
