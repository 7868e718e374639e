// Credentials that vendors gave, in SQLite.

import type { EarnedStore } from './earned.ts';
import { earnedOf } from './rows.ts';
import type { Sql } from './sql.ts';

/** The part of the store about them. */
export function createEarned(sql: Sql): EarnedStore {
  return {
    putEarned: ({ instance, id, field, sealed, madeMs, expiresMs }, { nowMs, keep }) =>
      sql.write((run) => {
        run(
          `INSERT INTO earned (instance, id, field, sealed, made_ms, expires_ms)
           VALUES (?, ?, ?, ?, ?, ?)`,
          ...[instance, id, field, sealed, madeMs, expiresMs],
        );
        run('DELETE FROM earned WHERE instance = ? AND expires_ms <= ?', instance, nowMs);
        run(
          `DELETE FROM earned WHERE instance = ?1 AND id NOT IN (
             SELECT id FROM earned WHERE instance = ?1 ORDER BY made_ms DESC, id DESC LIMIT ?2)`,
          ...[instance, keep],
        );
      }),
    async earned(instance, nowMs) {
      const rows = sql.all(
        `SELECT * FROM earned WHERE instance = ? AND (expires_ms IS NULL OR expires_ms > ?)
         ORDER BY made_ms, id`,
        ...[instance, nowMs],
      );
      return rows.map(earnedOf);
    },
  };
}
