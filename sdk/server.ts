// Servers: extensions that provision what was sold (a VM, a hosting account, a game server).

import type { Context } from './capabilities.ts';
import type {
  Field,
  JsonObject,
  PackageChange,
  Problem,
  Product,
  Service,
  User,
} from './domain.ts';
import type { Failure } from './errors.ts';
import type { CommonHandlers, ConfigOf, ConfigSchema } from './extension.ts';

/** What a provisioning handler answers. */
export type ServerResult =
  | {
      readonly status: 'done';
      readonly remoteId?: string;
      /** Stored by the panel and handed back as `service.properties`; null deletes a name. */
      readonly properties?: JsonObject;
      /** Shown once to the customer, never stored: passwords. */
      readonly oneTime?: JsonObject;
    }
  | {
      /** The vendor works on it; the host calls `reconcile` until it is done or failed. */
      readonly status: 'pending';
      readonly remoteId?: string;
      readonly properties?: JsonObject;
      readonly oneTime?: JsonObject;
      readonly retryAfterMs?: number;
    }
  | { readonly status: 'failed'; readonly error: Failure; readonly properties?: JsonObject };

/** A login link made for one person, for a short time. */
export type LoginUrl = { readonly url: string; readonly expiresAt?: string };

/** One measured quantity of a service. */
export type Usage = {
  readonly name: string;
  readonly used: number;
  /** null: unlimited */
  readonly limit: number | null;
  readonly unit: 'bytes' | 'count' | 'percent' | 'seconds' | 'cores';
};

/** One remote object, as `list` returns it for import and drift reports. */
export type RemoteService = {
  readonly remoteId: string;
  readonly name: string;
  readonly status: 'active' | 'suspended' | 'pending' | 'unknown';
  /** The panel's service id, when the vendor stores it. */
  readonly serviceId?: string;
  readonly email?: string;
  readonly properties?: JsonObject;
};

/** The handlers of a server extension. */
export type ServerHandlers<Config> = CommonHandlers<Config, Service> & {
  create(service: Service, ctx: Context<Config>): Promise<ServerResult>;
  suspend(service: Service, ctx: Context<Config>): Promise<ServerResult>;
  unsuspend(service: Service, ctx: Context<Config>): Promise<ServerResult>;
  terminate(service: Service, ctx: Context<Config>): Promise<ServerResult>;
  getLoginUrl?(service: Service, ctx: Context<Config>): Promise<LoginUrl>;
  changePackage?(change: PackageChange, ctx: Context<Config>): Promise<ServerResult>;
  renew?(service: Service, ctx: Context<Config>): Promise<ServerResult>;
  changePassword?(
    input: { readonly service: Service; readonly password?: string },
    ctx: Context<Config>,
  ): Promise<ServerResult>;
  usage?(service: Service, ctx: Context<Config>): Promise<readonly Usage[]>;
  list?(input: JsonObject, ctx: Context<Config>): Promise<readonly RemoteService[]>;
  /** What the customer may see: names and values, no secrets. */
  info?(service: Service, ctx: Context<Config>): Promise<JsonObject>;
  /** Fields the admin fills in per product; called again with the values when a live field changes. */
  productConfig?(values: JsonObject, ctx: Context<Config>): Promise<readonly Field[]>;
  /** Fields the customer fills in at checkout. */
  checkoutConfig?(
    input: { readonly product: Product; readonly values: JsonObject },
    ctx: Context<Config>,
  ): Promise<readonly Field[]>;
  /** Says before the sale whether `create` would accept it; problems by field name. */
  validate?(
    input: { readonly product: Product; readonly checkout: JsonObject; readonly user?: User },
    ctx: Context<Config>,
  ): Promise<readonly Problem[]>;
  /**
   * Asks the vendor how far a pending operation is, and finishes it.
   *
   * `operation` is the handler that answered `pending`.
   */
  reconcile?(
    input: { readonly operation: string; readonly service: Service },
    ctx: Context<Config>,
  ): Promise<ServerResult>;
};

/**
 * Declares a server extension; the default export of its `extension.ts`.
 *
 * @returns The same definition, marked with its category
 */
export function defineServer<const Schema extends ConfigSchema | undefined = undefined>(
  definition: { config?: Schema } & ServerHandlers<ConfigOf<Schema>>,
): { readonly category: 'servers' } & typeof definition {
  return { ...definition, category: 'servers' };
}
