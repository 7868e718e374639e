// A changed folder → new code in every running instance of it. Whatever fails leaves the last good
// generation serving and says why on the stream of changes.

import type { Catalog, CatalogEntry } from '../catalog/catalog.ts';
import { HostError, toErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import { eachAtOnce } from './at-once.ts';
import { isSameGeneration } from './compiled.ts';
import type { Compiled } from './compiled.ts';
import type { Extensions } from './extensions.ts';
import { missingGrants, requestedGrants } from './grants.ts';
import type { StateChange } from '../changes.ts';
import { Instances } from './instances.ts';

/** What a reload works on. */
export type ReloadPowers = {
  readonly catalog: Catalog;
  readonly extensions: Extensions;
  readonly instances: Instances;
  readonly store: Store;
  readonly onChange: (change: Omit<StateChange, 'at'>) => void;
};

/** Compiles a folder that has changed and swaps its instances; never throws for what an author did. */
export async function reloadFolder(
  powers: ReloadPowers,
  category: CatalogEntry['category'],
  name: string,
): Promise<void> {
  const { catalog, extensions, onChange } = powers;
  const entry = await catalog.refresh(category, name);
  const subject = `${category}/${name}`;
  if (entry === undefined) return onChange({ type: 'extension.removed', subject, data: {} });
  const startedMs = performance.now();
  const before = extensions.peek(entry).compiled?.bundle.hash;
  try {
    const compiled = await extensions.compile(entry);
    const builtMs = Math.round((performance.now() - startedMs) * 10) / 10;
    const { hash } = compiled.bundle;
    if (before === hash && extensions.peek(entry).compiled === compiled) {
      onChange({ type: 'extension.changed', subject, data: { generation: hash, builtMs } });
    }
    await swapInstances(powers, entry, compiled);
    if (before !== hash) {
      onChange({ type: 'extension.changed', subject, data: { generation: hash, builtMs } });
    }
  } catch (error) {
    const { problems } = extensions.peek(entry);
    const data = { error: toErrorData(error), problems };
    onChange({ type: 'extension.build-failed', subject, data });
    if (!(error instanceof HostError)) throw error;
  }
}

/** Puts a generation into every running instance of an extension that may have it. */
export async function swapInstances(
  { instances, store, onChange }: Omit<ReloadPowers, 'catalog' | 'extensions'>,
  entry: CatalogEntry,
  compiled: Compiled,
): Promise<void> {
  const { category, name } = entry;
  const rows = await store.instances({ category, name });
  await eachAtOnce(rows, LIMITS.swapsAtOnce, async (row) => {
    const id = Instances.id(entry, row.instance);
    const instance = instances.live(id);
    if (instance === undefined || row.pinned !== null) return;
    if (isSameGeneration(instance.compiled, compiled)) return;
    const asked = requestedGrants(compiled.manifest);
    const missing = missingGrants(asked, row.grants ?? {}, row.asked ?? {});
    if (Object.keys(missing).length > 0) {
      const data = { state: 'waiting-for-grant', missingGrants: missing };
      return onChange({ type: 'instance.state', subject: id, data });
    }
    await instances.inTurn(id, () => instance.reload(compiled));
  });
}
