// Tokens and calls with an idempotency key in PostgreSQL. What every call writes leaves in
// batches: one statement, one trip, one commit for all of a tick.

import { createBatch } from './postgres-batch.ts';
import { COLUMNS } from './postgres-columns.ts';
import { wroteNothing } from './postgres-errors.ts';
import type { PgSql } from './postgres-sql.ts';
import { operationOf, tokenOf, tokenValues } from './rows.ts';
import type { OperationRow, Store } from './store.ts';

type Access = Pick<Store, 'tokens' | 'tokenByHash' | 'putToken' | 'removeToken'>;

const TOKENS = `SELECT ${COLUMNS.tokens} FROM cofferdam.tokens`;

/** Who may come in. */
export function createPgAccess(sql: PgSql): Access {
  return {
    tokens: async () => (await sql.read(`${TOKENS} ORDER BY created_at, id`)).map(tokenOf),
    async tokenByHash(hash) {
      const [row] = await sql.read(`${TOKENS} WHERE hash = $1`, hash);
      return row === undefined ? undefined : tokenOf(row);
    },
    async putToken(row) {
      await sql.write(
        `INSERT INTO cofferdam.tokens
           (${COLUMNS.tokens})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET
           name = excluded.name, role = excluded.role, hash = excluded.hash,
           created_at = excluded.created_at, expires_at = excluded.expires_at,
           scope = excluded.scope, requests_per_minute = excluded.requests_per_minute`,
        ...tokenValues(row),
      );
    },
    async removeToken(id) {
      const rows = await sql.write('DELETE FROM cofferdam.tokens WHERE id = $1 RETURNING id', id);
      return rows.length > 0;
    },
  };
}

type OperationEnd = Parameters<Store['endOperation']>[0];

/** Calls by (instance, key). */
export function createPgOperations(sql: PgSql): Pick<Store, 'startOperation' | 'endOperation'> {
  const batching = { mayRepeat: wroteNothing, track: sql.track };
  const start = createBatch<OperationRow, OperationRow | undefined>(
    (rows) => startOperations(sql, rows),
    batching,
  );
  const end = createBatch<OperationEnd, undefined>(async (ends) => {
    await sql.write(
      `UPDATE cofferdam.operations AS operation SET state = ended.state, outcome = ended.outcome
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
         AS ended (instance, key, state, outcome)
       WHERE operation.instance = ended.instance AND operation.key = ended.key`,
      ends.map(({ instance }) => instance),
      ends.map(({ key }) => key),
      ends.map(({ state }) => state),
      ends.map(({ outcome }) => outcome),
    );
    return ends.map(() => undefined);
  }, batching);
  return { startOperation: start, endOperation: end };
}

/** Of rows with the same (instance, key) the first one in is new; every other is told which that was. */
async function startOperations(
  sql: PgSql,
  rows: readonly OperationRow[],
): Promise<(OperationRow | undefined)[]> {
  const added = await sql.write(
    `INSERT INTO cofferdam.operations
       (${COLUMNS.operations})
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
       $7::text[], $8::text[])
     ON CONFLICT (instance, key) DO NOTHING RETURNING call_id`,
    rows.map(({ instance }) => instance),
    rows.map(({ key }) => key),
    rows.map(({ callId }) => callId),
    rows.map(({ handler }) => handler),
    rows.map(({ inputHash }) => inputHash),
    rows.map(({ startedAt }) => startedAt),
    rows.map(({ state }) => state),
    rows.map(({ outcome }) => outcome),
  );
  const fresh = new Set(added.map((row) => row['call_id']));
  const others = rows.filter(({ callId }) => !fresh.has(callId));
  if (others.length === 0) return rows.map(() => undefined);
  const known = await sql.read(
    `SELECT ${COLUMNS.operations} FROM unnest($1::text[], $2::text[]) AS asked (instance, key)
     JOIN cofferdam.operations AS operation USING (instance, key)`,
    others.map(({ instance }) => instance),
    others.map(({ key }) => key),
  );
  const byKey = new Map(known.map(operationOf).map((row) => [keyOf(row), row]));
  return rows.map((row) => (fresh.has(row.callId) ? undefined : byKey.get(keyOf(row))));
}

function keyOf({ instance, key }: Pick<OperationRow, 'instance' | 'key'>): string {
  return JSON.stringify([instance, key]);
}
