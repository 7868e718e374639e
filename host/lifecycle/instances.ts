// All instances: their rows in the store and, when enabled, the running objects. Every change of one
// instance waits for the change before it.

import type { CatalogEntry } from '../catalog/catalog.ts';
import { isInstanceName } from '../catalog/names.ts';
import type { Supervisor } from '../cells/supervisor.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Held, InstanceRow, Store } from '../store/store.ts';
import { createTurns } from '../store/turns.ts';
import type { Compiled } from './compiled.ts';
import { maskConfig } from './config.ts';
import { missingGrants, requestedGrants } from './grants.ts';
import type { StateChange } from '../changes.ts';
import type { InstanceView } from './host.ts';
import { makeRoom } from './evict.ts';
import { Instance } from './instance.ts';
import type { Endowment, InstancePowers } from './instance.ts';

/** What instances need from outside. */
export type InstancesPowers = {
  readonly store: Store;
  readonly supervisor: Supervisor;
  readonly nowMs: () => number;
  /** Names the V8 that cells run. */
  readonly engine: string;
  readonly onWarmed: (entry: CatalogEntry, compiled: Compiled) => void;
  readonly endow: (row: InstanceRow, entry: CatalogEntry, compiled: Compiled) => Promise<Endowment>;
  readonly onLog: (instance: string, ...line: Parameters<InstancePowers['onLog']>) => void;
  readonly onChange: (change: Omit<StateChange, 'at'>) => void;
  /** Requests of an instance that were refused since the start. */
  readonly deniedOf: (id: string) => number;
  /** Whether extensions of that folder are trusted when no admin has said otherwise. */
  readonly isTrustedFolder: (entry: CatalogEntry) => boolean;
};

/** What runs of a row, and the row as it was when that began. */
/** What an object runs, and where its clock starts if not now. */
type Start = { readonly compiled: Compiled; readonly originMs?: number | undefined };
type Live = { readonly instance: Instance; readonly entry: CatalogEntry; row: InstanceRow };

/** The instances of this host. */
export class Instances {
  readonly #powers: InstancesPowers;
  readonly #live = new Map<string, Live>();
  readonly #retiring = new Set<Promise<void>>();

  constructor(powers: InstancesPowers) {
    this.#powers = powers;
  }

  /** `category/name/instance` */
  static id({ category, name }: CatalogEntry, instance: string): string {
    return `${category}/${name}/${instance}`;
  }

  /** The running object of an enabled instance. */
  live(id: string): Instance | undefined {
    return this.#live.get(id)?.instance;
  }

  /** The row that the running object was last started or reloaded from. */
  applied(id: string): InstanceRow | undefined {
    return this.#live.get(id)?.row;
  }

  /** Notes that the running object now is as this row says. */
  setApplied(id: string, row: InstanceRow): void {
    const live = this.#live.get(id);
    if (live !== undefined) live.row = row;
  }

  /** Every running object with its extension. */
  all(): readonly Live[] {
    return [...this.#live.values()];
  }

  /** Runs work on an instance of this host after the work before it. */
  readonly inTurn = createTurns();

  /** Runs one change of an instance after those before it, on whichever host they began. */
  exclusive<T>(id: string, work: (held: Held) => Promise<T>): Promise<T> {
    return this.inTurn(id, () => this.#powers.store.exclusive(`instance ${id}`, work));
  }

  /** The row, or the one that `default` starts from. @throws {HostError} `CALLER_NOT_FOUND` */
  async row(entry: CatalogEntry, instance: string): Promise<InstanceRow> {
    const { category, name } = entry;
    const row = await this.#powers.store.instance({ category, name, instance });
    if (row !== undefined) return row;
    if (instance === 'default') return emptyRow(entry, instance);
    throw new HostError('CALLER_NOT_FOUND', `Instance ${category}/${name}/${instance} not found`, {
      remedy: `Make it with POST /api/v1/admin/extensions/${category}/${name}/instances`,
    });
  }

  /** All rows of an extension; `default` is always among them. */
  async rows(entry: CatalogEntry): Promise<InstanceRow[]> {
    const { category, name } = entry;
    const rows = await this.#powers.store.instances({ category, name });
    if (rows.some((row) => row.instance === 'default')) return rows;
    return [emptyRow(entry, 'default'), ...rows];
  }

  /** Makes an instance. @throws {HostError} `CALLER_INPUT_INVALID`, `CALLER_CONFLICT` */
  create(entry: CatalogEntry, instance: string): Promise<InstanceRow> {
    const { category, name } = entry;
    // Of the whole extension: two hosts must not both make the last one that fits.
    return this.#powers.store.exclusive(`instances of ${category}/${name}`, ({ store }) =>
      this.#create(store, entry, instance),
    );
  }

  async #create(store: Store, entry: CatalogEntry, instance: string): Promise<InstanceRow> {
    if (!isInstanceName(instance)) {
      throw new HostError(
        'CALLER_INPUT_INVALID',
        `Instance name "${instance.slice(0, 100)}" is not valid: it must match [a-z0-9][a-z0-9-]{0,62}`,
        { details: { field: 'instance' } },
      );
    }
    const { category, name } = entry;
    const rows = await store.instances({ category, name });
    if (rows.some((row) => row.instance === instance)) {
      throw new HostError(
        'CALLER_CONFLICT',
        `Instance ${category}/${name}/${instance} exists already`,
      );
    }
    if (rows.length >= LIMITS.instancesPerExtension) {
      throw new HostError(
        'CALLER_CONFLICT',
        `Extension ${category}/${name} has ${LIMITS.instancesPerExtension} instances already`,
        { remedy: 'Remove one that is not needed' },
      );
    }
    const row = emptyRow(entry, instance);
    await store.putInstance(row);
    return row;
  }

  /** Makes the running object of an enabled row; the isolate starts with the first call. */
  open(row: InstanceRow, entry: CatalogEntry, compiled: Compiled): Instance {
    const instance = this.#make(
      row,
      entry,
      { compiled },
      {
        current: () => this.row(entry, row.instance),
        onChange: this.#powers.onChange,
      },
    );
    this.#live.set(instance.id, { instance, entry, row });
    return instance;
  }

  /** An object outside the list, for one test with values that are not stored; the caller stops it. */
  detached(row: InstanceRow, entry: CatalogEntry, start: Start): Instance {
    const current = (): Promise<InstanceRow> => Promise.resolve(row);
    return this.#make(row, entry, start, { current, onChange: () => undefined });
  }

  /** A second object of a running instance, with an isolate of its own; the caller stops it. */
  aside(id: string, originMs: number | undefined): Instance | undefined {
    const live = this.#live.get(id);
    if (live === undefined) return undefined;
    const { row, entry, instance } = live;
    return this.#make(
      row,
      entry,
      { compiled: instance.compiled, originMs },
      { current: () => this.row(entry, row.instance), onChange: () => undefined },
    );
  }

  #make(
    row: InstanceRow,
    entry: CatalogEntry,
    { compiled, originMs = this.#powers.nowMs() }: Start,
    {
      current,
      onChange,
    }: { current: () => Promise<InstanceRow>; onChange: InstancesPowers['onChange'] },
  ): Instance {
    const id = Instances.id(entry, row.instance);
    const { supervisor, nowMs, engine, endow, onLog, onWarmed } = this.#powers;
    return new Instance(
      {
        id,
        originMs,
        extension: `${entry.category}/${entry.name}`,
        trusted: this.isTrusted(row, entry),
      },
      compiled,
      {
        supervisor,
        nowMs,
        makeRoom: () => makeRoom(this),
        engine,
        onWarmed: (warm) => onWarmed(entry, warm),
        endow: async (generation) => endow(await current(), entry, generation),
        onLog: (callId, line) => onLog(id, callId, line),
        onChange: ({ type, data }) => onChange({ type, subject: id, data }),
      },
    );
  }

  /** Stops and forgets the running object, if there is one. */
  async close(id: string): Promise<void> {
    const live = this.#live.get(id);
    this.#live.delete(id);
    await live?.instance.stop();
  }

  /** Takes the running object out at once; its calls end in the background. */
  retire(id: string): void {
    const live = this.#live.get(id);
    if (live === undefined) return;
    this.#live.delete(id);
    const ending = live.instance.stop().finally(() => this.#retiring.delete(ending));
    this.#retiring.add(ending);
  }

  /** Stops everything, also what was retired before. */
  async stop(): Promise<void> {
    for (const id of this.#live.keys()) this.retire(id);
    await Promise.allSettled(this.#retiring);
  }

  isTrusted(row: InstanceRow, entry: CatalogEntry): boolean {
    return row.trusted ?? this.#powers.isTrustedFolder(entry);
  }

  /** One instance as an admin sees it. */
  view(row: InstanceRow, entry: CatalogEntry, compiled: Compiled | undefined): InstanceView {
    const instance = this.live(Instances.id(entry, row.instance));
    const manifest = compiled?.manifest ?? entry.manifest;
    const missing =
      manifest === undefined || row.grants === null
        ? {}
        : missingGrants(requestedGrants(manifest), row.grants, row.asked ?? {});
    const waits = row.enabled && Object.keys(missing).length > 0;
    return {
      instance: row.instance,
      state: waits ? 'waiting-for-grant' : (instance?.state ?? 'disabled'),
      enabled: row.enabled,
      trusted: this.isTrusted(row, entry),
      generation: instance?.compiled.bundle.hash ?? null,
      grants: row.grants,
      missingGrants: missing,
      config: maskConfig(row.config),
      configVersion: row.configVersion,
      lastError: instance?.lastError ?? null,
      callsRunning: instance?.callsRunning ?? 0,
      deniedRequests: this.#powers.deniedOf(Instances.id(entry, row.instance)),
    };
  }
}

function emptyRow({ category, name }: CatalogEntry, instance: string): InstanceRow {
  return {
    category,
    name,
    instance,
    enabled: false,
    trusted: null,
    pinned: null,
    config: {},
    configVersion: 0,
    grants: null,
    asked: null,
    installedVersion: null,
  };
}
