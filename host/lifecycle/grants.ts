// What a manifest asks, what an admin gave, and the difference. Pure.

import type { Grants } from '../grants.ts';
import type { Manifest } from '../../sdk/manifest.ts';

/** What the manifest asks for, as grants. */
export function requestedGrants(manifest: Manifest): Grants {
  const asked = manifest.capabilities ?? {};
  return {
    ...(asked.fetch === undefined ? {} : { fetch: { hosts: asked.fetch.hosts } }),
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
  const ticks = new Set([...(granted.schedule ?? []), ...(narrowed.schedule ?? [])].map(tickKey));
  const schedule = (requested.schedule ?? []).filter((entry) => !ticks.has(tickKey(entry)));
  const quota = requested.storage?.quotaBytes ?? 0;
  const hadQuota = Math.max(granted.storage?.quotaBytes ?? 0, narrowed.storage?.quotaBytes ?? 0);
  const hadWebhook = granted.webhook === true || narrowed.webhook === true;
  return {
    ...(hosts.length === 0 ? {} : { fetch: { hosts } }),
    ...(quota <= hadQuota ? {} : { storage: { quotaBytes: quota } }),
    ...(events.length === 0 ? {} : { events }),
    ...(requested.webhook !== true || hadWebhook ? {} : { webhook: true }),
    ...(schedule.length === 0 ? {} : { schedule }),
  };
}

/**
 * The grants an admin's `enable` gives: without a wish exactly what is asked, with one its overlap
 * with what is asked, plus LAN ranges and a lock, which only an admin can set.
 */
export function decideGrants(requested: Grants, wish: Grants | undefined): Grants {
  if (wish === undefined) return requested;
  const hosts = only(requested.fetch?.hosts, wish.fetch?.hosts);
  const events = only(requested.events, wish.events);
  const names = new Set((wish.schedule ?? requested.schedule ?? []).map(({ name }) => name));
  const schedule = requested.schedule?.filter(({ name }) => names.has(name));
  const asked = requested.storage?.quotaBytes;
  const quotaBytes = Math.min(asked ?? 0, wish.storage?.quotaBytes ?? asked ?? 0);
  return {
    ...(hosts === undefined ? {} : { fetch: { hosts } }),
    ...(wish.lan === undefined ? {} : { lan: wish.lan }),
    ...(wish.lock === undefined ? {} : { lock: wish.lock }),
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

function without(asked: readonly string[] | undefined, had: ReadonlySet<string>): string[] {
  return (asked ?? []).filter((entry) => !had.has(entry));
}

function tickKey({ name, cron }: { readonly name: string; readonly cron: string }): string {
  return `${name} ${cron}`;
}
