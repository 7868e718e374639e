// What an isolate starts with: config values with stand-ins for secrets, and exactly the capabilities
// that the instance was granted. The place where grants become powers.

import type { Capability, CapabilityTable } from '../capabilities/capability.ts';
import type { Detour } from '../capabilities/connect.ts';
import { expandHosts } from '../capabilities/egress.ts';
import type { EgressPolicy } from '../capabilities/egress.ts';
import type { EarnedRule, EarnedShelf } from '../capabilities/earned.ts';
import { withTypedFailures } from '../capabilities/failures.ts';
import type { OnBug } from '../capabilities/failures.ts';
import { createFetchCapability } from '../capabilities/fetch.ts';
import { withOperationKeys } from '../capabilities/fetch-idempotency.ts';
import { createSealedKeys } from '../capabilities/sealed-keys.ts';
import { SecretBook } from '../capabilities/secrets.ts';
import type { EgressWatch } from '../capabilities/use.ts';
import { createWebhookCheck } from '../capabilities/webhook.ts';
import { createStorage } from '../capabilities/storage.ts';
import type { CatalogEntry } from '../catalog/catalog.ts';
import { HostError } from '../errors.ts';
import type { InstanceRow, Store } from '../store/store.ts';
import { isSealed } from '../store/vault.ts';
import type { Vault } from '../store/vault.ts';
import type { Compiled } from './compiled.ts';
import { openConfig } from './config.ts';
import { createEarnedShelf } from './earned-shelf.ts';
import { secretFields } from './fields.ts';
import type { Grants, SecretBinding } from '../grants.ts';
import type { Endowment } from './instance.ts';
import { Instances } from './instances.ts';

/** Where requests really go; empty in production. */
export type EgressPowers = {
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  readonly detour?: Detour;
  /** What a grant could allow is reported, not refused: for `dev` alone. */
  readonly report?: boolean;
};

type EndowPowers = {
  readonly store: Store;
  readonly vault: Vault;
  readonly nowMs: () => number;
  /** The host's own listeners; filled once it listens. */
  readonly own: readonly { readonly address: string; readonly port: number }[];
  readonly egress: EgressPowers;
  /** Told of every request that egress refused, with its rule. */
  readonly onDenied: (rule: unknown) => void;
  readonly watch: (instance: string) => EgressWatch;
  /** Told of a request that would have been refused. */
  readonly onReport: (instance: string, refusal: HostError) => void;
  /** Told of what no code was made for. */
  readonly onBug: OnBug;
  /** Stands between the guest and its capabilities. */
  readonly wrap: (table: CapabilityTable, standIns: SecretBook['sealed']) => CapabilityTable;
};

/** Makes the function that endows a new isolate. */
export function createEndow(
  powers: EndowPowers,
): (row: InstanceRow, entry: CatalogEntry, compiled: Compiled) => Promise<Endowment> {
  const { store, vault, nowMs, onDenied, wrap } = powers;
  const { resolve, detour } = powers.egress;
  return async (row, entry, compiled) => {
    const id = Instances.id(entry, row.instance);
    const config = openConfig(row.config, id, vault);
    const grants = row.grants ?? {};
    const shelf = createEarnedShelf(powers, id);
    const secrets = createSecrets(compiled, { stored: row.config, config, grants, shelf });
    await secrets.learn();
    const fetch = createFetchCapability({
      policy: policyOf(powers, id, { grants, config }),
      secrets,
      trust: trustOf(compiled, config),
      watch: powers.watch(id),
      ...(resolve === undefined ? {} : { resolve }),
      ...(detour === undefined ? {} : { detour }),
    });
    const storage =
      grants.storage === undefined
        ? undefined
        : createStorage({ store, instance: id, quotaBytes: grants.storage.quotaBytes, nowMs });
    // Without a grant at all, too, an author learns what would be refused.
    const mayFetch = grants.fetch !== undefined || powers.egress.report === true;
    const served = mayFetch ? noting(fetch.serve, onDenied) : undefined;
    const made = tableOf({
      fetch: served,
      crypto: createSealedKeys(secrets),
      storage,
      webhook:
        grants.webhook === true
          ? createWebhookCheck({ secrets, store, nowMs, fetch: served })
          : undefined,
    });
    const idempotency = compiled.manifest.capabilities?.fetch?.idempotency ?? {};
    const keys = {
      rules: Object.entries(idempotency).map(([host, header]) => ({
        hosts: expandHosts([host], config),
        header,
      })),
      addressOf: (url: string) => secrets.openUrl(url).url,
    };
    const { fetch: recorded, ...table } = wrap(made, secrets.sealed);
    const keyed = recorded && { fetch: withOperationKeys(recorded, keys) };
    return {
      table: withTypedFailures({ ...table, ...keyed }, powers.onBug),
      values: { ...config, ...secrets.sealed },
      scrub: (text) => secrets.scrubber.text(text),
      close: () => void fetch.close(),
    };
  };
}

/** The same capability; `onDenied` gets the rule of every refusal, beside the answer. */
function noting(serve: Capability, onDenied: (rule: unknown) => void): Capability {
  return (...request) => {
    const reply = serve(...request);
    reply.catch((error: unknown) => {
      if (error instanceof HostError && error.code === 'EGRESS_DENIED') {
        onDenied(error.details?.['rule']);
      }
    });
    return reply;
  };
}

function policyOf(
  { own, egress, onReport }: EndowPowers,
  id: string,
  { grants, config }: { readonly grants: Grants; readonly config: Record<string, unknown> },
): EgressPolicy {
  const { lock } = grants;
  return {
    hosts: expandHosts(grants.fetch?.hosts ?? [], config),
    lan: grants.lan ?? [],
    own,
    ...(lock === undefined ? {} : { lock }),
    ...(egress.report === true ? { report: (refusal) => onReport(id, refusal) } : {}),
  };
}

/** Only what was granted is in the table; a table has no other names. */
function tableOf(made: { readonly [name: string]: Capability | undefined }): CapabilityTable {
  return Object.fromEntries(
    Object.entries(made).flatMap(([name, serve]) => (serve === undefined ? [] : [[name, serve]])),
  );
}

function createSecrets(
  { description, manifest }: Compiled,
  {
    stored,
    config,
    grants,
    shelf,
  }: {
    readonly stored: InstanceRow['config'];
    readonly config: Record<string, unknown>;
    readonly grants: Grants;
    readonly shelf: EarnedShelf;
  },
): SecretBook {
  const properties = description.config?.properties ?? {};
  // What was entered as a secret stays one, whatever newer code says of the field.
  const sealed = Object.keys(stored).filter((field) => isSealed(stored[field]));
  const entries = [...new Set([...secretFields(description), ...sealed])].flatMap((field) => {
    const value = config[field];
    if (typeof value !== 'string' || value === '') return [];
    // A secret that the manifest does not name can be used as a key, and leaves for nowhere.
    const { hosts, in: places } = bindingOf(field, { manifest, grants });
    const isBase64Key = properties[field]?.key === 'base64';
    return [{ field, value, hosts: expandHosts(hosts, config), places, isBase64Key }];
  });
  return new SecretBook(entries, earnedRules(manifest, config), shelf);
}

/** What this code asks for a secret, as far as an admin gave it. */
function bindingOf(
  field: string,
  { manifest, grants }: { readonly manifest: Compiled['manifest']; readonly grants: Grants },
): SecretBinding {
  const asked = manifest.secrets?.[field];
  const given = grants.secrets?.[field];
  if (asked === undefined || given === undefined) return { hosts: [], in: [] };
  return {
    hosts: asked.hosts.filter((host) => given.hosts.includes(host)),
    in: asked.in.filter((place) => given.in.includes(place)),
  };
}

/** What the manifest says that vendors give in their replies. */
function earnedRules(
  { secrets = {} }: Compiled['manifest'],
  config: Record<string, unknown>,
): EarnedRule[] {
  return Object.entries(secrets).flatMap(([field, { hosts, in: places, earned }]) => {
    if (earned === undefined) return [];
    const { path, json, header, cookie, from, ...more } = earned;
    const kind = json !== undefined ? 'json' : header !== undefined ? 'header' : 'cookie';
    const at = { kind, name: json ?? header ?? cookie ?? '' } as const;
    const givers = from && expandHosts(from, config);
    return [{ field, hosts: expandHosts(hosts, config), places, path, at, from: givers, ...more }];
  });
}

/** Fields marked `tls: "fingerprint"` or `tls: "ca"` say what else this instance trusts. */
function trustOf(
  { description }: Compiled,
  config: Record<string, unknown>,
): { fingerprints: string[]; ca: string | undefined } {
  const marked = (kind: string): string[] =>
    Object.entries(description.config?.properties ?? {})
      .filter(([, schema]) => schema.tls === kind)
      .map(([name]) => config[name])
      .filter((value): value is string => typeof value === 'string' && value !== '');
  return { fingerprints: marked('fingerprint'), ca: marked('ca')[0] };
}
