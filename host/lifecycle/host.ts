// What http and the CLI may ask of the running host: one interface, plain data in and out.
// main.ts builds it; nothing here knows HTTP.

import type { Grants, SecretBinding } from '../grants.ts';
import type { StateChange } from '../changes.ts';
import type { LogLine, Receipt } from '../broker/receipt.ts';
import type { Cancellation } from '../cancellation.ts';
import type { Problem } from '../build/build.ts';
import type { Category } from '../catalog/categories.ts';
import type { ErrorData } from '../errors.ts';
import type { Scope } from '../scope.ts';
import type { GrantChange } from '../store/store.ts';
import type { Field } from '../../sdk/domain.ts';

/** Names as they came in a URL: case and hyphens do not matter until the catalog has resolved them. */
export type ExtensionRef = { readonly category: string; readonly name: string };

/** One instance of one extension; `default` is made on first use. */
export type InstanceRef = ExtensionRef & { readonly instance: string };

/** Who asks: goes into the audit. http has checked the role; what it decides here is who widens a lock. */
export type Actor = {
  readonly id: string;
  readonly role: 'admin' | 'operator' | 'viewer' | 'panel' | 'system';
};

/** Where an instance is in its life. */
export type InstanceState =
  | 'disabled'
  | 'starting'
  | 'running'
  | 'idle'
  | 'failed'
  | 'quarantined'
  | 'waiting-for-grant';

/** One instance as an admin sees it. Secrets in `config` read `"********"`. */
export type InstanceView = {
  readonly instance: string;
  readonly state: InstanceState;
  readonly enabled: boolean;
  readonly trusted: boolean;
  readonly generation: string | null;
  readonly grants: Grants | null;
  /** What the current manifest asks beyond the grants; an empty object means nothing. */
  readonly missingGrants: Grants;
  readonly config: Readonly<Record<string, unknown>>;
  readonly configVersion: number;
  readonly lastError: ErrorData | null;
  readonly callsRunning: number;
  /** Requests refused since this host started; `GET …/usage` says which and why. */
  readonly deniedRequests: number;
};

/** Something counted, with when it was seen first and last. */
type Counted = { readonly count: number; readonly firstAt: string; readonly lastAt: string };

/** A first use outside the lock of an instance. */
export type AccessRequest = Counted &
  NonNullable<Grants['lock']>[number] & { readonly id: string; readonly instance: string };

/** What an instance does with its grants. */
export type UsageView = {
  /** `category/name/instance` */
  readonly instance: string;
  readonly grants: Grants | null;
  readonly used: readonly (Counted & NonNullable<Grants['lock']>[number])[];
  /** With `rule`, `setBy`, `allowedBy`, `target`, `message`, `remedy`. */
  readonly denied: readonly (Counted & Readonly<Record<string, unknown>>)[];
  readonly asked: readonly AccessRequest[];
  /** Where each secret may go. */
  readonly secrets: readonly {
    readonly field: string;
    readonly hosts: readonly string[];
    readonly in: readonly string[];
    /** Given by the vendor in replies to that path. */
    readonly earned?: SecretBinding['earned'];
    /** Of what is earned: how many are kept sealed now. */
    readonly kept?: number;
  }[];
  /** Grants that what was used fits into, and the granted hosts that they leave out. */
  readonly proposal: { readonly grants: Grants; readonly drops: readonly string[] };
};

/** One extension as an admin sees it. */
export type ExtensionView = {
  readonly category: Category;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly author: string;
  readonly version: string;
  readonly type: string;
  readonly shipped: boolean;
  readonly state: 'ready' | 'broken' | 'enabled';
  readonly requested: Grants;
  readonly reason?: string;
  readonly handlers: readonly string[];
  readonly actions: readonly string[];
  readonly pages: readonly string[];
  /** Newest first; the first is the current one. */
  readonly generations: readonly {
    readonly generation: string;
    readonly version: string;
    readonly at: string;
  }[];
  readonly problems: readonly Problem[];
  readonly instances: readonly InstanceView[];
};

/** A finished call. `resultText` is the handler's JSON, passed on unparsed. */
export type CallOutcome = {
  readonly callId: string;
  readonly resultText: string;
  readonly receipt: Receipt;
  /** Entries of the ledger that changed by it. */
  readonly facts: number;
};

/** How a recorded call is to run again. */
export type ReplayWish = {
  /**
   * `recorded`: with the answers it had then, without any effect (default); `live`: for real, as a new
   * call.
   */
  readonly mode?: 'recorded' | 'live';
  /** The code to run it on; the current one when absent. */
  readonly generation?: string;
};

/** What a replay with recorded answers found. */
export type Replayed = {
  readonly mode: 'recorded';
  readonly same: boolean;
  /** In words, one for each. */
  readonly differences: readonly string[];
};

/** What a generation would do otherwise than was recorded. */
export type Comparison = {
  readonly generation: string;
  /** Recorded calls that were run on it, with the answers they had then. */
  readonly compared: number;
  readonly differing: readonly {
    readonly callId: string;
    readonly handler: string;
    readonly differences: readonly string[];
  }[];
};

/** A call as `GET /calls` lists it. */
export type CallRecord = {
  readonly callId: string;
  readonly instance: string;
  readonly handler: string;
  readonly actor: string;
  readonly startedAt: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly error?: ErrorData;
  readonly receipt?: Receipt;
  readonly input?: unknown;
  readonly result?: unknown;
  readonly requests?: readonly unknown[];
  readonly replayOf?: string;
};

/** An earlier config of an instance, secrets masked. */
export type ConfigVersionView = {
  readonly version: number;
  readonly at: string;
  readonly actor: string;
  readonly config: Readonly<Record<string, unknown>>;
};

/** The running host. Every method throws `HostError` for expected failures. */
export type ExtensionHost = {
  /**
   * `category/name`, or `category/name/instance` where one is given, with the names as they are printed.
   * What is not known stays as it came, and at most `LIMITS.subjectChars` characters of it.
   */
  subject(ref: ExtensionRef & { readonly instance?: string }): string;
  /** The name of an extension as it is printed, `category/name`. @throws {HostError} `CALLER_NOT_FOUND` */
  resolve(ref: ExtensionRef): Promise<string>;
  list(): Promise<Record<Category, string[]>>;
  metadata(ref: ExtensionRef): Promise<{
    name: string;
    description: string;
    version: string;
    author: string;
    type: string;
  }>;
  configFields(ref: ExtensionRef): Promise<readonly Field[]>;
  extension(ref: ExtensionRef): Promise<ExtensionView>;
  /** Unpacks, checks, compiles; the extension is listed afterwards, not enabled. */
  install(
    archive: Buffer,
    actor: Actor,
    options?: {
      /**
       * Holds an update back when the last recorded calls, as many as this, go otherwise on it: its
       * instances stay on the code they run until a rollback to the new generation lets it in.
       */
      readonly compareLast?: number;
    },
  ): Promise<ExtensionView & { readonly comparison?: Comparison }>;
  /** Runs the last recorded calls on a generation, without effects. */
  compare(
    ref: ExtensionRef,
    wish: { readonly generation?: string; readonly last: number },
    actor: Actor,
  ): Promise<Comparison>;
  remove(ref: ExtensionRef, actor: Actor): Promise<void>;
  rollback(ref: ExtensionRef, generation: string, actor: Actor): Promise<ExtensionView>;

  instances(ref: ExtensionRef): Promise<readonly InstanceView[]>;
  instance(ref: InstanceRef): Promise<InstanceView>;
  createInstance(ref: InstanceRef, actor: Actor): Promise<InstanceView>;
  patchInstance(
    ref: InstanceRef,
    change: { trusted?: boolean },
    actor: Actor,
  ): Promise<InstanceView>;
  removeInstance(ref: InstanceRef, actor: Actor): Promise<void>;
  /** @param ifVersion Only when the config still is of that version: else `CALLER_CONFLICT` with the one it is */
  putConfig(
    ref: InstanceRef,
    values: Record<string, unknown>,
    actor: Actor,
    ifVersion?: number,
  ): Promise<InstanceView>;
  /** Newest first, secrets masked. */
  configHistory(ref: InstanceRef): Promise<readonly ConfigVersionView[]>;
  /** Makes a new version of an earlier one's values, checked as new ones are. */
  rollbackConfig(
    ref: InstanceRef,
    wish: { readonly version: number; readonly ifVersion?: number | undefined },
    actor: Actor,
  ): Promise<InstanceView>;
  enable(ref: InstanceRef, grants: Grants | undefined, actor: Actor): Promise<InstanceView>;
  disable(ref: InstanceRef, actor: Actor): Promise<InstanceView>;
  restart(ref: InstanceRef, actor: Actor): Promise<InstanceView>;
  /** `testConnection` with the stored config, or with `values` that are not saved. */
  test(
    ref: InstanceRef,
    values: Record<string, unknown> | undefined,
    actor: Actor,
  ): Promise<{ ok: boolean; message?: string; remedy?: string; callId: string }>;

  usage(ref: InstanceRef): Promise<UsageView>;
  /** Newest first. */
  grantHistory(ref: InstanceRef): Promise<readonly GrantChange[]>;
  /** Without `lock` to what was observed. */
  lock(ref: InstanceRef, lock: Grants['lock'], actor: Actor): Promise<InstanceView>;
  unlock(ref: InstanceRef, actor: Actor): Promise<InstanceView>;
  accessRequests(): Promise<readonly AccessRequest[]>;
  decideRequest(id: string, decision: 'allow' | 'dismiss', actor: Actor): Promise<AccessRequest>;

  call(
    ref: InstanceRef,
    handler: string,
    request: {
      readonly input: unknown;
      readonly deadlineMs?: number;
      readonly dryRun?: boolean;
      readonly idempotencyKey?: string;
      /** Cancelled when the client goes away. */
      readonly cancellation: Cancellation;
      readonly actor: Actor;
      readonly replayOf?: string;
      /** W3C trace headers of the request */
      readonly carrier?: Readonly<Record<string, string>>;
    },
  ): Promise<CallOutcome>;
  calls(filter: {
    instance?: string;
    scope?: Scope;
    state?: string;
    after?: string;
    limit: number;
  }): Promise<{ calls: readonly CallRecord[]; next: string | null }>;
  callRecord(callId: string): Promise<CallRecord>;
  replay(
    callId: string,
    wish: ReplayWish,
    actor: Actor,
  ): Promise<CallOutcome & { readonly replay?: Replayed }>;

  /** Log lines of one instance: the kept ones first, then live until `signal` aborts. */
  logs(ref: InstanceRef, signal: AbortSignal): AsyncIterable<LogLine>;
  /** Every state change from now on. */
  changes(signal: AbortSignal): AsyncIterable<StateChange>;
  /** What `/readyz` shows: ready or not, and which walls hold on this machine. */
  readiness(): Promise<{ ready: boolean; checks: Readonly<Record<string, unknown>> }>;
};
