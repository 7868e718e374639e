// Key-value storage of instances in PostgreSQL: quota, expiry, listing by prefix, atomic change. Keys are
// kept as bytes, so that their order is that of the other driver whatever the database's collation.

import type { PgRun, PgSql } from './postgres-sql.ts';
import type { Store } from './store.ts';
import { createTurns } from './turns.ts';

type Values = Pick<Store, 'value' | 'putValue' | 'removeValue' | 'values' | 'updateValue'>;

const READ = `SELECT value FROM cofferdam.stored
  WHERE instance = $1 AND key = $2 AND (expires_ms IS NULL OR expires_ms > $3)`;
const PUT = 'SELECT cofferdam.put_value($1, $2, $3, $4, $5, $6) AS done';
/** The lock that put_value takes as well: one change of an instance's values at a time. */
const LOCK = 'SELECT pg_advisory_xact_lock(1129268294, hashtext($1))';

/** The storage part of the store. */
export function createPgValues(sql: PgSql): Values {
  // Changes of one instance wait here, not each on a connection of its own.
  const inTurn = createTurns();
  const read = async (run: PgRun, instance: string, key: string, nowMs: number) => {
    const [row] = await run(READ, instance, Buffer.from(key), nowMs);
    return row === undefined ? null : (JSON.parse(String(row['value'])) as unknown);
  };
  return {
    value: (instance, key, nowMs) => read(sql.read, instance, key, nowMs),
    async putValue(instance, { key, value, expiresMs }, { nowMs, quotaBytes }) {
      const entry = [instance, Buffer.from(key), JSON.stringify(value), expiresMs] as const;
      const [row] = await inTurn(instance, () => sql.write(PUT, ...entry, nowMs, quotaBytes));
      return isTrue(row?.['done']);
    },
    async removeValue(instance, key) {
      const rows = await sql.write(
        'DELETE FROM cofferdam.stored WHERE instance = $1 AND key = $2 RETURNING 1 AS gone',
        ...[instance, Buffer.from(key)],
      );
      return rows.length > 0;
    },
    async values(instance, { prefix, after, limit, nowMs }) {
      const start = Buffer.from(prefix);
      const rows = await sql.read(
        `SELECT key, value FROM cofferdam.stored WHERE instance = $1 AND key >= $2 AND key > $3
         AND substr(key, 1, $4) = $2 AND (expires_ms IS NULL OR expires_ms > $5)
         ORDER BY key LIMIT $6`,
        ...[instance, start, Buffer.from(after), start.length, nowMs, limit],
      );
      return rows.map((row) => ({
        key: Buffer.from(row['key'] as Uint8Array).toString('utf8'),
        value: JSON.parse(String(row['value'])) as unknown,
      }));
    },
    updateValue: (instance, key, { nowMs, quotaBytes, expiresMs, change }) =>
      inTurn(instance, () =>
        sql.transaction(async (run) => {
          await run(LOCK, instance);
          const changed = change(await read(run, instance, key, nowMs));
          if (changed === undefined) return 'unchanged';
          const entry = [instance, Buffer.from(key), JSON.stringify(changed), expiresMs] as const;
          const [row] = await run(PUT, ...entry, nowMs, quotaBytes);
          return isTrue(row?.['done']) ? 'changed' : 'over-quota';
        }),
      ),
  };
}

/** pg gives booleans as such; rows of SQLite, which share the type, have none. */
function isTrue(value: unknown): boolean {
  return value === true;
}
