// Tokens and calls with an idempotency key in SQLite.

import { operationOf, tokenOf, tokenValues } from './rows.ts';
import type { Sql } from './sql.ts';
import type { Store } from './store.ts';

type Access = Pick<Store, 'tokens' | 'tokenByHash' | 'putToken' | 'removeToken'>;

/** Who may come in. */
export function createAccess(sql: Sql): Access {
  return {
    tokens: async () => sql.all('SELECT * FROM tokens ORDER BY created_at, id').map(tokenOf),
    async tokenByHash(hash) {
      const row = sql.get('SELECT * FROM tokens WHERE hash = ?', hash);
      return row === undefined ? undefined : tokenOf(row);
    },
    putToken: (row) =>
      sql.write(
        (run) =>
          void run(
            `INSERT OR REPLACE INTO tokens
             (id, name, role, hash, created_at, expires_at, scope, requests_per_minute)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
            ...tokenValues(row),
          ),
      ),
    removeToken: (id) => sql.write((run) => run('DELETE FROM tokens WHERE id = ?', id) > 0),
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
