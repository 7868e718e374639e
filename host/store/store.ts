// What survives a restart, as an interface: drivers implement it, the contract suite checks it.
// Values are plain data; secrets in them are sealed by vault.ts before they come here.

import type { Category } from '../catalog/categories.ts';
import type { HostError } from '../errors.ts';
import type { Grants } from '../grants.ts';
import type { Scope } from '../scope.ts';
import type { AuditStore } from './audit.ts';
import type { DeliveryStore } from './deliveries.ts';
import type { EarnedStore } from './earned.ts';
import type { FactStore } from './facts.ts';
import type { SightingStore } from './sightings.ts';
import type { RecordingStore } from './recordings.ts';

/** One instance as it is kept. */
export type InstanceRow = {
  readonly category: Category;
  readonly name: string;
  readonly instance: string;
  readonly enabled: boolean;
  /** null: as the extension's root says. */
  readonly trusted: boolean | null;
  /** The generation an admin pinned by a rollback; null follows the folder. */
  readonly pinned: string | null;
  /** Field values; a secret is `{"$sealed": "<base64>"}`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly configVersion: number;
  readonly grants: Grants | null;
  /** What the manifest asked when `grants` were given. */
  readonly asked: Grants | null;
  /** Version whose `onInstall` or `onUpgrade` has run. */
  readonly installedVersion: string | null;
};

/** Names one instance. */
export type InstanceKey = Pick<InstanceRow, 'category' | 'name' | 'instance'>;

/** One compiled generation of an extension. */
export type GenerationRow = {
  readonly category: Category;
  readonly name: string;
  readonly generation: string;
  readonly version: string;
  readonly at: string;
  readonly manifest: unknown;
  readonly description: unknown;
  /** As host/build/messages.ts packs it */
  readonly bundle: Uint8Array;
};

/** An extension that was uploaded: what a host without its folder makes the folder from. */
export type ArchiveRow = {
  readonly category: Category;
  readonly name: string;
  /** SHA-256 of the archive, hex */
  readonly sha256: string;
  readonly at: string;
  /** The .tgz as it came */
  readonly archive: Uint8Array;
};

/** One version of an instance's config as it was set. */
export type ConfigVersion = {
  readonly version: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly actor: string;
  readonly at: string;
};

/** A decision about the grants of an instance. */
export type GrantChange = {
  /** What was done: `enable`, `lock`, `unlock`, `allow`; `enable.undone` where a start failed. */
  readonly action: string;
  readonly actor: string;
  readonly at: string;
  /** As they are from then on; null: it has none. */
  readonly grants: Grants | null;
  /** What they have that those before had not, and the other way round. */
  readonly added: Grants;
  readonly removed: Grants;
};

/** A bearer token; only its hash is kept. */
export type TokenRow = {
  readonly id: string;
  readonly name: string;
  readonly role: 'admin' | 'operator' | 'viewer' | 'panel';
  /** SHA-256 of the secret, hex */
  readonly hash: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly scope: Scope;
  /** null: the host's own bound */
  readonly requestsPerMinute: number | null;
};

/** A call that came with an idempotency key, by (instance, key). */
export type OperationRow = {
  readonly instance: string;
  readonly key: string;
  readonly callId: string;
  readonly handler: string;
  /** SHA-256 of the input's JSON, hex */
  readonly inputHash: string;
  readonly startedAt: string;
  /** `running` after a restart means: nobody knows how far it came. */
  readonly state: 'running' | 'done' | 'failed';
  /** JSON text of the outcome */
  readonly outcome: string | null;
};

/** One stored value of an instance's key-value storage. */
export type StoredValue = { readonly key: string; readonly value: unknown };

/** What another host on the same store has changed; `all`: anything, notices may have been missed. */
export type StoreNotice =
  | ({ readonly kind: 'instance' } & InstanceKey)
  | { readonly kind: 'extension'; readonly category: Category; readonly name: string }
  | { readonly kind: 'tokens' }
  /** Something is to be delivered now. */
  | { readonly kind: 'deliveries' }
  | { readonly kind: 'all' };

/** A bounded wait for a turn. */
export type TurnWait = { readonly waitMs: number; readonly late: () => HostError };

/** What work under a key is given. */
export type Held = {
  /** Aborts when the key is lost; its reason is the `HostError` that says so. */
  readonly signal: AbortSignal;
  /**
   * The same store, for what the work writes: nothing is written once the key is lost, whether this host has
   * heard of that or not. `ping` fails then as well.
   */
  readonly store: Store;
};

/** Everything the host keeps. Writes are durable when their promise resolves. */
export type Store = StateStore &
  AuditStore &
  DeliveryStore &
  FactStore &
  RecordingStore &
  SightingStore &
  EarnedStore;

/** Instances, generations, tokens, operations and stored values. */
type StateStore = {
  readonly driver: 'sqlite' | 'postgres';
  /** @throws {HostError} `HOST_STORE_FAILED` when the store does not answer */
  ping(): Promise<void>;
  /** Epoch milliseconds of the clock that all hosts of this store share. See clock.ts. */
  readClock(): Promise<number>;
  /** Tells what other hosts change from now on; a store with one host has nothing to tell. */
  listen(listener: (notice: StoreNotice) => void): void;
  /**
   * Runs `work` while no other host runs anything under the same key. Within one host the caller queues.
   * A host that loses its connection to the store loses its keys: see `Held`.
   *
   * @param wait How long another host's work is waited for, and what is thrown then
   * @throws {HostError} `HOST_OVERLOADED` when another host keeps the key for `LIMITS.storeLockWaitMs`
   */
  exclusive<T>(key: string, work: (held: Held) => Promise<T>, wait?: TurnWait): Promise<T>;

  instances(filter?: Partial<InstanceKey>): Promise<InstanceRow[]>;
  instance(key: InstanceKey): Promise<InstanceRow | undefined>;
  putInstance(row: InstanceRow): Promise<void>;
  /** Puts a row with a new config version and keeps the one before it. */
  putConfig(row: InstanceRow, actor: string, at: string): Promise<void>;
  /** Newest first, at most `LIMITS.keptConfigVersions`. */
  configHistory(key: InstanceKey): Promise<ConfigVersion[]>;
  /** Puts a row with other grants, or the same ones given again, and keeps who decided that. */
  putGrants(row: InstanceRow, change: Omit<GrantChange, 'grants'>): Promise<void>;
  /** Newest first, at most `LIMITS.keptGrantChanges`. */
  grantHistory(key: InstanceKey): Promise<GrantChange[]>;
  /** Removes an instance with all that is kept of it, but its facts. */
  removeInstance(key: InstanceKey): Promise<void>;

  generations(category: Category, name: string): Promise<Omit<GenerationRow, 'bundle'>[]>;
  generation(
    category: Category,
    name: string,
    generation: string,
  ): Promise<GenerationRow | undefined>;
  /** Keeps a generation as the newest; only the newest `keep` stay. */
  putGeneration(row: GenerationRow, keep: number): Promise<void>;
  /** Replaces the bundle of a generation, where it stands; one that is gone stays gone. */
  putBundle(
    key: Pick<GenerationRow, 'category' | 'name' | 'generation'>,
    bundle: GenerationRow['bundle'],
  ): Promise<void>;
  removeGenerations(category: Category, name: string): Promise<void>;

  archives(): Promise<Omit<ArchiveRow, 'archive'>[]>;
  archive(category: Category, name: string): Promise<ArchiveRow | undefined>;
  putArchive(row: ArchiveRow): Promise<void>;
  removeArchive(category: Category, name: string): Promise<void>;

  /** Keeps one small text under a name unless there is one. @returns The one that stands */
  keepMark(name: string, text: string): Promise<string>;

  /** In order of their making. */
  tokens(): Promise<TokenRow[]>;
  tokenByHash(hash: string): Promise<TokenRow | undefined>;
  putToken(row: TokenRow): Promise<void>;
  removeToken(id: string): Promise<boolean>;

  /** Adds the row, or returns the one that stands under the same (instance, key). */
  startOperation(row: OperationRow): Promise<OperationRow | undefined>;
  endOperation(row: Pick<OperationRow, 'instance' | 'key' | 'state' | 'outcome'>): Promise<void>;

  value(instance: string, key: string, nowMs: number): Promise<unknown>;
  /** @returns false when the instance's values would be over `quotaBytes`; expired ones do not count */
  putValue(
    instance: string,
    entry: StoredValue & { readonly expiresMs: number | null },
    bounds: { nowMs: number; quotaBytes: number },
  ): Promise<boolean>;
  removeValue(instance: string, key: string): Promise<boolean>;
  /**
   * In the order of the keys' UTF-8 bytes, which is that of code points.
   *
   * @throws {HostError} `EXTENSION_QUOTA_EXCEEDED` over `LIMITS.storageListBytes`
   */
  values(
    instance: string,
    options: { prefix: string; after: string; limit: number; nowMs: number },
  ): Promise<StoredValue[]>;
  /** Runs `change` on the current value with nobody in between; undefined leaves it as it is. */
  updateValue(
    instance: string,
    key: string,
    options: {
      nowMs: number;
      quotaBytes: number;
      /** Of the changed value; null: never */
      expiresMs: number | null;
      change: (current: unknown) => unknown;
    },
  ): Promise<'changed' | 'unchanged' | 'over-quota'>;

  [Symbol.asyncDispose](): Promise<void>;
};
