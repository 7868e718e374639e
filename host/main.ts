// Wires powers, listens, shuts down. The only reader of the environment, the clock and the arguments;
// everything below gets what it needs handed in.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import type { Logger } from 'pino';

import type { Builder } from './build/build.ts';
import { Catalog } from './catalog/catalog.ts';
import type { CatalogEntry } from './catalog/catalog.ts';
import { listen } from './http/listen.ts';
import { wireDeliveries, wireFacts } from './delivery/wire.ts';
import { closeHttp, createHttpServer } from './http/server.ts';
import { readKernelPowers } from './jail/kernel.ts';
import type { KernelPowers } from './jail/kernel.ts';
import { auditChanges } from './lifecycle/audit-changes.ts';
import { createBugLog } from './lifecycle/bug-log.ts';
import { Calls } from './lifecycle/calls.ts';
import { makeDataFolder } from './lifecycle/data-folder.ts';
import { startChildren } from './lifecycle/children.ts';
import type { Children } from './lifecycle/children.ts';
import { createEndow } from './lifecycle/endow.ts';
import { createEvictor } from './lifecycle/evict.ts';
import { createExtensionHost } from './lifecycle/extension-host.ts';
import { Extensions } from './lifecycle/extensions.ts';
import { Feed } from './lifecycle/feed.ts';
import { Follower } from './lifecycle/follow.ts';
import type { LogLine } from './broker/receipt.ts';
import type { StateChange } from './changes.ts';
import { createInstaller } from './lifecycle/install.ts';
import { Instances } from './lifecycle/instances.ts';
import { InstanceLogs } from './lifecycle/logs.ts';
import { openEnabled } from './lifecycle/open.ts';
import type { HostParts } from './lifecycle/parts.ts';
import { Probe } from './lifecycle/probe.ts';
import { CallRecords } from './lifecycle/records.ts';
import { reloadFolder } from './lifecycle/reload.ts';
import type { ReloadPowers } from './lifecycle/reload.ts';
import { readReadiness } from './lifecycle/readiness.ts';
import { watchEgress } from './lifecycle/watch-egress.ts';
import type { FolderWatch } from './lifecycle/watch.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { Metrics } from './metrics/metrics.ts';
import { meterStore } from './metrics/store-meter.ts';
import { SHIPPED_ROOT, VERSION } from './product.ts';
import { Recorder } from './recorder/recorder.ts';
import type { Settings } from './settings.ts';
import { openMasterKey } from './store/master-key.ts';
import { openStoreClock } from './store/clock.ts';
import type { StoreClock } from './store/clock.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/store.ts';
import { createTokens, ensureAdminToken } from './store/tokens.ts';
import { sealDeliveries } from './store/sealed-deliveries.ts';
import { createVault } from './store/vault.ts';
import type { Vault } from './store/vault.ts';
import { Tracing } from './tracing.ts';
import type { EgressPowers } from './lifecycle/endow.ts';

/** A host that answers. */
export type RunningHost = {
  readonly url: string;
  /** Shown once; undefined when an admin token was known already. */
  readonly adminToken: string | undefined;
  readonly changes: Feed<StateChange>;
  /** Drains calls, ends streams and children. At most `LIMITS.shutdownMs`. */
  stop(): Promise<void>;
};

/** What a host may be given besides its settings. */
export type HostOptions = {
  readonly log: Logger;
  /** Where requests of extensions really go; tests and `dev --with-fakes` send them to fakes. */
  readonly egress?: EgressPowers;
  /** Every log line of an extension, as it is written. */
  readonly onLine?: (line: LogLine) => void;
  /** Opens what the state is kept in; tests give stores that fail or stop. */
  readonly openStore?: typeof openStore;
  /** What jails are made of; the powers of this machine's kernel when nothing is said. */
  readonly kernel?: KernelPowers;
};

/** The engine of every cell: cells run the Node that runs the host. */
const ENGINE = `${process.versions.v8} ${process.arch}`;

/**
 * Starts a host.
 *
 * @throws {HostError} `HOST_STORE_FAILED` when the data folder is not usable
 * @throws {SettingsError} When it cannot be made, or nothing can listen at the port and address
 */
export async function runHost(settings: Settings, options: HostOptions): Promise<RunningHost> {
  // A folder that is not there when the builder starts is one that it may never read.
  makeDataFolder(rootsOf(settings).installed);
  const store = await (options.openStore ?? openStore)(settings);
  try {
    const { masterKey: given, dataDir } = settings;
    const masterKey = await openMasterKey(store, { given, dataDir });
    const storeId = await store.keepMark('store id', randomUUID());
    return await startHost(
      settings,
      { egress: {}, onLine: () => undefined, kernel: readKernelPowers(), ...options },
      { store, masterKey, storeId },
    );
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

type GivenOptions = Required<Omit<HostOptions, 'openStore'>>;

/** What a host keeps its state in. */
type Keeping = { readonly store: Store; readonly masterKey: Buffer; readonly storeId: string };

async function startHost(
  settings: Settings,
  options: GivenOptions,
  { store: unmetered, masterKey, storeId }: Keeping,
): Promise<RunningHost> {
  const { log } = options;
  const sealed = sealDeliveries(unmetered, createVault(masterKey));
  const { store, counts } = meterStore(sealed, () => performance.now());
  const clock = await openStoreClock(store, () => performance.now());
  const tokens = createTokens(store, nowMs);
  const adminToken = await ensureAdminToken(store, settings.adminToken, nowMs);
  const changes = new Feed<StateChange>();
  const publish = createPublish(changes, log);
  const state = { draining: false, own: [] as { address: string; port: number }[] };
  const children = await startChildren({
    ...{ pid: process.pid, kernel: options.kernel, nowMs, log },
    ...{ roots: rootsOf(settings).roots, shippedRoot: SHIPPED_ROOT },
    allowUnjailed: settings.allowUnjailed,
    onCell: ({ type, pid, key, end }) =>
      publish({ type: `cell.${type}`, subject: String(pid), data: { ...end, key } }),
  });
  const metrics = createMetrics({
    ...{ version: VERSION, store: counts },
    cells: () => children.supervisor.pids.length,
    instanceStates: () => parts.instances.all().map(({ instance }) => instance.state),
    deliveries: () => store.countDeliveries(),
    onChange: (listener) => changes.listen(listener),
  });
  const made = { metrics, clock, store, masterKey, storeId, changes, publish, state, children };
  const parts: HostParts = createParts(settings, { ...options, ...made });
  const calls = new Calls(parts);
  const host = createExtensionHost(parts, calls);
  auditChanges({ store, changes, log });
  const deliveries = wireDeliveries(settings, { parts, calls });
  const { publicUrl } = settings;
  const { pages } = children;
  const powers = { pages, host, deliveries, metrics, publicUrl, tokens, store, log };
  const http = await createHttpServer({ ...powers, version: VERSION, nowMs });
  const reloads = { ...parts, onChange: publish };
  const evictor = createEvictor(parts.instances);
  const watch = settings.watch ? await watchRoots(reloads) : undefined;
  const follower = new Follower({ ...reloads, installer: parts.installer, tokens, log });
  await follower.restoreExtensions();
  await openEnabled(reloads, log);
  await deliveries.start();
  follower.start();
  const stopAll = async (): Promise<void> => {
    state.draining = true;
    await watch?.close();
    evictor.stop();
    await follower.stop();
    await closeHttp(http);
    await deliveries.stop();
    await parts.instances.stop();
    await parts.sightings.stop();
    await parts.records.flush();
    await children.stop();
  };
  try {
    const url = await listen(http, settings);
    state.own.push(...http.addresses().filter((address) => typeof address === 'object'));
    const stop = (): Promise<void> => stopAll().then(() => store[Symbol.asyncDispose]());
    return { url, adminToken, changes, stop };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** Starts the watch over all folders of extensions. Its package is loaded here: few hosts need it. */
async function watchRoots(reloads: ReloadPowers): Promise<FolderWatch> {
  const { watchFolders } = await import('./lifecycle/watch.ts');
  const watch = watchFolders(reloads.catalog.roots, (category, name) =>
    reloadFolder(reloads, category, name),
  );
  await watch.ready;
  return watch;
}

type Publish = (change: Omit<StateChange, 'at'>) => void;

/** Tells a change to whoever listens, and to the log. */
function createPublish(changes: Feed<StateChange>, log: Logger): Publish {
  return (change) => {
    const full = { at: new Date(nowMs()).toISOString(), ...change };
    changes.publish(full);
    log.info({ subject: full.subject, ...full.data }, full.type);
  };
}

/** The clock of the host. */
const nowMs = (): number => Date.now();

/** Folders with extensions: those of the settings, and the one that uploads go to. */
function rootsOf(settings: Settings): { roots: string[]; installed: string } {
  const installed = join(settings.dataDir, 'extensions');
  return { roots: [...(settings.extensions ?? [SHIPPED_ROOT]), installed], installed };
}

/** Everything the running host is made of. */
function createParts(
  settings: Settings,
  given: GivenOptions &
    Keeping & {
      readonly changes: Feed<StateChange>;
      readonly publish: Publish;
      readonly state: {
        readonly draining: boolean;
        readonly own: { address: string; port: number }[];
      };
      readonly children: Children;
      readonly metrics: Metrics;
      readonly clock: StoreClock;
    },
): HostParts {
  const { store, clock, publish, state, log, egress, changes, metrics } = given;
  const { builder, supervisor } = given.children;
  const { roots, installed } = rootsOf(settings);
  const vault = createVault(given.masterKey);
  const recorder = createRecorder(store, vault, log);
  const tracing = new Tracing(VERSION);
  const catalog = new Catalog(roots);
  const logs = createLogs(given);
  const isTrustedFolder = trustedFolders(settings);
  const probe = new Probe(supervisor, nowMs);
  const extensions = createExtensions({ builder, store, probe, isTrustedFolder, log });
  const { sightings, ...watching } = watchEgress({ store, nowMs, publish, log, logs });
  const instances = new Instances({
    store,
    supervisor,
    nowMs,
    engine: ENGINE,
    onWarmed: (entry, compiled) => extensions.warm(entry, compiled),
    endow: createEndow({
      ...{ store, vault, nowMs, egress, own: state.own },
      ...watching,
      onDenied: (rule) => metrics.denied(rule),
      onBug: createBugLog(log, nowMs),
      wrap: (table, standIns) => recorder.wrap(tracing.wrap(table), standIns),
    }),
    deniedOf: (instance) => sightings.deniedOf(instance),
    onLog: (instance, callId, line) => logs.write(instance, line, callId),
    onChange: publish,
    isTrustedFolder,
  });
  return {
    ...{ catalog, extensions, instances, probe, store, vault, nowMs, clock },
    records: createRecords(store, recorder, log),
    recorder,
    tracing,
    facts: wireFacts(settings, { store, publish, clock }),
    meter: metrics.calls,
    publicUrl: settings.publicUrl,
    log,
    logs,
    sightings,
    changes,
    installer: createInstaller(installed, catalog, given.storeId),
    shippedRoot: SHIPPED_ROOT,
    isDraining: () => state.draining,
    publish,
    readiness: () => readReadiness(settings, { ...given.children, store, state }),
  };
}

/** Generations of extensions: compiled once, described in a throw-away isolate. */
function createExtensions({
  builder,
  store,
  probe,
  isTrustedFolder,
  log,
}: Pick<HostParts, 'store' | 'probe' | 'log'> & {
  readonly builder: Builder;
  readonly isTrustedFolder: (entry: CatalogEntry) => boolean;
}): Extensions {
  return new Extensions({
    builder,
    store,
    nowMs,
    engine: ENGINE,
    onError: (error) => log.error({ err: error }, 'code caches not kept'),
    describe: (entry, bundle, manifest) => {
      const { category, name } = entry;
      const whose = { extension: `${category}/${name}`, category, trusted: isTrustedFolder(entry) };
      return probe.describe(whose, bundle, manifest);
    },
  });
}

/** Lines of extensions: kept for reading back, and handed on. */
function createLogs({ log, onLine }: GivenOptions): InstanceLogs {
  return new InstanceLogs(nowMs, (line) => {
    log.debug(line, 'extension log');
    onLine(line);
  });
}

/** Whether the extensions of a folder are trusted until an admin says otherwise. */
function trustedFolders({ isolation }: Settings): (entry: { readonly root: string }) => boolean {
  return ({ root }) => root === SHIPPED_ROOT || isolation === 'shared';
}

/** What is kept of calls; one that cannot be kept has run all the same. */
function createRecords(store: Store, recorder: Recorder, log: Logger): CallRecords {
  return new CallRecords({ store, recorder, nowMs, onError: reportTo(log, 'recording not kept') });
}

function createRecorder(store: Store, vault: Vault, log: Logger): Recorder {
  return new Recorder({ store, vault, nowMs, onError: reportTo(log, 'effect not journalled') });
}

function reportTo(log: Logger, what: string): (error: unknown) => void {
  return (error) => log.error({ err: error }, what);
}
