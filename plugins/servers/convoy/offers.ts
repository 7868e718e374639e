// What can be sold now: the templates of a node, and whether it has the room.

import { fail } from 'cofferdam/sdk';
import type { ExtensionFailure, JsonObject, Problem } from 'cofferdam/sdk';

import type { Convoy } from './api.ts';
import { limitsOf, readCheckout } from './config.ts';
import type { Checkout, Settings } from './config.ts';

/** What the customer chose, or what is wrong with it: a template that is not on offer. */
export async function readOrder(
  api: Convoy,
  settings: Settings,
  values: JsonObject,
): Promise<{ readonly choices: Checkout } | { readonly problems: readonly Problem[] }> {
  const read = readCheckout(values);
  if ('problems' in read) return read;
  const offered = await offeredTemplates(api, settings);
  if (offered.some(({ uuid }) => uuid === read.choices.template)) return read;
  return { problems: [{ field: 'template', message: 'is not one of the templates on offer' }] };
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

function noNode(id: number): ExtensionFailure {
  return fail('invalid_input', `Product setting "nodeId": node ${id} does not exist`, {
    remedy: 'Choose another node in the product',
  });
}
