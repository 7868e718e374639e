// Key-value storage of instances in PostgreSQL: quota, expiry, listing by prefix, atomic change. Keys are
// kept as bytes, so that their order is that of the other driver whatever the database's collation.

import { LIMITS } from '../limits.ts';
import { isTrue } from './postgres-sql.ts';
import type { PgRun, PgSql } from './postgres-sql.ts';
import { endOfPrefix, overListing } from './listing.ts';
import type { Store } from './store.ts';

type Values = Pick<Store, 'value' | 'putValue' | 'removeValue' | 'values' | 'updateValue'>;

const READ = `SELECT value FROM cofferdam.stored
  WHERE instance = $1 AND key = $2 AND (expires_ms IS NULL OR expires_ms > $3)`;
/** Hosts that write at the same moment may put a few keys over the bound: it is one of effort. */
const PUT = `SELECT CASE WHEN (SELECT count(*) FROM cofferdam.stored
    WHERE instance = $1 AND key <> $2 AND (expires_ms IS NULL OR expires_ms > $5)) >= $7
  THEN false ELSE cofferdam.put_value($1, $2, $3, $4, $5, $6) END AS done`;
/** The lock that put_value takes as well: one change of an instance's values at a time. */
const LOCK = 'SELECT pg_advisory_xact_lock(1129268294, hashtext($1))';

/** The storage part of the store. */
export function createPgValues(sql: PgSql): Values {
  const inTurn = <T>(instance: string, work: () => Promise<T>): Promise<T> =>
    sql.inTurn(`values ${instance}`, work);
  const read = async (run: PgRun, instance: string, key: string, nowMs: number) => {
    const [row] = await run(READ, instance, Buffer.from(key), nowMs);
    return row === undefined ? null : (JSON.parse(String(row['value'])) as unknown);
  };
  return {
    value: (instance, key, nowMs) => read(sql.read, instance, key, nowMs),
    async putValue(instance, { key, value, expiresMs }, { nowMs, quotaBytes }) {
      const entry = [instance, Buffer.from(key), JSON.stringify(value), expiresMs] as const;
      const [row] = await inTurn(instance, () =>
        sql.write(PUT, ...entry, nowMs, quotaBytes, LIMITS.storageKeys),
      );
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
      const end = endOfPrefix(prefix);
      // One statement, so that what is added up is what is read.
      const rows = await sql.read(
        `WITH wanted AS MATERIALIZED (
           SELECT key, bytes FROM cofferdam.stored WHERE instance = $1 AND key >= $2 AND key > $3
             AND ($7::bytea IS NULL OR key < $7)
             AND substr(key, 1, $4) = $2 AND (expires_ms IS NULL OR expires_ms > $5)
           ORDER BY key LIMIT $6
         ), total AS (SELECT sum(bytes) > $8 AS is_over FROM wanted)
         SELECT is_over, key, value FROM total LEFT JOIN (wanted JOIN cofferdam.stored USING (key))
           ON instance = $1 AND NOT is_over ORDER BY key`,
        ...[instance, start, Buffer.from(after), start.length, nowMs, limit],
        end === undefined ? null : Buffer.from(end),
        LIMITS.storageListBytes,
      );
      if (isTrue(rows[0]?.['is_over'])) throw overListing();
      return rows.flatMap(({ key, value }) =>
        key === null || key === undefined
          ? []
          : {
              key: Buffer.from(key as Uint8Array).toString('utf8'),
              value: JSON.parse(String(value)) as unknown,
            },
      );
    },
    updateValue: (instance, key, { nowMs, quotaBytes, expiresMs, change }) =>
      inTurn(instance, () =>
        sql.transaction(async (run) => {
          await run(LOCK, instance);
          const changed = change(await read(run, instance, key, nowMs));
          if (changed === undefined) return 'unchanged';
          const entry = [instance, Buffer.from(key), JSON.stringify(changed), expiresMs] as const;
          const [row] = await run(PUT, ...entry, nowMs, quotaBytes, LIMITS.storageKeys);
          return isTrue(row?.['done']) ? 'changed' : 'over-quota';
        }),
      ),
  };
}
