// What a manifest asks, what an admin gave, and the difference. Pure.

import { isDeepStrictEqual } from 'node:util';

import { HostError } from '../errors.ts';
import type { Grants, SecretBinding } from '../grants.ts';
import type { Manifest } from '../../sdk/manifest.ts';

/** What the manifest asks for, as grants. */
export function requestedGrants(manifest: Manifest): Grants {
  const asked = manifest.capabilities ?? {};
  return {
    ...(asked.fetch === undefined ? {} : { fetch: { hosts: asked.fetch.hosts } }),
    ...(manifest.secrets === undefined ? {} : { secrets: manifest.secrets }),
    ...(asked.storage === undefined ? {} : { storage: { quotaBytes: asked.storage.quotaBytes } }),
    ...(asked.events === undefined ? {} : { events: asked.events }),
    ...(asked.webhook === true ? { webhook: true } : {}),
    ...(asked.schedule === undefined ? {} : { schedule: asked.schedule }),
  };
}

/**
 * What `requested` has that `granted` does not; `{}` when everything is covered.
 *
 * `narrowed` are grants an admin gave on purpose as less than was asked at that time: what was asked
 * then and refused is not asked for again.
 */
export function missingGrants(requested: Grants, granted: Grants, narrowed: Grants): Grants {
  const had = (pick: (grants: Grants) => readonly string[] | undefined): Set<string> =>
    new Set([...(pick(granted) ?? []), ...(pick(narrowed) ?? [])]);
  const hosts = without(
    requested.fetch?.hosts,
    had((grants) => grants.fetch?.hosts),
  );
  const events = without(
    requested.events,
    had((grants) => grants.events),
  );
  const secrets = missingSecrets(requested, granted, narrowed);
  const ticks = new Set([...(granted.schedule ?? []), ...(narrowed.schedule ?? [])].map(tickKey));
  const schedule = (requested.schedule ?? []).filter((entry) => !ticks.has(tickKey(entry)));
  const quota = requested.storage?.quotaBytes ?? 0;
  const hadQuota = Math.max(granted.storage?.quotaBytes ?? 0, narrowed.storage?.quotaBytes ?? 0);
  const hadWebhook = granted.webhook === true || narrowed.webhook === true;
  return {
    ...(hosts.length === 0 ? {} : { fetch: { hosts } }),
    ...(Object.keys(secrets).length === 0 ? {} : { secrets }),
    ...(quota <= hadQuota ? {} : { storage: { quotaBytes: quota } }),
    ...(events.length === 0 ? {} : { events }),
    ...(requested.webhook !== true || hadWebhook ? {} : { webhook: true }),
    ...(schedule.length === 0 ? {} : { schedule }),
  };
}

/** Bindings that are wider than before, and replies whose credentials would come in the clear. */
function missingSecrets(
  { secrets: requested = {} }: Grants,
  { secrets: granted = {} }: Grants,
  { secrets: narrowed = {} }: Grants,
): Record<string, SecretBinding> {
  const wider = Object.entries(requested).filter(([field, binding]) => {
    const had = [granted[field], narrowed[field]].filter((each) => each !== undefined);
    const hosts = new Set(had.flatMap((each) => each.hosts));
    const places = new Set(had.flatMap((each) => each.in));
    const isKnown = had.some(({ earned }) => isDeepStrictEqual(earned, binding.earned));
    return (
      !isKnown ||
      binding.hosts.some((host) => !hosts.has(host)) ||
      binding.in.some((place) => !places.has(place))
    );
  });
  const bare = Object.entries(granted)
    .filter(([field, { earned }]) => earned && requested[field]?.earned === undefined)
    .map(([field]) => [field, { ...(requested[field] ?? NOWHERE), earned: null }] as const);
  return Object.fromEntries([...wider, ...bare]);
}

const NOWHERE: SecretBinding = { hosts: [], in: [] };

/** What grants have that those before had not, and the other way round. */
export function grantDifference(
  before: Grants | null,
  after: Grants | null,
): { readonly added: Grants; readonly removed: Grants } {
  return { added: beyond(after ?? {}, before ?? {}), removed: beyond(before ?? {}, after ?? {}) };
}

/** What `grants` have that `others` have not; LAN ranges and the lock too, which no manifest asks for. */
function beyond(grants: Grants, others: Grants): Grants {
  const lan = unlike(grants.lan, others.lan);
  const lock = unlike(grants.lock, others.lock);
  // An empty lock lets nothing out: that there is one at all is a difference of its own.
  const isLocked = grants.lock !== undefined && others.lock === undefined;
  return {
    ...missingGrants(grants, others, {}),
    ...(lan.length === 0 ? {} : { lan }),
    ...(lock.length === 0 && !isLocked ? {} : { lock }),
  };
}

/**
 * What is kept of a lock when grants are given or locked anew: a lock that nobody speaks of stays.
 *
 * @throws {HostError} `CALLER_FORBIDDEN` when somebody who is no admin would let more requests out
 */
export function decideLock(
  had: Grants['lock'],
  wish: Grants['lock'],
  { role }: { readonly role: string },
): Grants['lock'] {
  if (had === undefined || wish === undefined) return wish ?? had;
  if (role === 'admin' || unlike(wish, had).length === 0) return wish;
  throw new HostError('CALLER_FORBIDDEN', `Role "${role}" may not widen a lock: it needs admin`, {
    remedy: 'Send kinds of requests that the lock has already, or let an admin allow more',
  });
}

function unlike<T>(items: readonly T[] | undefined, others: readonly T[] | undefined): T[] {
  const known = new Set((others ?? []).map((each) => JSON.stringify(each)));
  return (items ?? []).filter((each) => !known.has(JSON.stringify(each)));
}

/**
 * The grants an admin's `enable` gives: without a wish exactly what is asked, with one its overlap
 * with what is asked, plus LAN ranges, which only an admin can set. The lock is decided apart.
 */
export function decideGrants(requested: Grants, wish: Grants | undefined): Grants {
  if (wish === undefined) return requested;
  const hosts = only(requested.fetch?.hosts, wish.fetch?.hosts);
  const events = only(requested.events, wish.events);
  const secrets = narrowSecrets(requested, wish);
  const names = new Set((wish.schedule ?? requested.schedule ?? []).map(({ name }) => name));
  const schedule = requested.schedule?.filter(({ name }) => names.has(name));
  const asked = requested.storage?.quotaBytes;
  const quotaBytes = Math.min(asked ?? 0, wish.storage?.quotaBytes ?? asked ?? 0);
  return {
    ...(hosts === undefined ? {} : { fetch: { hosts } }),
    ...(wish.lan === undefined ? {} : { lan: wish.lan }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(asked === undefined ? {} : { storage: { quotaBytes } }),
    ...(events === undefined ? {} : { events }),
    ...(requested.webhook === true && wish.webhook !== false ? { webhook: true } : {}),
    ...(schedule === undefined ? {} : { schedule }),
  };
}

function only(
  asked: readonly string[] | undefined,
  wish: readonly string[] | undefined,
): readonly string[] | undefined {
  return wish === undefined ? asked : asked?.filter((entry) => wish.includes(entry));
}

/** What is earned stays as it is asked: without its rule it would come in the clear. */
function narrowSecrets({ secrets }: Grants, { secrets: wish }: Grants): Grants['secrets'] {
  if (secrets === undefined || wish === undefined) return secrets;
  return Object.fromEntries(
    Object.entries(secrets).map(([field, binding]) => {
      const { hosts, in: places } = wish[field] ?? NOWHERE;
      if (binding.earned) return [field, binding];
      return [
        field,
        {
          hosts: binding.hosts.filter((host) => hosts.includes(host)),
          in: binding.in.filter((place) => places.includes(place)),
        },
      ];
    }),
  );
}

function without(asked: readonly string[] | undefined, had: ReadonlySet<string>): string[] {
  return (asked ?? []).filter((entry) => !had.has(entry));
}

function tickKey({ name, cron }: { readonly name: string; readonly cron: string }): string {
  return `${name} ${cron}`;
}
