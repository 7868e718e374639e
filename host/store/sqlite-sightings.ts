// What requests did, and which webhooks were seen, in SQLite.

import { sightingOf } from './rows.ts';
import type { SightingStore } from './sightings.ts';
import type { Sql } from './sql.ts';

const ADD = `INSERT INTO sightings (instance, kind, key, count, first_ms, last_ms, details)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
  WHERE EXISTS (SELECT 1 FROM sightings WHERE instance = ?1 AND kind = ?2 AND key = ?3)
    OR (SELECT count(*) FROM sightings WHERE instance = ?1 AND kind = ?2) < ?8
  ON CONFLICT (instance, kind, key) DO UPDATE SET
    count = count + excluded.count, first_ms = min(first_ms, excluded.first_ms),
    last_ms = max(last_ms, excluded.last_ms), details = excluded.details`;

/** The part of the store about requests. */
export function createSightings(sql: Sql): SightingStore {
  return {
    addSightings: (rows, keep) =>
      sql.write((run) => {
        for (const { instance, kind, key, count, firstMs, lastMs, details } of rows) {
          const seen = [count, firstMs, lastMs, JSON.stringify(details)] as const;
          run(ADD, instance, kind, key, ...seen, keep);
        }
      }),
    async sightings({ instance = null, kind = null }) {
      const rows = sql.all(
        `SELECT * FROM sightings WHERE (?1 IS NULL OR instance = ?1) AND (?2 IS NULL OR kind = ?2)
         ORDER BY last_ms DESC, instance, kind, key`,
        ...[instance, kind],
      );
      return rows.map(sightingOf);
    },
    removeSightings: ({ instance, kind, key = null }) =>
      sql.write((run) =>
        run(
          'DELETE FROM sightings WHERE instance = ?1 AND kind = ?2 AND (?3 IS NULL OR key = ?3)',
          ...[instance, kind, key],
        ),
      ),
    seeOnce: ({ instance, id, by }, { nowMs, expiresMs, keep }) =>
      sql.write((run) => {
        run('DELETE FROM seen WHERE instance = ? AND expires_ms <= ?', instance, nowMs);
        const known = sql.get(
          'SELECT seen_by FROM seen WHERE instance = ? AND id = ?',
          instance,
          id,
        );
        if (known !== undefined) return known['seen_by'] === by ? 'new' : 'seen';
        const [row] = sql.all('SELECT count(*) AS count FROM seen WHERE instance = ?', instance);
        if (Number(row?.['count'] ?? 0) >= keep) return 'full';
        run(
          'INSERT INTO seen (instance, id, seen_by, expires_ms) VALUES (?, ?, ?, ?)',
          ...[instance, id, by, expiresMs],
        );
        return 'new';
      }),
  };
}
