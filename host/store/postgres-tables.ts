// The tables of the PostgreSQL driver as plain rows. Moves large amounts: its statements may take longer
// than those of every day.

import { LIMITS } from '../limits.ts';
import { SCHEMA } from './postgres-schema.ts';
import type { PgRun, PgSql } from './postgres-sql.ts';
import type { Cell, Column, ReadTable, Table, TableWriter, Tables } from './tables.ts';

const HOLDS: Readonly<Record<string, Column['holds']>> = {
  text: 'text',
  bytea: 'bytes',
  bigint: 'number',
  integer: 'number',
  smallint: 'number',
};

/** The tables behind a pool; closing them leaves the pool to its owner. */
export function createPgTables(sql: PgSql): Tables {
  const patient = <T>(work: (run: PgRun) => Promise<T>): Promise<T> =>
    sql.transaction(async (run) => {
      // Sees one moment, and must be the first statement.
      await run('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await run(`SET LOCAL statement_timeout = ${LIMITS.storeMigrationMs}`);
      await run(`SET LOCAL idle_in_transaction_session_timeout = ${LIMITS.storeMigrationMs}`);
      return work(run);
    });
  return {
    list: () => listTables(sql.read),
    snapshot: (work) => patient((run) => work(createRead(run))),
    transaction: (work) =>
      patient(async (run) => {
        const value = await work(createWriter(run));
        await advanceIdentities(run);
        return value;
      }),
    async [Symbol.asyncDispose]() {},
  };
}

async function listTables(read: PgRun): Promise<Table[]> {
  const rows = await read(
    `SELECT table_name, column_name, data_type FROM information_schema.columns
     WHERE table_schema = '${SCHEMA}' AND table_name <> 'schema_version'
     ORDER BY table_name COLLATE "C", ordinal_position`,
  );
  const tables = new Map<string, Column[]>();
  for (const row of rows) {
    const name = String(row['table_name']);
    const column = {
      name: String(row['column_name']),
      holds: HOLDS[String(row['data_type'])] ?? ('text' as const),
    };
    tables.set(name, [...(tables.get(name) ?? []), column]);
  }
  return [...tables].map(([name, columns]) => ({ name, columns }));
}

function createRead(run: PgRun): ReadTable {
  return async function* read({ name, columns }) {
    const list = columns.map((column) => `"${column.name}"`).join(', ');
    const holdsBytes = columns.some(({ holds }) => holds === 'bytes');
    const most = holdsBytes ? LIMITS.copyBlobRows : LIMITS.storeBatchRows;
    await run(
      `DECLARE "copy ${name}" NO SCROLL CURSOR FOR SELECT ${list} FROM ${SCHEMA}."${name}"`,
    );
    for (;;) {
      const rows = await run(`FETCH ${most} FROM "copy ${name}"`);
      if (rows.length === 0) break;
      yield rows.map((row) => columns.map((column) => (row[column.name] ?? null) as Cell));
    }
    await run(`CLOSE "copy ${name}"`);
  };
}

function createWriter(run: PgRun): TableWriter {
  return {
    async find({ name, columns }, where) {
      const list = columns.map((column) => `"${column.name}"`).join(', ');
      const keys = Object.keys(where).map((key, at) => `"${key}" = $${at + 1}`);
      const text = `SELECT ${list} FROM ${SCHEMA}."${name}" WHERE ${keys.join(' AND ')}`;
      const [row] = await run(text, ...Object.values(where));
      if (row === undefined) return undefined;
      return columns.map((column) => (row[column.name] ?? null) as Cell);
    },
    async clear({ name }) {
      await run(`DELETE FROM ${SCHEMA}."${name}"`);
    },
    async insert({ name, columns }, rows) {
      if (rows.length === 0) return;
      const list = columns.map((column) => `"${column.name}"`).join(', ');
      const tuples = rows.map((row, at) => {
        const marks = row.map((_cell, place) => `$${at * row.length + place + 1}`);
        return `(${marks.join(', ')})`;
      });
      const values = rows.flat();
      await run(`INSERT INTO ${SCHEMA}."${name}" (${list}) VALUES ${tuples.join(', ')}`, ...values);
    },
    async update({ name }, { column, value, where }) {
      const keys = Object.keys(where).map((key, at) => `"${key}" = $${at + 2}`);
      const values = [value, ...Object.values(where)];
      const text = `UPDATE ${SCHEMA}."${name}" SET "${column}" = $1 WHERE ${keys.join(' AND ')}`;
      await run(text, ...values);
    },
  };
}

/** The next number that a table gives itself is above all that were copied. */
async function advanceIdentities(run: PgRun): Promise<void> {
  const columns = await run(
    `SELECT table_name, column_name FROM information_schema.columns
     WHERE table_schema = '${SCHEMA}' AND is_identity = 'YES'`,
  );
  for (const row of columns) {
    const [table, column] = [String(row['table_name']), String(row['column_name'])];
    await run(
      `SELECT setval(pg_get_serial_sequence('${SCHEMA}."${table}"', '${column}'),
         greatest((SELECT max("${column}") FROM ${SCHEMA}."${table}"), 0) + 1, false)`,
    );
  }
}
