// The audit in SQLite.

import { LIMITS } from '../limits.ts';
import { auditPage } from './audit.ts';
import type { AuditStore } from './audit.ts';
import { auditOf } from './rows.ts';
import { scopeText, withinScope } from './scoped.ts';
import type { Sql } from './sql.ts';

const PAGE = `SELECT * FROM audit WHERE id < ?1 AND id >= ?2
  AND (?3 IS NULL OR actor = ?3)
  AND (?4 IS NULL OR action = ?4 OR substr(action, 1, length(?4) + 1) = ?4 || '.')
  AND (?5 IS NULL OR outcome = ?5)
  AND (?6 IS NULL OR at >= ?6) AND (?7 IS NULL OR at < ?7)
  AND (?8 IS NULL OR subject = ?8 OR substr(subject, 1, length(?8) + 1) = ?8 || '/')
  AND ${withinScope('subject', '?9')}
  ORDER BY id DESC LIMIT ?10`;

/** Who did what. */
export function createAudit(sql: Sql): AuditStore {
  return {
    addAudit: ({ at, actor, role, action, subject, outcome, details }) =>
      sql.write(
        (run) =>
          void run(
            `INSERT INTO audit (at, actor, role, action, subject, outcome, details)
             VALUES (?, ?, ?, ?, ?, ?, ?)`,
            ...[at, actor, role, action, subject, outcome],
            details === undefined ? null : JSON.stringify(details),
          ),
      ),
    async audit({ limit, before, actor, action, subject, outcome, since, until, scope }) {
      // Two statements: one over both ends would read the whole table.
      const endOf = (end: 'MIN' | 'MAX'): number =>
        Number(sql.get(`SELECT COALESCE(${end}(id), 0) AS id FROM audit`)?.['id'] ?? 0);
      const below = before ?? endOf('MAX') + 1;
      const from = below - LIMITS.auditLook;
      const rows = sql.all(
        PAGE,
        ...[below, from, actor ?? null, action ?? null, outcome ?? null],
        ...[since ?? null, until ?? null],
        ...[subject ?? null, scopeText(scope), limit],
      );
      return auditPage(rows.map(auditOf), { limit, from, oldest: endOf('MIN') });
    },
    purgeAudit: ({ before, strangersBefore, limit }) =>
      sql.write(
        (run) =>
          // Only the oldest places are looked at: lines come in the order of time.
          run(
            'DELETE FROM audit WHERE id < (SELECT MIN(id) FROM audit) + ?2 AND at < ?1',
            ...[before, limit],
          ) +
          run(
            `DELETE FROM audit WHERE id IN (SELECT id FROM audit
             WHERE role = 'none' AND at < ? ORDER BY at LIMIT ?)`,
            ...[strangersBefore, limit],
          ),
      ),
  };
}
