// Deliveries in SQLite: added once, claimed by one, ended by the claim that holds it.

import type { DeliveryRow, DeliveryState, DeliveryStore, NewDelivery } from './deliveries.ts';
import { DELIVERY_STATES } from './deliveries.ts';
import { ClaimWatch } from './overdue.ts';
import type { Claim } from './overdue.ts';
import { deliveryOf } from './rows.ts';
import { scopeText, withinScope } from './scoped.ts';
import type { Sql, Statements } from './sql.ts';

const OPEN = "('waiting', 'running')";

/** One row per obligation; `RETURNING` is not used, since `run` gives counts only. */
const ADD = `INSERT OR IGNORE INTO deliveries
  (id, kind, target, subject, type, dedupe, payload, state, attempt, due_ms, created_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Due and free, not behind an older one of its subject, with its place among those of its target. */
const DUE = `
  SELECT * FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY target ORDER BY due_ms, seq) AS place
    FROM deliveries AS d
    WHERE state = 'waiting' AND due_ms <= ?1
      AND target NOT IN (SELECT value FROM json_each(?4))
      AND (subject = '' OR NOT EXISTS (
        SELECT 1 FROM deliveries AS older
        WHERE older.target = d.target AND older.subject = d.subject AND older.seq < d.seq
          AND older.state IN ${OPEN}))
  ) WHERE place <= ?2 ORDER BY due_ms, seq LIMIT ?3`;

const RUNNING = "SELECT seq, attempt, due_ms FROM deliveries WHERE state = 'running'";
const FREE = "UPDATE deliveries SET state = 'waiting' WHERE state = 'running'";

const RENEW = `UPDATE deliveries
  SET due_ms = ?1 + due_ms - COALESCE(ended_ms, created_ms), ended_ms = ?1
  WHERE state = 'waiting' AND COALESCE(ended_ms, created_ms) > ?1`;

/** The deliveries part of the store. */
export function createDeliveries(sql: Sql): DeliveryStore {
  const watch = new ClaimWatch();
  return {
    ...createReads(sql),
    addDeliveries: (rows, state) =>
      sql.write((run) => rows.flatMap((row) => add({ ...sql, run }, row, state))),
    claimDeliveries: ({ nowMs, limit, perTarget, except }) =>
      sql.write((run) =>
        sql.all(DUE, nowMs, perTarget, limit, JSON.stringify(except)).map((row) => {
          const known = deliveryOf(row);
          const claimed = { state: 'running', attempt: known.attempt + 1 } as const;
          run(
            "UPDATE deliveries SET state = 'running', attempt = ? WHERE seq = ?",
            ...[claimed.attempt, known.seq],
          );
          return { ...known, ...claimed };
        }),
      ),
    endDelivery: (end) =>
      sql.write((run) => {
        const { seq, attempt, state, nowMs, error } = end;
        const mine = "seq = ? AND attempt = ? AND state = 'running'";
        if (state !== 'waiting') {
          const set = 'state = ?, ended_ms = ?, error = ?';
          const sets = [state, nowMs, error];
          return run(`UPDATE deliveries SET ${set} WHERE ${mine}`, ...sets, seq, attempt) > 0;
        }
        const set =
          "state = 'waiting', due_ms = ?, ended_ms = ?, error = ?, payload = COALESCE(?, payload), attempt = ?";
        const next = end.uncounted === true ? attempt - 1 : attempt;
        const sets = [end.dueMs, nowMs, error, end.renewed?.payload ?? null, next];
        return run(`UPDATE deliveries SET ${set} WHERE ${mine}`, ...sets, seq, attempt) > 0;
      }),
    releaseClaims: () => sql.write((run) => void run(FREE)),
    // One file has one host: only its own work can have lost its way.
    async freeLostClaims(nowMs) {
      if (!watch.isDue(nowMs)) return 0;
      const lost = watch.look(sql.all(RUNNING), nowMs);
      return lost.length === 0 ? 0 : sql.write((run) => freeAll(run, lost));
    },
    renewWaits: (nowMs) => sql.write((run) => void run(RENEW, nowMs)),
    replayDelivery: (id, nowMs) =>
      sql.write(
        (run) =>
          run(
            `UPDATE deliveries SET state = 'waiting', attempt = 0, due_ms = ?, ended_ms = ?
             WHERE id = ? AND state IN ('done', 'dead')`,
            ...[nowMs, nowMs, id],
          ) > 0,
      ),
    ...createRemovals(sql),
  };
}

type Removals = Pick<DeliveryStore, 'removeDelivery' | 'trimDeadDeliveries' | 'purgeDeliveries'>;

function createRemovals(sql: Sql): Removals {
  return {
    removeDelivery: ({ seq, attempt }) =>
      sql.write(
        (run) => run('DELETE FROM deliveries WHERE seq = ? AND attempt = ?', seq, attempt) > 0,
      ),
    trimDeadDeliveries: ({ target, kind, keep }) =>
      sql.write((run) =>
        run(
          `DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries
           WHERE target = ? AND kind = ? AND state = 'dead' ORDER BY seq DESC LIMIT -1 OFFSET ?)`,
          ...[target, kind, keep],
        ),
      ),
    purgeDeliveries: ({ doneBeforeMs, deadBeforeMs, limit }) =>
      sql.write((run) =>
        run(
          `DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries
           WHERE state IN ('done', 'dead') AND ended_ms < ?1 AND (state = 'done' OR ended_ms < ?2)
           LIMIT ?3)`,
          ...[Math.max(doneBeforeMs, deadBeforeMs), deadBeforeMs, limit],
        ),
      ),
  };
}

/** @returns How many were still held */
function freeAll(run: Statements['run'], claims: readonly Claim[]): number {
  const free = `${FREE} AND seq = ? AND attempt = ? AND due_ms = ?`;
  return claims.reduce(
    (freed, { seq, attempt, dueMs }) => freed + run(free, seq, attempt, dueMs),
    0,
  );
}

type Reads = Pick<
  DeliveryStore,
  'deliveries' | 'delivery' | 'sizeOpenDeliveries' | 'countDeliveries'
>;

function createReads(sql: Sql): Reads {
  return {
    async deliveries({ before = Number.MAX_SAFE_INTEGER, limit, scope, ...filters }) {
      const { state, target, kind, type } = filters;
      const given = Object.entries({ state, target, kind, type }).filter(
        ([, value]) => value !== undefined,
      );
      const where = given.map(([name], at) => `AND ${name} = ?${at + 4}`).join(' ');
      const rows = sql.all(
        `SELECT * FROM deliveries WHERE seq < ?1 AND ${withinScope('target', '?2')} ${where}
         ORDER BY seq DESC LIMIT ?3`,
        ...[before, scopeText(scope), limit],
        ...given.map(([, value]) => String(value)),
      );
      return rows.map(deliveryOf);
    },
    async delivery(id) {
      const row = sql.get('SELECT * FROM deliveries WHERE id = ?', id);
      return row === undefined ? undefined : deliveryOf(row);
    },
    async sizeOpenDeliveries(target, most) {
      const row = sql.get(
        `SELECT COUNT(*) AS number, SUM(bytes) AS bytes FROM
         (SELECT octet_length(payload) AS bytes FROM deliveries
          WHERE target = ? AND state IN ${OPEN} LIMIT ?)`,
        target,
        most,
      );
      return { number: Number(row?.['number'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
    },
    async countDeliveries() {
      const rows = sql.all('SELECT state, COUNT(*) AS number FROM deliveries GROUP BY state');
      const counts = Object.fromEntries(rows.map((row) => [row['state'], Number(row['number'])]));
      return Object.fromEntries(
        DELIVERY_STATES.map((state) => [state, counts[state] ?? 0]),
      ) as Record<DeliveryState, number>;
    },
  };
}

/** Adds one inside a transaction; empty when it is there already. */
export function add(sql: Statements, row: NewDelivery, state?: 'running'): DeliveryRow[] {
  const { id, kind, target, subject, type, dedupe, payload, dueMs, createdMs } = row;
  const added = sql.run(
    ADD,
    ...[id, kind, target, subject, type, dedupe, payload],
    ...[state ?? 'waiting', state === undefined ? 0 : 1, dueMs, createdMs],
  );
  if (added === 0) return [];
  const made = sql.get('SELECT * FROM deliveries WHERE id = ?', id);
  return made === undefined ? [] : [deliveryOf(made)];
}
