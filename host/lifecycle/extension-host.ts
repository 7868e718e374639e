// The running host as http and the CLI see it: puts catalog, generations, instances and calls together.

import type { CatalogEntry } from '../catalog/catalog.ts';
import type { Category } from '../catalog/categories.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Calls } from './calls.ts';
import { viewHistory } from './config-history.ts';
import { InstanceChanges } from './changes.ts';
import { compareGeneration, pinInstances } from './compare.ts';
import { configFields } from './fields.ts';
import type {
  ConfigVersionView,
  Actor,
  Comparison,
  ExtensionHost,
  ExtensionRef,
  ExtensionView,
  InstanceRef,
} from './host.ts';
import { Instances } from './instances.ts';
import type { InstanceLogs } from './logs.ts';
import type { HostParts } from './parts.ts';
import { swapInstances } from './reload.ts';
import { Replays } from './replay.ts';
import { placeUpload } from './uploads.ts';
import {
  accessRequests,
  decideRequest,
  lockInstance,
  readGrantHistory,
  readUsage,
  unlockInstance,
} from './usage.ts';
import { idOf, typeOf, usable, viewOf } from './views.ts';

/** Makes the running host. */
export function createExtensionHost(parts: HostParts, calls: Calls): ExtensionHost {
  const { catalog, extensions, instances, records, changes } = parts;
  const instanceChanges = new InstanceChanges(parts, calls);
  const replays = new Replays(parts, calls);
  const find = ({ category, name }: ExtensionRef): Promise<CatalogEntry> =>
    catalog.find(category, name);

  return {
    ...createNames(parts, find),
    install: (archive, actor, { compareLast = 0 } = {}) =>
      install({ parts, replays }, archive, { actor, compareLast }),
    async compare(ref, { generation, last }, actor) {
      const entry = usable(await find(ref));
      const compiled =
        generation === undefined
          ? await extensions.current(entry)
          : await extensions.generation(entry, generation);
      return compareGeneration({ parts, replays }, { entry, compiled, actor }, last);
    },
    remove: async (ref) => remove(parts, await find(ref)),
    rollback: async (ref, generation) => rollback(parts, await find(ref), generation),

    instances: async (ref) => viewInstances(parts, await find(ref)),
    async instance(ref) {
      const entry = await find(ref);
      const row = await instances.row(entry, ref.instance);
      return instances.view(row, entry, extensions.peek(entry).compiled);
    },
    createInstance: (ref) => instanceChanges.create(ref),
    patchInstance: (ref, change) => instanceChanges.patch(ref, change),
    removeInstance: (ref, actor) => instanceChanges.remove(ref, actor),
    putConfig: (ref, values, actor, ifVersion) =>
      instanceChanges.putConfig(ref, values, { actor, ifVersion }),
    configHistory: async (ref) => readHistory(parts, await find(ref), ref.instance),
    rollbackConfig: (ref, wish, actor) => instanceChanges.rollbackConfig(ref, wish, actor),
    enable: (ref, grants, actor) => instanceChanges.enable(ref, grants, actor),
    disable: (ref, actor) => instanceChanges.disable(ref, actor),
    restart: (ref) => instanceChanges.restart(ref),
    test: (ref, values, actor) => instanceChanges.test(ref, values, actor),

    usage: (ref) => readUsage(parts, ref),
    grantHistory: (ref) => readGrantHistory(parts, ref),
    lock: (ref, lock, actor) => lockInstance(parts, ref, { lock, actor }),
    unlock: (ref, actor) => unlockInstance(parts, ref, actor),
    accessRequests: () => accessRequests(parts),
    decideRequest: (id, decision, actor) => decideRequest(parts, id, { decision, actor }),

    call: (ref, handler, request) => calls.call(ref, handler, request),
    calls: (filter) => records.list(filter),
    callRecord: (callId) => records.get(callId),
    replay: (callId, wish, actor) => replays.replay(callId, wish, actor),
    logs: (ref, signal) => readLogs(parts, ref, signal),
    changes: (signal) => changes.subscribe(signal),
    readiness: parts.readiness,
  };
}

type Names = Pick<
  ExtensionHost,
  'subject' | 'resolve' | 'list' | 'metadata' | 'configFields' | 'extension'
>;

/** What extensions are called, and what they are. */
function createNames(parts: HostParts, find: (ref: ExtensionRef) => Promise<CatalogEntry>): Names {
  const { catalog, extensions } = parts;
  return {
    subject: (ref) => catalog.subject(ref).slice(0, LIMITS.subjectChars),
    resolve: async (ref) => idOf(await find(ref)),
    async list() {
      const lists: Record<Category, string[]> = { servers: [], gateways: [], others: [] };
      // Folders that were put there by hand since the last look are listed too.
      await catalog.scan();
      for (const { category, name } of await catalog.entries()) lists[category].push(name);
      return lists;
    },
    async metadata(ref) {
      const entry = usable(await find(ref));
      const { name, description, version, author } = entry.manifest;
      return { name, description, version, author, type: typeOf(entry, entry.manifest) };
    },
    async configFields(ref) {
      const compiled = await extensions.current(usable(await find(ref)));
      return configFields(compiled.description);
    },
    extension: async (ref) => viewOf(parts, await find(ref)),
  };
}

async function readHistory(
  { store, instances, extensions }: HostParts,
  entry: CatalogEntry,
  instance: string,
): Promise<ConfigVersionView[]> {
  const row = await instances.row(entry, instance);
  const { compiled } = extensions.peek(entry);
  return viewHistory(await store.configHistory(row), compiled?.description);
}

async function viewInstances(
  { extensions, instances }: HostParts,
  entry: CatalogEntry,
): ReturnType<ExtensionHost['instances']> {
  const { compiled } = extensions.peek(entry);
  const rows = await instances.rows(entry);
  return rows.map((row) => instances.view(row, entry, compiled));
}

async function install(
  { parts, replays }: { readonly parts: HostParts; readonly replays: Replays },
  archive: Buffer,
  { actor, compareLast }: { readonly actor: Actor; readonly compareLast: number },
): Promise<ExtensionView & { readonly comparison?: Comparison }> {
  const upload = await parts.installer.read(archive);
  const { category, name, sha256 } = upload;
  return parts.store.exclusive(`extension ${category}/${name}`, async ({ store }) => {
    await parts.installer.assertFree(upload);
    const isHeld = compareLast > 0 && (await holdInstances(parts, upload));
    const at = new Date(parts.nowMs()).toISOString();
    // Kept before it is unpacked: a host that ends in between unpacks it at its next start.
    await store.putArchive({ category, name, sha256, at, archive });
    const entry = await placeUpload({ ...parts, onChange: parts.publish }, upload);
    parts.publish({ type: 'extension.added', subject: idOf(entry), data: {} });
    if (!isHeld) return viewOf(parts, entry);
    const comparison = await compareUpdate({ parts, replays }, entry, { actor, compareLast });
    return { ...(await viewOf(parts, entry)), ...(comparison === undefined ? {} : { comparison }) };
  });
}

/** Keeps the running instances of an extension on the code they run. */
async function holdInstances(
  parts: HostParts,
  { category, name }: Pick<CatalogEntry, 'category' | 'name'>,
): Promise<boolean> {
  const entry = await parts.catalog.find(category, name).catch((error: unknown) => {
    if (error instanceof HostError) return undefined;
    throw error;
  });
  const running = entry && parts.extensions.peek(entry).compiled?.bundle.hash;
  return entry !== undefined && running !== undefined && pinInstances(parts, entry, running);
}

/** Lets an update in when it does what was recorded; what does otherwise stays outside. */
async function compareUpdate(
  { parts, replays }: { readonly parts: HostParts; readonly replays: Replays },
  entry: CatalogEntry,
  { actor, compareLast }: { readonly actor: Actor; readonly compareLast: number },
): Promise<Comparison | undefined> {
  const { compiled, problems } = parts.extensions.peek(entry);
  // One that does not build changes nothing: what ran runs on, held or not.
  if (compiled === undefined || problems.length > 0) return undefined;
  const comparison = await compareGeneration(
    { parts, replays },
    { entry, compiled, actor },
    compareLast,
  );
  if (comparison.differing.length > 0) return comparison;
  await pinInstances(parts, entry, null);
  await swapInstances({ ...parts, onChange: parts.publish }, entry, compiled);
  return comparison;
}

function remove(parts: HostParts, entry: CatalogEntry): Promise<void> {
  return parts.store.exclusive(`extension ${idOf(entry)}`, ({ store }) =>
    removeNow({ ...parts, store }, entry),
  );
}

async function removeNow(parts: HostParts, entry: CatalogEntry): Promise<void> {
  const { store, installer, extensions, catalog, publish } = parts;
  const { category, name } = entry;
  const rows = await store.instances({ category, name });
  const enabled = rows.find((row) => row.enabled);
  if (enabled !== undefined) {
    throw new HostError(
      'CALLER_CONFLICT',
      `Cannot remove "${idOf(entry)}": instance "${enabled.instance}" is enabled`,
      { remedy: 'Disable every instance first' },
    );
  }
  await installer.remove(entry);
  await store.removeArchive(category, name);
  for (const row of rows) await store.removeInstance(row);
  await store.removeGenerations(category, name);
  extensions.forget(entry);
  await catalog.refresh(category, name);
  publish({ type: 'extension.removed', subject: idOf(entry), data: {} });
}

/** Pins every instance to a generation; the newest one unpins. */
async function rollback(
  parts: HostParts,
  entry: CatalogEntry,
  generation: string,
): Promise<ExtensionView> {
  const { extensions, instances, store } = parts;
  const compiled = await extensions.generation(entry, generation);
  const newest = extensions.peek(entry).compiled?.bundle.hash;
  const pinned = newest === generation ? null : generation;
  const { category, name } = entry;
  for (const { instance } of await store.instances({ category, name })) {
    const id = Instances.id(entry, instance);
    await instances.exclusive(id, async (held) => {
      // As it is now: it may have changed, or gone, while this waited for its turn.
      const row = await store.instance({ category, name, instance });
      if (row === undefined) return;
      await instances.live(id)?.reload(compiled);
      await held.store.putInstance({ ...row, pinned });
      instances.setApplied(id, { ...row, pinned });
    });
  }
  return viewOf(parts, entry);
}

async function* readLogs(
  { catalog, instances, logs }: HostParts,
  ref: InstanceRef,
  signal: AbortSignal,
): ReturnType<InstanceLogs['read']> {
  const entry = await catalog.find(ref.category, ref.name);
  await instances.row(entry, ref.instance);
  yield* logs.read(Instances.id(entry, ref.instance), signal);
}
