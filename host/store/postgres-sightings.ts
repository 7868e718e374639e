// What requests did, and which webhooks were seen, in PostgreSQL.

import { COLUMNS } from './postgres-columns.ts';
import type { PgRun, PgSql } from './postgres-sql.ts';
import { sightingOf } from './rows.ts';
import type { SightingStore } from './sightings.ts';

const ADD = `INSERT INTO cofferdam.sightings (${COLUMNS.sightings})
  SELECT $1::text, $2::text, $3::text, $4::bigint, $5::bigint, $6::bigint, $7::text
  WHERE EXISTS (SELECT 1 FROM cofferdam.sightings WHERE instance = $1 AND kind = $2 AND key = $3)
    OR (SELECT count(*) FROM cofferdam.sightings WHERE instance = $1 AND kind = $2) < $8::bigint
  ON CONFLICT (instance, kind, key) DO UPDATE SET
    count = sightings.count + excluded.count,
    first_ms = least(sightings.first_ms, excluded.first_ms),
    last_ms = greatest(sightings.last_ms, excluded.last_ms), details = excluded.details`;

/**
 * One at a time for an instance, over all hosts: what counts rows must not be overtaken. A space of its own:
 * calls hold keys of the session's space for minutes.
 */
const LOCK = 'SELECT pg_advisory_xact_lock(1129268298, hashtext($1))';

/** The part of the store about requests. */
export function createPgSightings(sql: PgSql): SightingStore {
  const inTurn = <T>(key: string, work: (run: PgRun) => Promise<T>): Promise<T> =>
    sql.inTurn(key, () => sql.transaction(work));
  return {
    addSightings: (rows, keep) =>
      inTurn('sightings', async (run) => {
        const instances = [...new Set(rows.map(({ instance }) => instance))].toSorted();
        for (const instance of instances) await run(LOCK, instance);
        for (const { instance, kind, key, count, firstMs, lastMs, details } of rows) {
          const seen = [count, firstMs, lastMs, JSON.stringify(details)] as const;
          await run(ADD, instance, kind, key, ...seen, keep);
        }
      }),
    async sightings({ instance = null, kind = null }) {
      const rows = await sql.read(
        `SELECT ${COLUMNS.sightings} FROM cofferdam.sightings
         WHERE ($1::text IS NULL OR instance = $1) AND ($2::text IS NULL OR kind = $2)
         ORDER BY last_ms DESC, instance, kind, key`,
        ...[instance, kind],
      );
      return rows.map(sightingOf);
    },
    async removeSightings({ instance, kind, key = null }) {
      const rows = await sql.write(
        `DELETE FROM cofferdam.sightings
         WHERE instance = $1 AND kind = $2 AND ($3::text IS NULL OR key = $3) RETURNING 1 AS gone`,
        ...[instance, kind, key],
      );
      return rows.length;
    },
    seeOnce: ({ instance, id, by }, { nowMs, expiresMs, keep }) =>
      inTurn(`seen ${instance}`, async (run) => {
        await run(LOCK, instance);
        await run(
          'DELETE FROM cofferdam.seen WHERE instance = $1 AND expires_ms <= $2',
          ...[instance, nowMs],
        );
        const [known] = await run(
          'SELECT seen_by FROM cofferdam.seen WHERE instance = $1 AND id = $2',
          ...[instance, id],
        );
        if (known !== undefined) return known['seen_by'] === by ? 'new' : 'seen';
        const [row] = await run(
          'SELECT count(*) AS count FROM cofferdam.seen WHERE instance = $1',
          instance,
        );
        if (Number(row?.['count'] ?? 0) >= keep) return 'full';
        await run(
          'INSERT INTO cofferdam.seen (instance, id, seen_by, expires_ms) VALUES ($1, $2, $3, $4)',
          ...[instance, id, by, expiresMs],
        );
        return 'new';
      }),
  };
}
