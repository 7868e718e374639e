// The audit in PostgreSQL. Lines leave in batches: one statement, one trip, one commit for all of a tick.

import { LIMITS } from '../limits.ts';
import { auditPage } from './audit.ts';
import type { AuditRow, AuditStore } from './audit.ts';
import { createBatch } from './postgres-batch.ts';
import { COLUMNS } from './postgres-columns.ts';
import { wroteNothing } from './postgres-errors.ts';
import type { PgSql } from './postgres-sql.ts';
import { auditOf } from './rows.ts';
import { withinPgScope } from './scoped.ts';

const PAGE = `SELECT ${COLUMNS.audit} FROM cofferdam.audit WHERE id < $1 AND id >= $2
  AND ($3::text IS NULL OR actor = $3)
  AND ($4::text IS NULL OR action = $4 OR starts_with(action, $4 || '.'))
  AND ($5::text IS NULL OR outcome = $5)
  AND ($6::text IS NULL OR at COLLATE "C" >= $6) AND ($7::text IS NULL OR at COLLATE "C" < $7)
  AND ($8::text IS NULL OR subject = $8 OR starts_with(subject, $8 || '/'))
  AND ${withinPgScope('subject', '$9')}
  ORDER BY id DESC LIMIT $10`;

/** Who did what. */
export function createPgAudit(sql: PgSql): AuditStore {
  const addLines = createBatch<AuditRow, undefined>(
    async (lines) => {
      await sql.write(
        `INSERT INTO cofferdam.audit (at, actor, role, action, subject, outcome, details)
       SELECT at, actor, role, action, subject, outcome, details
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
         WITH ORDINALITY AS line (at, actor, role, action, subject, outcome, details, place)
       ORDER BY place`,
        lines.map(({ at }) => at),
        lines.map(({ actor }) => actor),
        lines.map(({ role }) => role),
        lines.map(({ action }) => action),
        lines.map(({ subject }) => subject),
        lines.map(({ outcome }) => outcome),
        lines.map(({ details }) => (details === undefined ? null : JSON.stringify(details))),
      );
      return lines.map(() => undefined);
    },
    { mayRepeat: wroteNothing, track: sql.track },
  );
  return {
    addAudit: (row) => addLines(row),
    async audit({ limit, before, actor, action, subject, outcome, since, until, scope }) {
      const [ends] = await sql.read(
        'SELECT coalesce(min(id), 0) AS oldest, coalesce(max(id), 0) AS newest FROM cofferdam.audit',
      );
      const below = before ?? Number(ends?.['newest'] ?? 0) + 1;
      const from = below - LIMITS.auditLook;
      const rows = await sql.read(
        PAGE,
        ...[below, from, actor ?? null, action ?? null, outcome ?? null],
        ...[since ?? null, until ?? null],
        ...[subject ?? null, scope ?? null, limit],
      );
      return auditPage(rows.map(auditOf), { limit, from, oldest: Number(ends?.['oldest'] ?? 0) });
    },
    async purgeAudit({ before, strangersBefore, limit }) {
      // Only the oldest places are looked at: lines come in the order of time.
      const rows = await sql.write(
        `DELETE FROM cofferdam.audit WHERE
           (id < (SELECT min(id) FROM cofferdam.audit) + $3::bigint AND at COLLATE "C" < $1)
           OR id IN (SELECT id FROM cofferdam.audit
             WHERE role = 'none' AND at COLLATE "C" < $2 ORDER BY at COLLATE "C" LIMIT $3)
         RETURNING id`,
        ...[before, strangersBefore, limit],
      );
      return rows.length;
    },
  };
}
