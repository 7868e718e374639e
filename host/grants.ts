// What an extension may do: asked for by its manifest, given by an admin. One shape for both, used from the
// store up to HTTP.

import type { Manifest, SecretPlace } from '../sdk/manifest.ts';

/** Where a secret may be sent, and how a vendor's reply gives it when it is no config field. */
export type SecretBinding = {
  readonly hosts: readonly string[];
  readonly in: readonly SecretPlace[];
  /** Sealed where it comes in; null in a difference: it was sealed, and no longer would be. */
  readonly earned?: NonNullable<Manifest['secrets']>[string]['earned'] | null;
};

/** The capabilities a manifest asks for or an admin gave; same shape for both. */
export type Grants = {
  readonly fetch?: { readonly hosts: readonly string[] };
  /** Only an admin adds these: private ranges this instance may reach, and why. */
  readonly lan?: readonly {
    readonly cidr: string;
    readonly reason: string;
    /** Plain http is allowed towards this range. */
    readonly http?: boolean;
    readonly ports?: readonly number[];
  }[];
  /** Only an admin sets it: requests of no other kind leave, whatever `fetch` says. */
  readonly lock?: readonly {
    readonly method: string;
    /** `api.example.com`, with a port when it is not the scheme's own; `http://…` where it is not TLS */
    readonly host: string;
    /** `/v1/things/{id}`: its shape, as host/capabilities/use.ts tells it */
    readonly path: string;
  }[];
  /** By field: a value leaves for nowhere else, and an update that wants it elsewhere waits. */
  readonly secrets?: Readonly<Record<string, SecretBinding>>;
  readonly storage?: { readonly quotaBytes: number };
  readonly events?: readonly string[];
  readonly webhook?: boolean;
  readonly schedule?: readonly { readonly name: string; readonly cron: string }[];
};
