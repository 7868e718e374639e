// Credentials that vendors gave, in PostgreSQL.

import type { EarnedStore } from './earned.ts';
import { COLUMNS } from './postgres-columns.ts';
import type { PgSql } from './postgres-sql.ts';
import { earnedOf } from './rows.ts';

/** The part of the store about them. */
export function createPgEarned(sql: PgSql): EarnedStore {
  return {
    putEarned: ({ instance, id, field, sealed, madeMs, expiresMs }, { nowMs, keep }) =>
      sql.transaction(async (run) => {
        await run(
          `INSERT INTO cofferdam.earned (${COLUMNS.earned})
           VALUES ($1, $2, $3, $4, $5, $6)`,
          ...[instance, id, field, sealed, madeMs, expiresMs],
        );
        await run(
          'DELETE FROM cofferdam.earned WHERE instance = $1 AND expires_ms <= $2',
          ...[instance, nowMs],
        );
        await run(
          `DELETE FROM cofferdam.earned WHERE instance = $1 AND id NOT IN (
             SELECT id FROM cofferdam.earned WHERE instance = $1
             ORDER BY made_ms DESC, id DESC LIMIT $2)`,
          ...[instance, keep],
        );
      }),
    async earned(instance, nowMs) {
      const rows = await sql.read(
        `SELECT ${COLUMNS.earned} FROM cofferdam.earned
         WHERE instance = $1 AND (expires_ms IS NULL OR expires_ms > $2) ORDER BY made_ms, id`,
        ...[instance, nowMs],
      );
      return rows.map(earnedOf);
    },
  };
}
