// Deliveries in PostgreSQL: any number of hosts claim from them, each row by one host at a time.

import { DELIVERY_STATES } from './deliveries.ts';
import type { DeliveryEnd, DeliveryRow, DeliveryState, DeliveryStore } from './deliveries.ts';
import type { NewDelivery } from './deliveries.ts';
import { COLUMNS } from './postgres-columns.ts';
import { createLostClaims } from './postgres-presence.ts';
import type { HostPresence } from './postgres-presence.ts';
import type { PgRun, PgSql } from './postgres-sql.ts';
import { deliveryOf } from './rows.ts';
import { withinPgScope } from './scoped.ts';

const OPEN = "('waiting', 'running')";

/**
 * Due and free, not behind an older one of its subject, oldest first. What another host takes at the
 * same moment is locked and passed over; one that it took a moment ago no longer fits when it is locked.
 */
const CLAIM = `
  WITH due AS (
    SELECT seq, due_ms, row_number() OVER (PARTITION BY target ORDER BY due_ms, seq) AS place
    FROM cofferdam.deliveries AS d
    WHERE state = 'waiting' AND due_ms <= $1 AND target <> ALL ($4::text[])
      AND (subject = '' OR NOT EXISTS (
        SELECT 1 FROM cofferdam.deliveries AS older
        WHERE older.target = d.target AND older.subject = d.subject AND older.seq < d.seq
          AND older.state IN ${OPEN}))
  ), free AS (
    SELECT seq FROM cofferdam.deliveries
    WHERE seq IN (SELECT seq FROM due WHERE place <= $2 ORDER BY due_ms, seq LIMIT $3)
      AND state = 'waiting'
    FOR UPDATE SKIP LOCKED
  )
  UPDATE cofferdam.deliveries SET state = 'running', attempt = attempt + 1, claimed_by = $5
  WHERE seq IN (SELECT seq FROM free) RETURNING ${COLUMNS.deliveries}`;

/** The deliveries part of the store. */
export function createPgDeliveries(sql: PgSql, presence: HostPresence): DeliveryStore {
  return {
    ...createReads(sql),
    addDeliveries: (rows, state) =>
      addAll(sql.write, rows, state && { state, by: presence.hostId() }),
    async claimDeliveries({ nowMs, limit, perTarget, except }) {
      const bounds = [nowMs, perTarget, limit, except] as const;
      const rows = await sql.write(CLAIM, ...bounds, presence.hostId());
      return rows.map(deliveryOf).toSorted((a, b) => a.dueMs - b.dueMs || a.seq - b.seq);
    },
    endDelivery: async (end) => (await endOne(sql.write, end)).length > 0,
    // Others may be alive.
    releaseClaims: async () => undefined,
    freeLostClaims: createLostClaims(sql, presence),
    async renewWaits(nowMs) {
      await sql.write(
        `UPDATE cofferdam.deliveries
         SET due_ms = $1 + due_ms - COALESCE(ended_ms, created_ms), ended_ms = $1
         WHERE state = 'waiting' AND COALESCE(ended_ms, created_ms) > $1`,
        nowMs,
      );
    },
    async removeDelivery({ seq, attempt }) {
      const rows = await sql.write(
        'DELETE FROM cofferdam.deliveries WHERE seq = $1 AND attempt = $2 RETURNING seq',
        ...[seq, attempt],
      );
      return rows.length > 0;
    },
    async replayDelivery(id, nowMs) {
      const rows = await sql.write(
        `UPDATE cofferdam.deliveries
         SET state = 'waiting', attempt = 0, due_ms = $1, ended_ms = $1
         WHERE id = $2 AND state IN ('done', 'dead') RETURNING seq`,
        nowMs,
        id,
      );
      return rows.length > 0;
    },
    async trimDeadDeliveries({ target, kind, keep }) {
      const rows = await sql.write(
        `DELETE FROM cofferdam.deliveries WHERE seq IN (SELECT seq FROM cofferdam.deliveries
         WHERE target = $1 AND kind = $2 AND state = 'dead' ORDER BY seq DESC OFFSET $3)
         RETURNING seq`,
        ...[target, kind, keep],
      );
      return rows.length;
    },
    async purgeDeliveries({ doneBeforeMs, deadBeforeMs, limit }) {
      const rows = await sql.write(
        `DELETE FROM cofferdam.deliveries WHERE seq IN (SELECT seq FROM cofferdam.deliveries
         WHERE (state = 'done' AND ended_ms < $1) OR (state = 'dead' AND ended_ms < $2) LIMIT $3)
         RETURNING seq`,
        ...[doneBeforeMs, deadBeforeMs, limit],
      );
      return rows.length;
    },
  };
}

/** Adds rows; those that are there already are left out of the answer. */
export async function addAll(
  run: PgRun,
  rows: readonly NewDelivery[],
  claim?: { readonly state: 'running'; readonly by: string | null },
): Promise<DeliveryRow[]> {
  if (rows.length === 0) return [];
  const added = await run(
    `INSERT INTO cofferdam.deliveries
       (id, kind, target, subject, type, dedupe, payload, due_ms, created_ms, state, attempt, claimed_by)
     SELECT id, kind, target, subject, type, dedupe, payload, due_ms, created_ms, $10, $11, $12::text
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
       $8::bigint[], $9::bigint[]) WITH ORDINALITY
       AS new (id, kind, target, subject, type, dedupe, payload, due_ms, created_ms, place)
     ORDER BY place
     ON CONFLICT DO NOTHING RETURNING ${COLUMNS.deliveries}`,
    rows.map(({ id }) => id),
    rows.map(({ kind }) => kind),
    rows.map(({ target }) => target),
    rows.map(({ subject }) => subject),
    rows.map(({ type }) => type),
    rows.map(({ dedupe }) => dedupe),
    rows.map(({ payload }) => payload),
    rows.map(({ dueMs }) => dueMs),
    rows.map(({ createdMs }) => createdMs),
    ...(claim === undefined ? ['waiting', 0, null] : [claim.state, 1, claim.by]),
  );
  return added.map(deliveryOf);
}

function endOne(run: PgRun, end: DeliveryEnd): ReturnType<PgRun> {
  const { seq, attempt, state, nowMs, error } = end;
  const mine = "WHERE seq = $1 AND attempt = $2 AND state = 'running' RETURNING seq";
  if (state !== 'waiting') {
    return run(
      `UPDATE cofferdam.deliveries SET state = $3, ended_ms = $4, claimed_by = NULL, error = $5 ${mine}`,
      ...[seq, attempt, state, nowMs, error],
    );
  }
  const next = end.uncounted === true ? attempt - 1 : attempt;
  return run(
    `UPDATE cofferdam.deliveries SET state = 'waiting', due_ms = $3, ended_ms = $7, claimed_by = NULL,
       error = $4, payload = COALESCE($5, payload), attempt = $6 ${mine}`,
    ...[seq, attempt, end.dueMs, error, end.renewed?.payload ?? null, next, nowMs],
  );
}

type Reads = Pick<
  DeliveryStore,
  'deliveries' | 'delivery' | 'sizeOpenDeliveries' | 'countDeliveries'
>;

function createReads(sql: PgSql): Reads {
  return {
    async deliveries({ before = Number.MAX_SAFE_INTEGER, limit, scope, ...filters }) {
      const { state, target, kind, type } = filters;
      const rows = await sql.read(
        `SELECT ${COLUMNS.deliveries} FROM cofferdam.deliveries WHERE seq < $1
         AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR target = $3)
         AND ($4::text IS NULL OR kind = $4) AND ($5::text IS NULL OR type = $5)
         AND ${withinPgScope('target', '$7')} ORDER BY seq DESC LIMIT $6`,
        ...[before, state ?? null, target ?? null, kind ?? null, type ?? null, limit],
        scope ?? null,
      );
      return rows.map(deliveryOf);
    },
    async delivery(id) {
      const text = `SELECT ${COLUMNS.deliveries} FROM cofferdam.deliveries WHERE id = $1`;
      const [row] = await sql.read(text, id);
      return row === undefined ? undefined : deliveryOf(row);
    },
    async sizeOpenDeliveries(target, most) {
      const [row] = await sql.read(
        `SELECT COUNT(*) AS number, SUM(bytes) AS bytes FROM
         (SELECT octet_length(payload) AS bytes FROM cofferdam.deliveries
          WHERE target = $1 AND state IN ${OPEN} LIMIT $2) AS counted`,
        target,
        most,
      );
      return { number: Number(row?.['number'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
    },
    async countDeliveries() {
      const rows = await sql.read(
        'SELECT state, COUNT(*) AS number FROM cofferdam.deliveries GROUP BY state',
      );
      const counts = Object.fromEntries(rows.map((row) => [row['state'], Number(row['number'])]));
      return Object.fromEntries(
        DELIVERY_STATES.map((state) => [state, counts[state] ?? 0]),
      ) as Record<DeliveryState, number>;
    },
  };
}
