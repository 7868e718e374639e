// Which hosts live: each holds a shared advisory lock of its session, which the server takes back as soon as
// the process is gone. What a host ran that has stayed away is freed for the others, as is what one that
// seems to live has run for too long.

import type { Client } from 'pg';

import { LIMITS } from '../limits.ts';
import { ClaimWatch } from './overdue.ts';
import type { PgSql } from './postgres-sql.ts';

/** Any number that stays the same; the lock's second number is the hash of the host's id. */
const HOST_SPACE = 1_129_268_297;

/** This host among others. */
export type HostPresence = {
  /** This host's id, while others can see that it lives; else null, and only time ends its claims. */
  hostId(): string | null;
};

/** Shows on `client` that the host lives. Shared: two ids with one hash only hide each other's end. */
export async function showPresence(client: Client, hostId: string): Promise<void> {
  await client.query('SELECT pg_advisory_lock_shared($1, hashtext($2))', [HOST_SPACE, hostId]);
  // A machine that lost its power says no word: its lock goes after about twelve seconds.
  await client.query(
    `SET tcp_keepalives_idle = 6; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3`,
  );
}

/** `objid` is unsigned. */
const IS_GONE = `NOT EXISTS (SELECT 1 FROM pg_locks
  WHERE locktype = 'advisory' AND granted AND classid = ${HOST_SPACE} AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND objid::bigint = hashtext(claimed_by)::bigint & 4294967295)`;

const FIND = `
  SELECT claimed_by FROM (SELECT DISTINCT claimed_by FROM cofferdam.deliveries
    WHERE state = 'running' AND claimed_by IS NOT NULL) AS hosts
  WHERE ${IS_GONE}`;

const FREE = `
  UPDATE cofferdam.deliveries SET state = 'waiting', claimed_by = NULL
  WHERE state = 'running' AND claimed_by = ANY ($1::text[]) AND ${IS_GONE} RETURNING seq`;

const RUNNING = "SELECT seq, attempt, due_ms FROM cofferdam.deliveries WHERE state = 'running'";

const FREE_OVERDUE = `
  UPDATE cofferdam.deliveries AS d SET state = 'waiting', claimed_by = NULL
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS lost (seq, attempt, due_ms)
  WHERE d.seq = lost.seq AND d.attempt = lost.attempt AND d.due_ms = lost.due_ms
    AND d.state = 'running' RETURNING d.seq`;

/** Frees what no host may have any more. */
export function createLostClaims(
  sql: PgSql,
  presence: HostPresence,
): (nowMs: number) => Promise<number> {
  const ofGoneHosts = createGoneClaims(sql, presence);
  const watch = new ClaimWatch();
  return async (nowMs) => {
    const freed = await ofGoneHosts(nowMs);
    if (!watch.isDue(nowMs)) return freed;
    const lost = watch.look(await sql.read(RUNNING), nowMs);
    if (lost.length === 0) return freed;
    const rows = await sql.write(
      FREE_OVERDUE,
      lost.map(({ seq }) => seq),
      lost.map(({ attempt }) => attempt),
      lost.map(({ dueMs }) => dueMs),
    );
    return freed + rows.length;
  };
}

/**
 * Frees claims of hosts that were found gone again and again. A live host that lost its connection has
 * that long to come back, also after a restart of the server, when every host is away for a moment.
 */
function createGoneClaims(sql: PgSql, presence: HostPresence): (nowMs: number) => Promise<number> {
  const goneSince = new Map<string, number>();
  let lookedMs = Number.NEGATIVE_INFINITY;
  return async (nowMs) => {
    // A host that is not there itself, or has not looked for a while, knows nothing of the others.
    if (presence.hostId() === null || nowMs - lookedMs > LIMITS.hostGoneMs) goneSince.clear();
    lookedMs = nowMs;
    if (presence.hostId() === null) return 0;
    const rows = await sql.read(FIND);
    const gone = new Set(rows.map((row) => String(row['claimed_by'])));
    for (const id of goneSince.keys()) if (!gone.has(id)) goneSince.delete(id);
    for (const id of gone) if (!goneSince.has(id)) goneSince.set(id, nowMs);
    const lost = [...goneSince].filter(([, sinceMs]) => nowMs - sinceMs >= LIMITS.hostGoneMs);
    if (lost.length === 0) return 0;
    const freed = await sql.write(
      FREE,
      lost.map(([id]) => id),
    );
    return freed.length;
  };
}
