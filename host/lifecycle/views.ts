// What an admin sees of an extension: put together from folder, generations, instances.

import type { CatalogEntry } from '../catalog/catalog.ts';
import { HostError } from '../errors.ts';
import type { Manifest } from '../../sdk/manifest.ts';
import type { HostParts } from './parts.ts';
import { requestedGrants } from './grants.ts';
import type { ExtensionView } from './host.ts';
import { place } from './extensions.ts';

/** The word for an extension's kind in the seed's metadata. */
export function typeOf(
  { category }: Pick<CatalogEntry, 'category'>,
  manifest: Manifest | undefined,
): string {
  return manifest?.type ?? (category === 'others' ? 'other' : category.slice(0, -1));
}

/** One extension as an admin sees it. Compiles nothing. */
export async function viewOf(parts: HostParts, entry: CatalogEntry): Promise<ExtensionView> {
  const { extensions, instances, store } = parts;
  const { category, name } = entry;
  const { compiled, problems } = extensions.peek(entry);
  const manifest = entry.manifest ?? compiled?.manifest;
  const rows = await instances.rows(entry);
  const generations = await store.generations(category, name);
  const handlers = compiled?.description.handlers ?? [];
  const group = (prefix: string): string[] =>
    handlers
      .filter((handler) => handler.startsWith(prefix))
      .map((handler) => handler.slice(prefix.length));
  const reason = manifest?.capabilities?.fetch?.reason;
  return {
    category,
    name,
    displayName: manifest?.name ?? name,
    description: manifest?.description ?? '',
    author: manifest?.author ?? '',
    version: manifest?.version ?? '',
    type: typeOf(entry, manifest),
    shipped: entry.root === parts.shippedRoot,
    state: problems.length > 0 ? 'broken' : rows.some((row) => row.enabled) ? 'enabled' : 'ready',
    requested: manifest === undefined ? {} : requestedGrants(manifest),
    ...(reason === undefined ? {} : { reason }),
    handlers,
    actions: group('actions.'),
    pages: group('pages.'),
    generations: generations.map(({ generation, version, at }) => ({ generation, version, at })),
    problems,
    instances: rows.map((row) => instances.view(row, entry, compiled)),
  };
}

/** The entry, when its manifest is valid. @throws {HostError} `EXTENSION_MANIFEST_INVALID` */
export function usable(entry: CatalogEntry): CatalogEntry & { readonly manifest: Manifest } {
  const { manifest } = entry;
  if (manifest !== undefined) return { ...entry, manifest };
  throw new HostError(
    'EXTENSION_MANIFEST_INVALID',
    `Cannot use "${idOf(entry)}": ${place(entry.problems[0])}`,
    { details: { problems: entry.problems } },
  );
}

/** `category/name` */
export function idOf({ category, name }: CatalogEntry): string {
  return `${category}/${name}`;
}
