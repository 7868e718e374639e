// At the start: the enabled instances become callable again. Their isolates start with their first call.

import type { Logger } from 'pino';

import type { Catalog } from '../catalog/catalog.ts';
import { HostError, toErrorData } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import { eachAtOnce } from './at-once.ts';
import type { Compiled } from './compiled.ts';
import type { Extensions } from './extensions.ts';
import { missingGrants, requestedGrants } from './grants.ts';
import type { StateChange } from '../changes.ts';
import type { Instances } from './instances.ts';

/** What opening works on. */
export type OpenPowers = {
  readonly catalog: Catalog;
  readonly extensions: Extensions;
  readonly instances: Instances;
  readonly store: Store;
  readonly onChange: (change: Omit<StateChange, 'at'>) => void;
};

/** Opens every enabled row; one that cannot be opened is reported and hides no other. */
export async function openEnabled(powers: OpenPowers, log: Logger): Promise<void> {
  const rows = (await powers.store.instances()).filter(({ enabled }) => enabled);
  await eachAtOnce(rows, LIMITS.openedAtOnce, async (row) => {
    const id = `${row.category}/${row.name}/${row.instance}`;
    try {
      const entry = await powers.catalog.find(row.category, row.name);
      const compiled = await lastGood(powers, entry, row);
      powers.instances.open(row, entry, compiled);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      log.error({ instance: id, code: error.code }, error.message);
      const data = { state: 'failed', error: toErrorData(error) };
      powers.onChange({ type: 'instance.state', subject: id, data });
    }
  });
}

/**
 * The generation that an enabled row is to run: what an admin pinned, else the folder's own code when
 * it builds and asks for no more than was granted, else what ran last.
 */
export async function lastGood(
  { extensions, store }: Pick<OpenPowers, 'extensions' | 'store'>,
  entry: Awaited<ReturnType<Catalog['find']>>,
  row: Awaited<ReturnType<Store['instances']>>[number],
): Promise<Compiled> {
  if (row.pinned !== null) return extensions.generation(entry, row.pinned);
  try {
    const compiled = await extensions.current(entry);
    const asked = requestedGrants(compiled.manifest);
    const missing = missingGrants(asked, row.grants ?? {}, row.asked ?? {});
    if (Object.keys(missing).length === 0) return compiled;
    const older = await store.generations(entry.category, entry.name);
    const previous = older.find(({ generation }) => generation !== compiled.bundle.hash);
    if (previous === undefined) {
      throw new HostError(
        'CALLER_GRANT_NEEDED',
        `"${entry.name}" asks for more than it was granted`,
        {
          remedy: 'Review the difference and enable it again',
          details: { missingGrants: missing },
        },
      );
    }
    return await extensions.generation(entry, previous.generation);
  } catch (error) {
    if (!(error instanceof HostError) || !error.code.startsWith('EXTENSION_')) throw error;
    const [newest] = await store.generations(entry.category, entry.name);
    if (newest === undefined) throw error;
    return extensions.generation(entry, newest.generation);
  }
}
