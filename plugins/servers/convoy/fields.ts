// The forms of a product and of a checkout, with what the panel really has to choose from.

import type { Field, JsonObject } from 'cofferdam/sdk';

import type { Convoy } from './api.ts';
import type { Settings } from './config.ts';
import { offeredTemplates } from './offers.ts';

/** The product form; asked again when the node changes. */
export async function productFields(api: Convoy, values: JsonObject): Promise<Field[]> {
  const nodes = await api.nodes();
  const nodeId = Number(values['nodeId'] ?? 0);
  const isThere = nodes.some(({ id }) => id === nodeId);
  const templates = isThere ? await offeredTemplates(api, { nodeId, templates: [] }) : [];
  return [
    {
      name: 'nodeId',
      label: 'Node',
      type: 'select',
      required: true,
      live: true,
      options: nodes.map(({ id, name }) => ({ value: id, label: name })),
    },
    {
      name: 'templates',
      label: 'Templates the customer may choose',
      type: 'multiselect',
      description: isThere ? 'None: all that are not hidden' : 'Choose a node first',
      options: optionsOf(templates),
    },
    ...SIZES,
  ];
}

/** What the customer fills in. */
export async function checkoutFields(api: Convoy, settings: Settings): Promise<Field[]> {
  return [
    {
      name: 'template',
      label: 'Operating system',
      type: 'select',
      required: true,
      options: optionsOf(await offeredTemplates(api, settings)),
    },
    {
      name: 'hostname',
      label: 'Host name',
      type: 'text',
      required: true,
      max: 191,
      description: 'A DNS name, such as vm1.example.com',
    },
  ];
}

const optionsOf = (templates: readonly { uuid: string; label: string }[]) =>
  templates.map(({ uuid, label }) => ({ value: uuid, label }));

const SIZES: readonly Field[] = [
  { name: 'cpu', label: 'Cores', type: 'number', required: true, min: 1, max: 512 },
  { name: 'memoryMiB', label: 'Memory (MiB)', type: 'number', required: true, min: 16 },
  { name: 'diskGiB', label: 'Disk (GiB)', type: 'number', required: true, min: 1 },
  {
    name: 'bandwidthGiB',
    label: 'Traffic a month (GiB)',
    type: 'number',
    min: 0,
    description: 'Empty or 0: unlimited',
  },
  {
    name: 'snapshots',
    label: 'Snapshots',
    type: 'number',
    min: 0,
    description: 'Empty: unlimited',
  },
  { name: 'backups', label: 'Backups', type: 'number', min: 0, description: 'Empty: unlimited' },
  { name: 'ipv4', label: 'IPv4 addresses', type: 'number', default: 1, min: 0, max: 256 },
  { name: 'ipv6', label: 'IPv6 addresses', type: 'number', default: 0, min: 0, max: 256 },
  { name: 'startOnCompletion', label: 'Start once built', type: 'boolean', default: true },
  {
    name: 'resetBandwidthOnRenew',
    label: 'Count traffic anew with each renewal',
    type: 'boolean',
    default: false,
    description: 'Convoy itself does so on the first of each month',
  },
];
