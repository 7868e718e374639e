// Tokens, the audit and calls with an idempotency key in SQLite.

import { auditOf, operationOf, tokenOf } from './rows.ts';
import type { Sql } from './sql.ts';
import type { Store } from './store.ts';

type Access = Pick<
  Store,
  'tokens' | 'tokenByHash' | 'putToken' | 'removeToken' | 'addAudit' | 'audit'
>;

/** Who may come in, and who did what. */
export function createAccess(sql: Sql): Access {
  return {
    tokens: async () => sql.all('SELECT * FROM tokens ORDER BY created_at, id').map(tokenOf),
    async tokenByHash(hash) {
      const row = sql.get('SELECT * FROM tokens WHERE hash = ?', hash);
      return row === undefined ? undefined : tokenOf(row);
    },
    putToken: ({ id, name, role, hash, createdAt, expiresAt }) =>
      sql.write(
        (run) =>
          void run(
            'INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?)',
            ...[id, name, role, hash, createdAt, expiresAt],
          ),
      ),
    removeToken: (id) => sql.write((run) => run('DELETE FROM tokens WHERE id = ?', id) > 0),
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
    async audit({ limit, before = Number.MAX_SAFE_INTEGER }) {
      const rows = sql.all(
        'SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?',
        before,
        limit,
      );
      return { entries: rows.map(auditOf) };
    },
  };
}

/** Calls by (instance, key). */
export function createOperations(sql: Sql): Pick<Store, 'startOperation' | 'endOperation'> {
  return {
    startOperation: (row) =>
      sql.write((run) => {
        const { instance, key } = row;
        const added = run(
          'INSERT OR IGNORE INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          ...[instance, key, row.callId, row.handler, row.inputHash, row.startedAt],
          ...[row.state, row.outcome],
        );
        if (added > 0) return undefined;
        const known = sql.get(
          'SELECT * FROM operations WHERE instance = ? AND key = ?',
          instance,
          key,
        );
        return known === undefined ? undefined : operationOf(known);
      }),
    endOperation: ({ instance, key, state, outcome }) =>
      sql.write(
        (run) =>
          void run(
            'UPDATE operations SET state = ?, outcome = ? WHERE instance = ? AND key = ?',
            ...[state, outcome, instance, key],
          ),
      ),
  };
}
