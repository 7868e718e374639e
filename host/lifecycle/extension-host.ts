// The running host as http and the CLI see it: puts catalog, generations, instances and calls together.
// Every change is written to the store before it is acted on.

import type { Catalog, CatalogEntry } from '../catalog/catalog.ts';
import type { Category } from '../catalog/categories.ts';
import { HostError, toErrorData } from '../errors.ts';
import type { InstanceRow, Store } from '../store/store.ts';
import type { Vault } from '../store/vault.ts';
import { Calls, createCallId } from './calls.ts';
import type { Compiled } from './compiled.ts';
import { decideLimits } from './compiled.ts';
import { assertComplete, maskConfig, mergeConfig, standInConfig } from './config.ts';
import type { Extensions } from './extensions.ts';
import { configFields } from './fields.ts';
import type { Feed } from './feed.ts';
import { decideGrants, missingGrants, requestedGrants } from './grants.ts';
import type { Installer } from './install.ts';
import type {
  Actor,
  ExtensionHost,
  ExtensionRef,
  ExtensionView,
  Grants,
  InstanceRef,
  InstanceView,
  StateChange,
} from './host.ts';
import { Instances } from './instances.ts';
import type { Instance } from './instance.ts';
import type { InstanceLogs } from './logs.ts';
import type { Probe, ProbeSubject } from './probe.ts';
import type { CallRecords } from './records.ts';
import { swapInstances } from './reload.ts';

/** Everything the host is made of. */
export type HostParts = {
  readonly catalog: Catalog;
  readonly extensions: Extensions;
  readonly instances: Instances;
  readonly probe: Probe;
  readonly store: Store;
  readonly vault: Vault;
  readonly records: CallRecords;
  readonly logs: InstanceLogs;
  readonly changes: Feed<StateChange>;
  readonly installer: Installer;
  readonly shippedRoot: string;
  readonly nowMs: () => number;
  readonly isDraining: () => boolean;
  readonly publish: (change: Omit<StateChange, 'at'>) => void;
  readonly readiness: ExtensionHost['readiness'];
};

/** An extension with its newest good generation. */
type Found = { readonly entry: CatalogEntry; readonly compiled: Compiled };

/** Makes the running host. */
export function createExtensionHost(parts: HostParts): ExtensionHost {
  const { catalog, extensions, instances, store, records, logs, changes } = parts;
  const calls = new Calls({ ...parts, onChange: parts.publish });
  const lifecycle = createLifecycle(parts, calls);

  const find = ({ category, name }: ExtensionRef): Promise<CatalogEntry> =>
    catalog.find(category, name);

  return {
    ...lifecycle,
    async list() {
      const lists: Record<Category, string[]> = { servers: [], gateways: [], others: [] };
      for (const { category, name } of await catalog.entries()) lists[category].push(name);
      return lists;
    },
    async metadata(ref) {
      const { manifest, category } = usable(await find(ref));
      return {
        name: manifest.name,
        description: manifest.description,
        version: manifest.version,
        author: manifest.author,
        type: manifest.type ?? (category === 'others' ? 'other' : category.slice(0, -1)),
      };
    },
    async configFields(ref) {
      const compiled = await extensions.current(usable(await find(ref)));
      return configFields(compiled.description);
    },
    async extension(ref) {
      return viewOf(parts, await find(ref));
    },
    async instances(ref) {
      const entry = await find(ref);
      const { compiled } = extensions.peek(entry);
      const rows = await instances.rows(entry);
      return rows.map((row) => instances.view(row, entry, compiled));
    },
    async instance(ref) {
      const entry = await find(ref);
      const row = await instances.row(entry, ref.instance);
      return instances.view(row, entry, extensions.peek(entry).compiled);
    },
    async install(archive) {
      const entry = await parts.installer.install(archive);
      await extensions.compile(entry).catch((error: unknown) => {
        // An extension that does not build is installed and listed with its problems, as one on disk is.
        if (!(error instanceof HostError)) throw error;
      });
      const compiled = extensions.peek(entry).compiled;
      if (compiled !== undefined) await swapInstances({ ...parts, onChange: parts.publish }, entry, compiled);
      parts.publish({ type: 'extension.added', subject: idOf(entry), data: {} });
      return viewOf(parts, entry);
    },
    async remove(ref) {
      const entry = await find(ref);
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
      await parts.installer.remove(entry);
      for (const row of rows) await store.removeInstance(row);
      await store.removeGenerations(category, name);
      extensions.forget(entry);
      await catalog.refresh(category, name);
      parts.publish({ type: 'extension.removed', subject: idOf(entry), data: {} });
    },
    async rollback(ref, generation) {
      const entry = await find(ref);
      const compiled = await extensions.generation(entry, generation);
      const { category, name } = entry;
      const newest = await extensions.current(entry).catch(() => undefined);
      for (const row of await store.instances({ category, name })) {
        const id = Instances.id(entry, row.instance);
        await instances.exclusive(id, async () => {
          const pinned = newest?.bundle.hash === generation ? null : generation;
          await store.putInstance({ ...row, pinned });
          await instances.live(id)?.reload(compiled);
        });
      }
      return viewOf(parts, entry);
    },
    call: (ref, handler, request) => calls.call(ref, handler, request),
    calls: async (filter) => records.list(filter),
    callRecord: async (callId) => records.get(callId),
    replay: (callId, actor) => calls.replay(callId, actor),
    logs(ref, signal) {
      return readLogs(parts, ref, signal, logs);
    },
    changes: (signal) => changes.subscribe(signal),
    readiness: parts.readiness,
  };
}

type Lifecycle = Pick<
  ExtensionHost,
  | 'createInstance'
  | 'patchInstance'
  | 'removeInstance'
  | 'putConfig'
  | 'enable'
  | 'disable'
  | 'restart'
  | 'test'
>;

/** What changes one instance. */
function createLifecycle(parts: HostParts, calls: Calls): Lifecycle {
  const { catalog, extensions, instances, store, probe, vault } = parts;

  /** Resolves names, then runs `work` after every earlier change of that instance. */
  const change = async <T>(
    ref: InstanceRef,
    work: (found: Found, row: InstanceRow) => Promise<T>,
  ): Promise<T> => {
    const entry = usable(await catalog.find(ref.category, ref.name));
    const id = Instances.id(entry, ref.instance);
    return instances.exclusive(id, async () => {
      const row = await instances.row(entry, ref.instance);
      const compiled =
        row.pinned === null
          ? await extensions.current(entry)
          : await extensions.generation(entry, row.pinned);
      return work({ entry, compiled }, row);
    });
  };
  const view = async ({ entry, compiled }: Found, instance: string): Promise<InstanceView> =>
    instances.view(await instances.row(entry, instance), entry, compiled);
  const subjectOf = ({ entry }: Found, row: InstanceRow): ProbeSubject => ({
    extension: idOf(entry),
    category: entry.category,
    trusted: instances.isTrusted(row, entry),
  });
  const validate = (found: Found, row: InstanceRow, values: Record<string, unknown>): Promise<void> =>
    probe.validate(subjectOf(found, row), found.compiled, standInConfig(values, found.compiled.description));

  /** A lifecycle handler, when the extension has it. */
  const runHook = async (
    instance: Instance,
    handler: string,
    { input = null, actor }: { input?: unknown; actor: Actor },
  ): Promise<void> => {
    if (!instance.compiled.description.handlers.includes(handler)) return;
    const { wallMs } = decideLimits(instance.compiled.manifest);
    await calls.run(
      {
        instance,
        id: instance.id,
        handler,
        inputText: JSON.stringify(input),
        deadlineMs: parts.nowMs() + wallMs,
        dryRun: false,
        signal: AbortSignal.timeout(wallMs),
        actor,
      },
      createCallId(),
    );
  };

  return {
    async createInstance(ref) {
      const entry = usable(await catalog.find(ref.category, ref.name));
      const row = await instances.create(entry, ref.instance);
      return instances.view(row, entry, extensions.peek(entry).compiled);
    },

    patchInstance: (ref, { trusted }) =>
      change(ref, async (found, row) => {
        await store.putInstance({ ...row, trusted: trusted ?? row.trusted });
        if (trusted !== undefined && row.enabled) {
          // Another cell: the isolate has to start anew.
          await instances.close(Instances.id(found.entry, row.instance));
          instances.open({ ...row, trusted }, found.entry, found.compiled);
        }
        return view(found, row.instance);
      }),

    removeInstance: (ref, actor) =>
      change(ref, async ({ entry }, row) => {
        const id = Instances.id(entry, row.instance);
        const live = instances.live(id);
        if (live !== undefined) {
          await runHook(live, 'onDisable', { actor }).catch(ignoreFailure);
          await runHook(live, 'onUninstall', { actor }).catch(ignoreFailure);
        }
        await instances.close(id);
        await store.removeInstance(row);
        parts.logs.remove(id);
        parts.publish({ type: 'instance.state', subject: id, data: { state: 'removed' } });
      }),

    putConfig: (ref, values, actor) =>
      change(ref, async (found, row) => {
        const { entry, compiled } = found;
        const { description } = compiled;
        const id = Instances.id(entry, row.instance);
        const config = mergeConfig(values, row.config, { description, instance: id, vault });
        await validate(found, row, config);
        const next = { ...row, config, configVersion: row.configVersion + 1 };
        await store.putConfig(next, actor.id, new Date(parts.nowMs()).toISOString());
        const data = { configVersion: next.configVersion };
        parts.publish({ type: 'instance.config', subject: id, data });
        const live = instances.live(id);
        if (live !== undefined) {
          await live.reload(compiled);
          await runHook(live, 'onConfigChange', { input: maskConfig(row.config), actor });
        }
        return view(found, row.instance);
      }),

    enable: (ref, wish, actor) =>
      change(ref, async (found, row) => {
        const { entry, compiled } = found;
        const id = Instances.id(entry, row.instance);
        assertComplete(row.config, compiled.description, id);
        await validate(found, row, { ...row.config });
        const requested = requestedGrants(compiled.manifest);
        const grants = grantsFor(requested, wish, row);
        const next = { ...row, enabled: true, grants, asked: requested };
        await store.putInstance(next);
        const old = instances.live(id);
        try {
          // What an isolate was started with does not change: new grants need a new one.
          if (old !== undefined) await instances.close(id);
          const instance = instances.open(next, entry, compiled);
          await instance.start();
          await runEnableHooks({ instance, row: next, compiled, actor });
        } catch (error) {
          await instances.close(id);
          await store.putInstance(row.enabled ? { ...row, enabled: false } : row);
          throw error;
        }
        parts.publish({ type: 'instance.state', subject: id, data: { state: 'running', grants } });
        return view(found, row.instance);
      }),

    disable: (ref, actor) =>
      change(ref, async (found, row) => {
        const id = Instances.id(found.entry, row.instance);
        const live = instances.live(id);
        // A handler that fails must not keep an extension running that the admin wants stopped.
        if (live !== undefined) await runHook(live, 'onDisable', { actor }).catch(ignoreFailure);
        await store.putInstance({ ...row, enabled: false });
        await instances.close(id);
        parts.publish({ type: 'instance.state', subject: id, data: { state: 'disabled' } });
        return view(found, row.instance);
      }),

    async restart(ref) {
      const entry = usable(await catalog.find(ref.category, ref.name));
      const fresh = (await catalog.refresh(entry.category, entry.name)) ?? entry;
      await extensions.compile(usable(fresh));
      return change(ref, async (found, row) => {
        const id = Instances.id(found.entry, row.instance);
        if (!row.enabled) {
          throw new HostError('CALLER_NOT_RUNNING', `Cannot restart "${id}": it is not enabled`, {
            remedy: 'Enable it first',
          });
        }
        assertCovered(requestedGrants(found.compiled.manifest), row, id);
        await instances.close(id);
        const instance = instances.open(row, found.entry, found.compiled);
        await instance.start();
        return view(found, row.instance);
      });
    },

    test: async (ref, values, actor) =>
      change(ref, async (found, row) => {
        const { entry, compiled } = found;
        const { description, manifest } = compiled;
        const id = Instances.id(entry, row.instance);
        if (!description.handlers.includes('testConnection')) {
          throw new HostError('CALLER_UNSUPPORTED', `Extension "${id}" has no "testConnection"`);
        }
        const config =
          values === undefined
            ? row.config
            : mergeConfig(values, row.config, { description, instance: id, vault });
        assertComplete(config, description, id);
        const grants = row.grants ?? requestedGrants(manifest);
        const instance = parts.instances.detached({ ...row, config, grants }, entry, compiled);
        const callId = createCallId();
        const { wallMs } = decideLimits(manifest);
        try {
          const call = { instance, id, handler: 'testConnection', inputText: 'null', dryRun: false };
          const signal = AbortSignal.timeout(wallMs);
          const deadlineMs = parts.nowMs() + wallMs;
          const outcome = await calls.run({ ...call, signal, deadlineMs, actor }, callId);
          return checkResult(outcome.resultText, callId);
        } catch (error) {
          const { message, remedy, code } = toErrorData(error);
          if (code.startsWith('CALLER_') || code.startsWith('HOST_')) throw error;
          return { ok: false, message, ...(remedy === undefined ? {} : { remedy }), callId };
        } finally {
          await instance.stop();
        }
      }),
  };

  async function runEnableHooks({
    instance,
    row,
    compiled,
    actor,
  }: {
    instance: Instance;
    row: InstanceRow;
    compiled: Compiled;
    actor: Actor;
  }): Promise<void> {
    const { version } = compiled.manifest;
    if (row.installedVersion === null) await runHook(instance, 'onInstall', { actor });
    else if (row.installedVersion !== version) {
      await runHook(instance, 'onUpgrade', { input: row.installedVersion, actor });
    }
    await runHook(instance, 'onEnable', { actor });
    if (row.installedVersion !== version) {
      await store.putInstance({ ...row, installedVersion: version });
    }
  }
}

/** Without a wish, LAN ranges that an admin gave before stay: the manifest cannot ask for them. */
function grantsFor(requested: Grants, wish: Grants | undefined, row: InstanceRow): Grants {
  if (wish !== undefined) return decideGrants(requested, wish);
  const lan = row.grants?.lan;
  return { ...decideGrants(requested, undefined), ...(lan === undefined ? {} : { lan }) };
}

function assertCovered(requested: Grants, row: InstanceRow, id: string): void {
  const missing = missingGrants(requested, row.grants ?? {}, row.asked ?? {});
  if (Object.keys(missing).length === 0) return;
  throw new HostError(
    'CALLER_GRANT_NEEDED',
    `"${id}" now asks for more than it was granted: ${JSON.stringify(missing)}`,
    { remedy: 'Review the difference and enable it again', details: { missingGrants: missing } },
  );
}

/** A handler's own account of a check; it is a stranger's text. */
function checkResult(
  text: string,
  callId: string,
): { ok: boolean; message?: string; remedy?: string; callId: string } {
  const said = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  const words = (value: unknown): string | undefined =>
    typeof value === 'string' ? value.slice(0, 2_000) : undefined;
  const message = words(said['message']);
  const remedy = words(said['remedy']);
  return {
    ok: said['ok'] === true,
    ...(message === undefined ? {} : { message }),
    ...(remedy === undefined ? {} : { remedy }),
    callId,
  };
}

async function viewOf(parts: HostParts, entry: CatalogEntry): Promise<ExtensionView> {
  const { extensions, instances, store } = parts;
  const { category, name } = entry;
  const { compiled, problems } = extensions.peek(entry);
  const manifest = entry.manifest ?? compiled?.manifest;
  const rows = await instances.rows(entry);
  const generations = await store.generations(category, name);
  const handlers = compiled?.description.handlers ?? [];
  const group = (prefix: string): string[] =>
    handlers.filter((handler) => handler.startsWith(prefix)).map((handler) => handler.slice(prefix.length));
  const reason = manifest?.capabilities?.fetch?.reason;
  return {
    category,
    name,
    displayName: manifest?.name ?? name,
    description: manifest?.description ?? '',
    author: manifest?.author ?? '',
    version: manifest?.version ?? '',
    type: manifest?.type ?? (category === 'others' ? 'other' : category.slice(0, -1)),
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

async function* readLogs(
  { catalog, instances }: HostParts,
  ref: InstanceRef,
  signal: AbortSignal,
  logs: InstanceLogs,
): ReturnType<InstanceLogs['read']> {
  const entry = await catalog.find(ref.category, ref.name);
  await instances.row(entry, ref.instance);
  yield* logs.read(Instances.id(entry, ref.instance), signal);
}

/** @throws {HostError} `EXTENSION_MANIFEST_INVALID` */
function usable(entry: CatalogEntry): CatalogEntry & { manifest: NonNullable<CatalogEntry['manifest']> } {
  const { manifest } = entry;
  if (manifest !== undefined) return { ...entry, manifest };
  const [first] = entry.problems;
  const at = first === undefined ? '' : `: ${first.file}:${first.line}:${first.column}: ${first.message}`;
  throw new HostError('EXTENSION_MANIFEST_INVALID', `Cannot use "${idOf(entry)}"${at}`, {
    details: { problems: entry.problems },
  });
}

function idOf({ category, name }: CatalogEntry): string {
  return `${category}/${name}`;
}

/** Hooks on the way out are told, not obeyed: their failure is in the call's record. */
function ignoreFailure(error: unknown): void {
  if (!(error instanceof HostError)) throw error;
}
