// The tables of a SQLite file as plain rows. Uses a connection of its own.

import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';

import { LIMITS } from '../limits.ts';
import { openDatabase } from './sql.ts';
import type { Cell, Column, ReadTable, Table, TableWriter, Tables } from './tables.ts';

const HOLDS: Readonly<Record<string, Column['holds']>> = {
  TEXT: 'text',
  INTEGER: 'number',
  BLOB: 'bytes',
};

/** Opens the file, makes its tables, and renews them where that is allowed. @throws {HostError} `HOST_STORE_FAILED` */
export function openSqliteTables(path: string, mayRenew = true): Tables {
  const database = openDatabase(path, mayRenew);
  return {
    list: async () => listTables(database),
    async snapshot(work) {
      database.exec('BEGIN');
      try {
        return await work(createRead(database));
      } finally {
        database.exec('COMMIT');
      }
    },
    async transaction(work) {
      database.exec('BEGIN IMMEDIATE');
      try {
        const value = await work(createWriter(database));
        database.exec('COMMIT');
        return value;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      if (!database.isOpen) return;
      // Into the one file: a backup is not to need a companion.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
    },
  };
}

function listTables(database: DatabaseSync): Table[] {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map((row) => String(row['name']))
    .toSorted();
  return tables.map((name) => ({
    name,
    columns: database
      .prepare('SELECT name, type FROM pragma_table_info(?)')
      .all(name)
      .map((row) => ({ name: String(row['name']), holds: HOLDS[String(row['type'])] ?? 'text' })),
  }));
}

function createRead(database: DatabaseSync): ReadTable {
  return async function* read({ name, columns }) {
    const list = columns.map((column) => `"${column.name}"`).join(', ');
    const statement = database.prepare(`SELECT ${list} FROM "${name}"`);
    const holdsBytes = columns.some(({ holds }) => holds === 'bytes');
    const most = holdsBytes ? LIMITS.copyBlobRows : LIMITS.storeBatchRows;
    let rows: Cell[][] = [];
    for (const row of statement.iterate() as Iterable<Record<string, SQLOutputValue>>) {
      rows.push(columns.map((column) => cellOf(row[column.name])));
      if (rows.length < most) continue;
      yield rows;
      rows = [];
    }
    if (rows.length > 0) yield rows;
  };
}

function cellOf(value: SQLOutputValue | undefined): Cell {
  // node:sqlite gives bigints only when asked for them.
  return typeof value === 'bigint' ? Number(value) : (value ?? null);
}

function createWriter(database: DatabaseSync): TableWriter {
  const input = (cell: Cell): SQLInputValue => cell;
  return {
    async find({ name, columns }, where) {
      const list = columns.map((column) => `"${column.name}"`).join(', ');
      const keys = Object.keys(where).map((key) => `"${key}" = ?`);
      const row = database
        .prepare(`SELECT ${list} FROM "${name}" WHERE ${keys.join(' AND ')}`)
        .get(...Object.values(where).map(input));
      return row === undefined ? undefined : columns.map((column) => cellOf(row[column.name]));
    },
    async clear({ name }) {
      database.exec(`DELETE FROM "${name}"`);
    },
    async insert({ name, columns }, rows) {
      const list = columns.map((column) => `"${column.name}"`).join(', ');
      const marks = columns.map(() => '?').join(', ');
      const statement = database.prepare(`INSERT INTO "${name}" (${list}) VALUES (${marks})`);
      for (const row of rows) statement.run(...row.map(input));
    },
    async update({ name }, { column, value, where }) {
      const keys = Object.keys(where).map((key) => `"${key}" = ?`);
      database
        .prepare(`UPDATE "${name}" SET "${column}" = ? WHERE ${keys.join(' AND ')}`)
        .run(input(value), ...Object.values(where).map(input));
    },
  };
}
