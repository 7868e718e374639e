// The Store over node:sqlite: one file, WAL, every commit on disk before its promise resolves.
// Writes of one tick share a commit.

import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';

import { HostError } from '../errors.ts';
import { STEPS } from './schema.ts';
import {
  auditOf,
  generationOf,
  instanceOf,
  instanceValues,
  operationOf,
  tokenOf,
} from './rows.ts';
import type { Row } from './rows.ts';
import type { Store } from './store.ts';
import { createValues } from './sqlite-values.ts';

const INSTANCE_KEY = 'category = ? AND name = ? AND instance = ?';

/** Runs statements; writes queue until the end of the tick and commit together. */
export type Sql = {
  all(sql: string, ...values: SQLInputValue[]): Row[];
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  /** Runs `work` inside the tick's transaction; resolves with its value after the commit. */
  write<T>(work: (run: (sql: string, ...values: SQLInputValue[]) => number) => T): Promise<T>;
};

/**
 * Opens or makes the database file.
 *
 * @throws {HostError} `HOST_STORE_FAILED` when it cannot be opened or is from a newer version
 */
export function openSqliteStore(path: string): Store {
  const database = openDatabase(path);
  const sql = createSql(database);
  return {
    async instances(filter = {}) {
      const rows = sql.all(
        `SELECT * FROM instances WHERE (? IS NULL OR category = ?) AND (? IS NULL OR name = ?)
         ORDER BY category, name, instance`,
        ...twice(filter.category),
        ...twice(filter.name),
      );
      return rows.map(instanceOf);
    },
    async instance({ category, name, instance }) {
      const row = sql.get(`SELECT * FROM instances WHERE ${INSTANCE_KEY}`, category, name, instance);
      return row === undefined ? undefined : instanceOf(row);
    },
    putInstance: (row) => sql.write((run) => void run(PUT_INSTANCE, ...instanceValues(row))),
    putConfig: (row, actor, at) =>
      sql.write((run) => {
        run(PUT_INSTANCE, ...instanceValues(row));
        run(
          'INSERT OR REPLACE INTO config_history VALUES (?, ?, ?, ?, ?, ?, ?)',
          ...[row.category, row.name, row.instance, row.configVersion],
          ...[JSON.stringify(row.config), actor, at],
        );
      }),
    removeInstance: ({ category, name, instance }) =>
      sql.write((run) => {
        run(`DELETE FROM instances WHERE ${INSTANCE_KEY}`, category, name, instance);
        run(`DELETE FROM config_history WHERE ${INSTANCE_KEY}`, category, name, instance);
        const id = `${category}/${name}/${instance}`;
        run('DELETE FROM stored WHERE instance = ?', id);
        run('DELETE FROM operations WHERE instance = ?', id);
      }),
    ...createGenerations(sql),
    ...createAccess(sql),
    ...createOperations(sql),
    ...createValues(sql),
    async [Symbol.asyncDispose]() {
      await sql.write(() => undefined);
      database.close();
    },
  };
}

const PUT_INSTANCE = `INSERT OR REPLACE INTO instances
  (category, name, instance, enabled, trusted, pinned, config, config_version, grants, asked, installed_version)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

type Generations = Pick<
  Store,
  'generations' | 'generation' | 'putGeneration' | 'removeGenerations'
>;

function createGenerations(sql: Sql): Generations {
  return {
    async generations(category, name) {
      const rows = sql.all(
        `SELECT category, name, generation, version, at, manifest, description, x'' AS bundle
         FROM generations WHERE category = ? AND name = ? ORDER BY seq DESC`,
        category,
        name,
      );
      return rows.map(generationOf);
    },
    async generation(category, name, generation) {
      const row = sql.get(
        'SELECT * FROM generations WHERE category = ? AND name = ? AND generation = ?',
        category,
        name,
        generation,
      );
      return row === undefined ? undefined : generationOf(row);
    },
    putGeneration: (row, keep) =>
      sql.write((run) => {
        const { category, name } = row;
        run(
          'DELETE FROM generations WHERE category = ? AND name = ? AND generation = ?',
          category,
          name,
          row.generation,
        );
        run(
          `INSERT INTO generations (category, name, generation, version, at, manifest, description, bundle)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          ...[category, name, row.generation, row.version, row.at],
          ...[JSON.stringify(row.manifest), JSON.stringify(row.description), row.bundle],
        );
        run(
          `DELETE FROM generations WHERE category = ?1 AND name = ?2 AND seq NOT IN
           (SELECT seq FROM generations WHERE category = ?1 AND name = ?2 ORDER BY seq DESC LIMIT ?3)`,
          category,
          name,
          keep,
        );
      }),
    removeGenerations: (category, name) =>
      sql.write(
        (run) => void run('DELETE FROM generations WHERE category = ? AND name = ?', category, name),
      ),
  };
}

type Access = Pick<
  Store,
  'tokens' | 'tokenByHash' | 'putToken' | 'removeToken' | 'addAudit' | 'audit'
>;

function createAccess(sql: Sql): Access {
  return {
    tokens: async () => sql.all('SELECT * FROM tokens ORDER BY created_at').map(tokenOf),
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
      const rows = sql.all('SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?', before, limit);
      return { entries: rows.map(auditOf) };
    },
  };
}

function createOperations(sql: Sql): Pick<Store, 'startOperation' | 'endOperation'> {
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
        const known = sql.get('SELECT * FROM operations WHERE instance = ? AND key = ?', instance, key);
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

function openDatabase(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path);
    // Readable by this user alone: it holds configs and audit.
    chmodSync(path, 0o600);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000');
    migrate(database);
    return database;
  } catch (error) {
    if (error instanceof HostError) throw error;
    const why = error instanceof Error ? error.message : 'unknown error';
    throw new HostError('HOST_STORE_FAILED', `Cannot open the store "${path}": ${why}`, {
      remedy: 'Check that COFFERDAM_DATA_DIR is a directory this user can write',
      cause: error,
    });
  }
}

function migrate(database: DatabaseSync): void {
  // IMMEDIATE takes the write lock: two hosts that start together migrate one after the other.
  database.exec('BEGIN IMMEDIATE');
  const row = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (row.user_version > STEPS.length) {
    database.exec('ROLLBACK');
    throw new HostError('HOST_STORE_FAILED', 'The store was written by a newer version of the host', {
      remedy: 'Start that version, or restore a backup',
    });
  }
  for (const step of STEPS.slice(row.user_version)) database.exec(step);
  database.exec(`PRAGMA user_version = ${STEPS.length}`);
  database.exec('COMMIT');
}

function createSql(database: DatabaseSync): Sql {
  const statements = new Map<string, StatementSync>();
  const prepare = (text: string): StatementSync => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const made = database.prepare(text);
    statements.set(text, made);
    return made;
  };
  let queue: { work: () => void; resolve: () => void; reject: (error: unknown) => void }[] = [];

  const commit = (): void => {
    const batch = queue;
    queue = [];
    try {
      database.exec('BEGIN IMMEDIATE');
      const failed = batch.filter((entry) => !attempt(database, entry));
      database.exec('COMMIT');
      for (const entry of batch) if (!failed.includes(entry)) entry.resolve();
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      for (const { reject } of batch) reject(storeError(error));
    }
  };

  return {
    all: (text, ...values) => prepare(text).all(...values) as Row[],
    get: (text, ...values) => prepare(text).get(...values) as Row | undefined,
    write(work) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let value: ReturnType<typeof work>;
      const run = (text: string, ...values: SQLInputValue[]): number =>
        Number(prepare(text).run(...values).changes);
      if (queue.length === 0) setImmediate(commit);
      queue.push({
        work: () => {
          value = work(run);
        },
        resolve,
        reject,
      });
      return promise.then(() => value);
    },
  };
}

/** One entry of a batch in a savepoint: its failure undoes only its own writes. */
function attempt(
  database: DatabaseSync,
  { work, reject }: { work: () => void; reject: (error: unknown) => void },
): boolean {
  database.exec('SAVEPOINT entry');
  try {
    work();
    database.exec('RELEASE entry');
    return true;
  } catch (error) {
    database.exec('ROLLBACK TO entry; RELEASE entry');
    reject(storeError(error));
    return false;
  }
}

function storeError(error: unknown): unknown {
  if (error instanceof HostError) return error;
  const why = error instanceof Error ? error.message : 'unknown error';
  return new HostError('HOST_STORE_FAILED', `Cannot write to the store: ${why}`, {
    remedy: 'Check the free space and the permissions of COFFERDAM_DATA_DIR',
    cause: error,
  });
}

function twice(value: string | undefined): [string | null, string | null] {
  return [value ?? null, value ?? null];
}
