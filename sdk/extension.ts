// The shape all extensions share: config schema, lifecycle handlers, actions.
// server.ts, gateway.ts and other.ts add the handlers of their category.

import type { Context } from './capabilities.ts';
import type { Fact, Field, Json, JsonObject } from './domain.ts';
import type { Failure } from './errors.ts';
import type { z } from './schema.ts';

/** Config schema of an extension: always an object of named fields. */
export type ConfigSchema = z.ZodObject;

/** What a config schema yields; an extension without one gets an empty object. */
export type ConfigOf<Schema extends ConfigSchema | undefined> = Schema extends ConfigSchema
  ? z.output<Schema>
  : Record<string, never>;

/** The answer of `testConnection` and `health`. What `testConnection` throws is told as `ok: false`. */
export type CheckResult = {
  readonly ok: boolean;
  readonly message?: string;
  readonly remedy?: string;
};

/** Something an admin or a customer can start from the panel, declared as data. */
export type Action<Config, Subject> = {
  readonly label: string;
  readonly audience: 'admin' | 'customer' | 'both';
  /** Asked before it runs; for everything that loses data. */
  readonly confirm?: string | undefined;
  readonly fields?: readonly Field[];
  run(
    input: { readonly subject: Subject; readonly values: JsonObject; readonly actor?: JsonObject },
    ctx: Context<Config>,
  ): Promise<ActionResult>;
};

/** What an action shows: a text, a link to open, a page of data, or a failure. */
export type ActionResult = {
  readonly message?: string;
  /** https only; the host refuses any other scheme. */
  readonly url?: string;
  readonly data?: Json;
  /** Shown once, never stored. */
  readonly oneTime?: JsonObject;
  readonly error?: Failure;
  /** What an action of a gateway tells the ledger, such as payments found in a statement. */
  readonly facts?: readonly Fact[];
};

/** Handlers that every category may have. All are async and take and return plain JSON. */
export type CommonHandlers<Config, Subject> = {
  testConnection?(ctx: Context<Config>): Promise<CheckResult>;
  health?(ctx: Context<Config>): Promise<CheckResult>;
  onEnable?(ctx: Context<Config>): Promise<void>;
  onDisable?(ctx: Context<Config>): Promise<void>;
  onInstall?(ctx: Context<Config>): Promise<void>;
  onUninstall?(ctx: Context<Config>): Promise<void>;
  onUpgrade?(fromVersion: string, ctx: Context<Config>): Promise<void>;
  onConfigChange?(previous: JsonObject, ctx: Context<Config>): Promise<void>;
  /** Returns what the next generation should start from. */
  onSuspend?(ctx: Context<Config>): Promise<Json>;
  /** Gets what the previous generation's `onSuspend` returned. */
  onResume?(state: Json, fromVersion: string, ctx: Context<Config>): Promise<void>;
  /** Runs for each `schedule` entry of the manifest, by its name. */
  onSchedule?(
    tick: { readonly name: string; readonly at: string },
    ctx: Context<Config>,
  ): Promise<void>;
  /** Event handlers by event name; the manifest lists the same names under `events`. */
  on?: {
    readonly [event: string]: (event: EventMessage, ctx: Context<Config>) => Promise<Json | void>;
  };
  actions?: { readonly [name: string]: Action<Config, Subject> };
};

/** Something that happened in the panel, delivered at least once. */
export type EventMessage = {
  readonly id: string;
  readonly type: string;
  /** ISO 8601 UTC */
  readonly at: string;
  readonly data: JsonObject;
};
