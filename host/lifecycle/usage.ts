// What an instance does with its grants, and the tighter grant that follows from it: proposed, set as a
// lock, lifted again. A first use outside the lock waits here for an admin.

import type { CatalogEntry } from '../catalog/catalog.ts';
import {
  expandHosts,
  matchesHost,
  matchesPort,
  normalHost,
  portOf,
} from '../capabilities/hosts.ts';
import type { Use } from '../capabilities/use.ts';
import { HostError } from '../errors.ts';
import type { SightingRow } from '../store/sightings.ts';
import type { GrantChange, InstanceRow } from '../store/store.ts';
import { decideGrants, decideLock, grantDifference } from './grants.ts';
import type { Grants } from '../grants.ts';
import type { AccessRequest, Actor, InstanceRef, InstanceView, UsageView } from './host.ts';
import { Instances } from './instances.ts';
import type { HostParts } from './parts.ts';
import { requestId } from './sightings.ts';
import { usable } from './views.ts';

/** What was used and refused, which secret may go where, and what would be enough. */
export async function readUsage(parts: HostParts, ref: InstanceRef): Promise<UsageView> {
  const { catalog, instances, extensions, store, sightings } = parts;
  const entry = usable(await catalog.find(ref.category, ref.name));
  const row = await instances.row(entry, ref.instance);
  await sightings.flush();
  const instance = Instances.id(entry, ref.instance);
  const rows = await store.sightings({ instance });
  const earned = await store.earned(instance, parts.nowMs());
  const ofKind = (kind: SightingRow['kind']): SightingRow[] =>
    rows.filter((each) => each.kind === kind);
  const manifest = extensions.peek(entry).compiled?.manifest ?? entry.manifest;
  const used = ofKind('used').map(usedOf);
  return {
    instance,
    grants: row.grants,
    used,
    denied: ofKind('denied').map((each) => ({ ...each.details, ...timesOf(each) })),
    asked: ofKind('asked').map(requestOf),
    secrets: Object.entries(row.grants?.secrets ?? manifest.secrets ?? {}).map(
      ([field, binding]) => ({
        field,
        ...binding,
        ...(binding.earned ? { kept: earned.filter((each) => each.field === field).length } : {}),
      }),
    ),
    proposal: proposalOf(row, used),
  };
}

/** What was decided about its grants, newest first. */
export async function readGrantHistory(
  { catalog, instances, store }: HostParts,
  ref: InstanceRef,
): Promise<GrantChange[]> {
  const entry = await catalog.find(ref.category, ref.name);
  return store.grantHistory(await instances.row(entry, ref.instance));
}

/**
 * Locks an instance to what was observed, or to kinds that the admin names.
 *
 * @throws {HostError} `CALLER_CONFLICT` when nothing was observed: everything would be refused
 */
export async function lockInstance(
  parts: HostParts,
  ref: InstanceRef,
  { lock, actor }: { readonly lock: Grants['lock']; readonly actor: Actor },
): Promise<InstanceView> {
  const { used } = await readUsage(parts, ref);
  const decide = (row: InstanceRow): Grants => {
    const proposal = proposalOf(row, lock ?? used);
    decideLock(row.grants?.lock, proposal.grants.lock, actor);
    if (proposal.grants.lock?.length !== 0) return proposal.grants;
    throw new HostError('CALLER_CONFLICT', 'Cannot lock to what was observed: nothing was yet', {
      remedy: 'Use the instance for a while, or send "lock" with the kinds of requests to allow',
    });
  };
  return regrant(parts, ref, { action: 'lock', actor, decide });
}

/** Lifts the lock: the grants are what the manifest asked for when they were given, and LAN ranges. */
export function unlockInstance(
  parts: HostParts,
  ref: InstanceRef,
  actor: Actor,
): Promise<InstanceView> {
  const decide = (row: InstanceRow): Grants => {
    const { lan } = row.grants ?? {};
    const { lock: _lifted, ...asked } = decideGrants(row.asked ?? {}, undefined);
    return { ...asked, ...(lan === undefined ? {} : { lan }) };
  };
  return regrant(parts, ref, { action: 'unlock', actor, decide });
}

/** First uses outside a lock, of all instances, newest first. */
export async function accessRequests({ store, sightings }: HostParts): Promise<AccessRequest[]> {
  await sightings.flush();
  return (await store.sightings({ kind: 'asked' })).map(requestOf);
}

/**
 * Answers one of them: `allow` widens the lock by that kind, `dismiss` takes it off the list until it is
 * tried again.
 *
 * @throws {HostError} `CALLER_NOT_FOUND`
 */
export async function decideRequest(
  parts: HostParts,
  id: string,
  { decision, actor }: { readonly decision: 'allow' | 'dismiss'; readonly actor: Actor },
): Promise<AccessRequest> {
  const { store, sightings } = parts;
  const request = (await accessRequests(parts)).find((each) => each.id === id);
  if (request === undefined) {
    throw new HostError('CALLER_NOT_FOUND', `Request "${id.slice(0, 100)}" not found`, {
      remedy: 'List what waits with GET /api/v1/admin/requests',
    });
  }
  const { instance: subject, method, host, path } = request;
  const [category = '', name = '', instance = ''] = subject.split('/');
  if (decision === 'allow') {
    const decide = ({ grants }: InstanceRow): Grants => ({
      ...grants,
      ...(grants?.lock === undefined ? {} : { lock: [...grants.lock, { method, host, path }] }),
    });
    await regrant(parts, { category, name, instance }, { action: 'allow', actor, decide });
  }
  const rows = await store.sightings({ instance: subject, kind: 'asked' });
  for (const { key } of rows.filter((row) => requestId(subject, row.key) === id)) {
    await store.removeSightings({ instance: subject, kind: 'asked', key });
  }
  sightings.decided(id);
  return request;
}

/** The grants of a row, narrowed to hosts and kinds that were used. */
function proposalOf(row: InstanceRow, used: readonly Use[]): UsageView['proposal'] {
  const grants = row.grants ?? {};
  const hosts = grants.fetch?.hosts ?? [];
  const needed = hosts.filter((entry) => used.some((use) => isOf(entry, use, row.config)));
  const lock = used.map(({ method, host, path }) => ({ method, host, path }));
  return {
    grants: {
      ...grants,
      ...(grants.fetch === undefined ? {} : { fetch: { hosts: needed } }),
      lock,
    },
    drops: hosts.filter((entry) => !needed.includes(entry)),
  };
}

function isOf(entry: string, { host }: Use, config: InstanceRow['config']): boolean {
  const url = URL.parse(host.startsWith('http://') ? host : `https://${host}`);
  if (url === null) return false;
  const isPlain = url.protocol === 'http:';
  return expandHosts([entry], config).some(
    (rule) =>
      matchesHost(rule.pattern, normalHost(url.hostname)) &&
      matchesPort(rule, portOf(url), isPlain),
  );
}

/** What is decided about grants, and by whom. */
type Regrant = {
  readonly action: string;
  readonly actor: Actor;
  readonly decide: (row: InstanceRow) => Grants;
};

/** Puts other grants; an isolate keeps what it was started with, so a new one takes the calls. */
async function regrant(
  { catalog, instances, extensions, publish, nowMs }: HostParts,
  ref: InstanceRef,
  { action, actor, decide }: Regrant,
): Promise<InstanceView> {
  const entry: CatalogEntry = usable(await catalog.find(ref.category, ref.name));
  const id = Instances.id(entry, ref.instance);
  return instances.exclusive(id, async ({ store }) => {
    const row = await instances.row(entry, ref.instance);
    if (row.grants === null) {
      throw new HostError('CALLER_CONFLICT', `"${id}" has no grants: it was never enabled`, {
        remedy: 'Enable it first',
      });
    }
    const next = { ...row, grants: decide(row) };
    const told = { action, actor: actor.id, at: new Date(nowMs()).toISOString() };
    await store.putGrants(next, { ...told, ...grantDifference(row.grants, next.grants) });
    const live = instances.live(id);
    if (live !== undefined) {
      const { compiled } = live;
      instances.retire(id);
      instances.open(next, entry, compiled);
    }
    const data = { state: live === undefined ? 'disabled' : 'idle', grants: next.grants };
    publish({ type: 'instance.state', subject: id, data });
    return instances.view(next, entry, live?.compiled ?? extensions.peek(entry).compiled);
  });
}

function usedOf(row: SightingRow): UsageView['used'][number] {
  return { ...useIn(row), ...timesOf(row) };
}

function requestOf(row: SightingRow): AccessRequest {
  const { instance, key } = row;
  return { id: requestId(instance, key), instance, ...useIn(row), ...timesOf(row) };
}

/** What this host wrote into `details`. */
function useIn({ details }: SightingRow): Use {
  const { method, host, path } = details;
  return { method: String(method), host: String(host), path: String(path) };
}

function timesOf({ count, firstMs, lastMs }: SightingRow): {
  count: number;
  firstAt: string;
  lastAt: string;
} {
  const at = (ms: number): string => new Date(ms).toISOString();
  return { count, firstAt: at(firstMs), lastAt: at(lastMs) };
}
