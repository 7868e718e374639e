// What survives a restart, as an interface: drivers implement it, the contract suite checks it.
// Values are plain data; secrets in them are sealed by vault.ts before they come here.

import type { Category } from '../catalog/categories.ts';
import type { Grants } from '../lifecycle/host.ts';

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

/** A bearer token; only its hash is kept. */
export type TokenRow = {
  readonly id: string;
  readonly name: string;
  readonly role: 'admin' | 'operator' | 'viewer' | 'panel';
  /** SHA-256 of the secret, hex */
  readonly hash: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
};

/** One line of the audit. */
export type AuditRow = {
  readonly at: string;
  readonly actor: string;
  readonly role: string;
  readonly action: string;
  readonly subject: string;
  readonly outcome: string;
  readonly details?: Readonly<Record<string, unknown>>;
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

/** Everything the host keeps. Writes are durable when their promise resolves. */
export type Store = {
  instances(filter?: Partial<InstanceKey>): Promise<InstanceRow[]>;
  instance(key: InstanceKey): Promise<InstanceRow | undefined>;
  putInstance(row: InstanceRow): Promise<void>;
  /** Puts a row with a new config version and keeps the one before it. */
  putConfig(row: InstanceRow, actor: string, at: string): Promise<void>;
  /** Removes an instance with its stored values and operations. */
  removeInstance(key: InstanceKey): Promise<void>;

  generations(category: Category, name: string): Promise<Omit<GenerationRow, 'bundle'>[]>;
  generation(
    category: Category,
    name: string,
    generation: string,
  ): Promise<GenerationRow | undefined>;
  /** Keeps a generation as the newest; only the newest `keep` stay. */
  putGeneration(row: GenerationRow, keep: number): Promise<void>;
  removeGenerations(category: Category, name: string): Promise<void>;

  tokens(): Promise<TokenRow[]>;
  tokenByHash(hash: string): Promise<TokenRow | undefined>;
  putToken(row: TokenRow): Promise<void>;
  removeToken(id: string): Promise<boolean>;

  addAudit(row: AuditRow): Promise<void>;
  /** Newest first. */
  audit(options: {
    limit: number;
    before?: number;
  }): Promise<{ entries: (AuditRow & { id: number })[] }>;

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
