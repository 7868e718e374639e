// Wires powers, listens, shuts down. The only reader of the environment, the clock and the arguments;
// everything below gets what it needs handed in.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Logger } from 'pino';

import { BUILDER_MAIN, createBuilder } from './build/builder.ts';
import { packPlatform } from './build/messages.ts';
import { Catalog } from './catalog/catalog.ts';
import { CELL_MAIN } from './cells/cell.ts';
import { Supervisor } from './cells/supervisor.ts';
import { createHttpServer } from './http/server.ts';
import { APP_FOLDER, spawnChild } from './jail/spawn.ts';
import { createEndow } from './lifecycle/endow.ts';
import { createEvictor } from './lifecycle/evict.ts';
import { createExtensionHost } from './lifecycle/extension-host.ts';
import { Extensions } from './lifecycle/extensions.ts';
import { Feed } from './lifecycle/feed.ts';
import type { StateChange } from './lifecycle/host.ts';
import { createInstaller } from './lifecycle/install.ts';
import { Instances } from './lifecycle/instances.ts';
import { InstanceLogs } from './lifecycle/logs.ts';
import { openEnabled } from './lifecycle/open.ts';
import { Probe } from './lifecycle/probe.ts';
import { CallRecords } from './lifecycle/records.ts';
import { reloadFolder } from './lifecycle/reload.ts';
import { watchFolders } from './lifecycle/watch.ts';
import type { Settings } from './settings.ts';
import { openSqliteStore } from './store/sqlite.ts';
import { createTokens, ensureAdminToken } from './store/tokens.ts';
import { createVault } from './store/vault.ts';
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
};

/** The shipped extensions. */
export const SHIPPED_ROOT = join(APP_FOLDER, 'plugins');
/** The version of this product. */
export const VERSION = readVersion();

/**
 * Starts a host.
 *
 * @throws {HostError} `HOST_STORE_FAILED` when the data folder is not usable
 */
export async function runHost(settings: Settings, { log, egress = {} }: HostOptions): Promise<RunningHost> {
  const nowMs = (): number => Date.now();
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
  const installed = join(settings.dataDir, 'extensions');
  const roots = [...(settings.extensions ?? [SHIPPED_ROOT]), installed];

  const store = openSqliteStore(join(settings.dataDir, 'cofferdam.db'));
  const vault = createVault(settings.masterKey ?? readMasterKey(settings.dataDir));
  const tokens = createTokens(store, nowMs);
  const adminToken = await ensureAdminToken(store, settings.adminToken, nowMs);

  const changes = new Feed<StateChange>();
  const publish = (change: Omit<StateChange, 'at'>): void => {
    const full = { at: new Date(nowMs()).toISOString(), ...change };
    changes.publish(full);
    log.info({ subject: full.subject, ...full.data }, full.type);
  };
  const catalog = new Catalog(roots);
  const builder = createBuilder({
    spawnBuilder: () => spawnChild({ main: BUILDER_MAIN, read: roots, mayStartProcesses: true }),
    modulesFor: (folder) => (folder.startsWith(SHIPPED_ROOT) ? [join(APP_FOLDER, 'node_modules')] : []),
  });
  let platform: Promise<Buffer> | undefined;
  const supervisor = new Supervisor({
    spawnCell: () => spawnChild({ main: CELL_MAIN, read: [], mayStartProcesses: false }),
    platform: () => (platform ??= builder.buildPlatform().then(packPlatform)),
    nowMs,
    onCell: ({ type, pid, end }) =>
      publish({ type: `cell.${type}`, subject: String(pid), data: { ...end } }),
  });
  supervisor.warm();

  let draining = false;
  const logs = new InstanceLogs(nowMs, (line) => log.debug(line, 'extension log'));
  const isTrustedFolder = ({ root }: { root: string }): boolean =>
    root === SHIPPED_ROOT || settings.isolation === 'shared';
  const probe = new Probe(supervisor, nowMs);
  const extensions = new Extensions({
    builder,
    store,
    nowMs,
    describe: (entry, bundle, manifest) => {
      const { category } = entry;
      const subject = { extension: `${category}/${entry.name}`, category };
      return probe.describe({ ...subject, trusted: isTrustedFolder(entry) }, bundle, manifest);
    },
  });
  const own: { address: string; port: number }[] = [];
  const instances = new Instances({
    store,
    supervisor,
    nowMs,
    endow: createEndow({ store, vault, nowMs, own, egress }),
    onLog: (instance, callId, line) =>
      logs.write(instance, { ...(callId === undefined ? {} : { callId }), ...line } as never),
    onChange: publish,
    isTrustedFolder,
  });
  const parts = { catalog, extensions, instances, store, onChange: publish };
  const host = createExtensionHost({
    ...parts,
    probe,
    vault,
    records: new CallRecords(),
    logs,
    changes,
    installer: createInstaller(installed, catalog),
    shippedRoot: SHIPPED_ROOT,
    nowMs,
    isDraining: () => draining,
    publish,
    readiness: async () => ({ ready: !draining, checks: { store: 'sqlite', cells: supervisor.pids.length } }),
  });
  const http = await createHttpServer({ host, tokens, store, log, version: VERSION, nowMs });
  const evictor = createEvictor(instances, nowMs);
  const watch = settings.watch
    ? watchFolders(roots, (category, name) => reloadFolder(parts, category, name))
    : undefined;
  await watch?.ready;
  await openEnabled(parts, log);
  const url = await http.listen({ port: settings.port, host: settings.host });
  for (const listener of http.addresses()) {
    if (typeof listener === 'object') own.push({ address: listener.address, port: listener.port });
  }

  return {
    url,
    adminToken,
    changes,
    async stop() {
      draining = true;
      await watch?.close();
      evictor.stop();
      await http.close();
      await Promise.allSettled(instances.all().map(({ instance }) => instance.stop()));
      await supervisor[Symbol.asyncDispose]();
      await builder[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** The key that seals secrets at rest: made once, readable by this user alone. */
function readMasterKey(dataDir: string): Buffer {
  const path = join(dataDir, 'master.key');
  if (!existsSync(path)) {
    writeFileSync(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  }
  return Buffer.from(readFileSync(path, 'utf8').trim(), 'base64');
}

function readVersion(): string {
  const text = readFileSync(join(APP_FOLDER, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
