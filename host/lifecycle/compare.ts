// What another generation would do otherwise: the last recorded calls of an extension run on it, with the
// answers they had then and without any effect.

import type { CatalogEntry } from '../catalog/catalog.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Compiled } from './compiled.ts';
import type { Actor, Comparison, Replayed } from './host.ts';
import { Instances } from './instances.ts';
import type { HostParts } from './parts.ts';
import type { Replays } from './replay.ts';

type Parts = Pick<HostParts, 'instances' | 'records' | 'extensions' | 'store'>;

/**
 * Runs the last recorded calls of an extension on a generation.
 *
 * @param last How many calls, at most `LIMITS.comparedCalls`
 */
export async function compareGeneration(
  { parts, replays }: { readonly parts: Parts; readonly replays: Replays },
  subject: { readonly entry: CatalogEntry; readonly compiled: Compiled; readonly actor: Actor },
  last: number,
): Promise<Comparison> {
  const { entry, compiled } = subject;
  const calls = await lastCalls(parts, entry, Math.min(last, LIMITS.comparedCalls));
  const differing: Comparison['differing'][number][] = [];
  let compared = 0;
  for (const { callId, handler } of calls) {
    const replay = await replayed(replays, subject, callId, parts);
    if (replay === undefined) continue;
    compared += 1;
    if (!replay.same) differing.push({ callId, handler, differences: replay.differences });
  }
  return { generation: compiled.bundle.hash, compared, differing };
}

/** The newest calls of all instances that ended, were made from outside, and were no replay themselves. */
async function lastCalls(
  { instances, records }: Parts,
  entry: CatalogEntry,
  last: number,
): Promise<readonly { readonly callId: string; readonly handler: string }[]> {
  const found = [];
  for (const row of await instances.rows(entry)) {
    const instance = Instances.id(entry, row.instance);
    const { calls } = await records.list({ instance, limit: LIMITS.comparedCalls });
    found.push(...calls);
  }
  return found
    .filter(({ state, replayOf, handler }) => {
      // Hooks of the life cycle are about one generation and say nothing of another.
      return state !== 'running' && replayOf === undefined && !handler.startsWith('on');
    })
    .toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
    .slice(0, last);
}

/** How one call went on the generation; undefined when it cannot be replayed at all. */
async function replayed(
  replays: Replays,
  { entry, compiled, actor }: Parameters<typeof compareGeneration>[1],
  callId: string,
  { records }: Parts,
): Promise<Replayed | undefined> {
  try {
    const known = await records.replayable(callId);
    return (await replays.replayOn(known, { callId, actor, entry, compiled })).replay;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const replay = error.details?.['replay'];
    if (replay !== undefined) return replay as Replayed;
    if (error.code === 'CALLER_UNSUPPORTED' || error.code === 'CALLER_NOT_FOUND') return undefined;
    return { mode: 'recorded', same: false, differences: [`it cannot run: ${error.code}`] };
  }
}

/**
 * Keeps instances on the code they run, whatever comes into the folder; null lets them follow it again.
 *
 * @returns Whether any instance is held by it
 */
export async function pinInstances(
  { instances, store }: Parts,
  entry: CatalogEntry,
  generation: string | null,
): Promise<boolean> {
  const { category, name } = entry;
  const rows = (await store.instances({ category, name })).filter((row) => row.enabled);
  for (const { instance } of rows) {
    const id = Instances.id(entry, instance);
    await instances.exclusive(id, async (held) => {
      const row = await store.instance({ category, name, instance });
      // One that an admin pinned stays where the admin put it.
      if (row === undefined || (generation !== null && row.pinned !== null)) return;
      const next = { ...row, pinned: generation };
      await held.store.putInstance(next);
      instances.setApplied(id, next);
    });
  }
  return rows.length > 0;
}
