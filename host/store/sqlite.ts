// The Store over node:sqlite: one file, WAL, every commit on disk before its promise resolves.
// Writes of one tick share a commit.

import { auditOf, generationOf, instanceOf, instanceValues, operationOf, tokenOf } from './rows.ts';
import { createSql, openDatabase } from './sql.ts';
import type { Sql } from './sql.ts';
import type { Store } from './store.ts';
import { createValues } from './sqlite-values.ts';

const INSTANCE_KEY = 'category = ? AND name = ? AND instance = ?';

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
      const row = sql.get(
        `SELECT * FROM instances WHERE ${INSTANCE_KEY}`,
        category,
        name,
        instance,
      );
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
        (run) =>
          void run('DELETE FROM generations WHERE category = ? AND name = ?', category, name),
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
      const rows = sql.all(
        'SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?',
        before,
        limit,
      );
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

function twice(value: string | undefined): [string | null, string | null] {
  return [value ?? null, value ?? null];
}
