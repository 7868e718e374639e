// The Store over node:sqlite: one file, WAL, every write on disk before its promise resolves.
// Writes of one tick share a commit, commits of one moment a sync.

import { LIMITS } from '../limits.ts';
import { claimFile, lockFile } from './claim.ts';
import {
  archiveHeadOf,
  archiveOf,
  configVersionOf,
  generationHeadOf,
  generationOf,
  grantChangeOf,
  grantChangeValues,
  instanceOf,
  instanceValues,
} from './rows.ts';
import { createSql, openDatabase } from './sql.ts';
import type { Sql } from './sql.ts';
import { createAccess, createOperations } from './sqlite-access.ts';
import { createAudit } from './sqlite-audit.ts';
import { createDeliveries } from './sqlite-deliveries.ts';
import { createEarned } from './sqlite-earned.ts';
import { createFacts } from './sqlite-facts.ts';
import { createSightings } from './sqlite-sightings.ts';
import { createRecordings } from './sqlite-recordings.ts';
import { createTotals } from './sqlite-totals.ts';
import type { Totals } from './sqlite-totals.ts';
import { createValues } from './sqlite-values.ts';
import type { Store } from './store.ts';
import { openWalSync } from './wal-sync.ts';
import { createTurns } from './turns.ts';

const INSTANCE_KEY = 'category = ? AND name = ? AND instance = ?';

/**
 * Opens or makes the database file.
 *
 * @throws {HostError} `HOST_STORE_FAILED` when it cannot be opened or is from a newer version;
 *   `CALLER_CONFLICT` while a command has the store for itself
 */
export function openSqliteStore(path: string, openDisk = openWalSync): Store {
  const database = openDatabase(path);
  const claim = orElse(
    () => claimFile(lockFile(path), 'host'),
    () => database.close(),
  );
  const disk = orElse(
    () => openDisk(path),
    () => {
      database.close();
      claim[Symbol.dispose]();
    },
  );
  const sql = createSql(database, disk);
  const totals = createTotals(sql);
  const inTurn = createTurns();
  // One file has one host: nobody takes a key from it.
  const { signal } = new AbortController();
  const store: Store = {
    driver: 'sqlite',
    async ping() {
      sql.get('SELECT 1');
      sql.assertSound();
    },
    readClock: async () => Date.now(),
    // Nor does anybody else change it.
    listen: () => undefined,
    exclusive: (key, work) => inTurn(key, () => work({ signal, store })),
    ...createInstances(sql, totals),
    ...createGenerations(sql),
    ...createArchives(sql),
    ...createAccess(sql),
    ...createAudit(sql),
    ...createOperations(sql),
    ...createValues(sql, totals),
    ...createDeliveries(sql),
    ...createFacts(sql),
    ...createEarned(sql),
    ...createSightings(sql),
    ...createRecordings(sql),
    async [Symbol.asyncDispose]() {
      if (!database.isOpen) return;
      try {
        await sql.write(() => undefined);
      } finally {
        await sql.close();
        database.close();
        claim[Symbol.dispose]();
      }
    },
  };
  return store;
}

function orElse<T>(open: () => T, close: () => void): T {
  try {
    return open();
  } catch (error) {
    close();
    throw error;
  }
}

const PUT_INSTANCE = `INSERT OR REPLACE INTO instances
  (category, name, instance, enabled, trusted, pinned, config, config_version, grants, asked, installed_version)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

type InstanceRecords = Pick<
  Store,
  | 'instances'
  | 'instance'
  | 'putInstance'
  | 'putConfig'
  | 'configHistory'
  | 'putGrants'
  | 'grantHistory'
  | 'removeInstance'
>;

function createInstances(sql: Sql, totals: Totals): InstanceRecords {
  return {
    async instances(filter = {}) {
      const rows = sql.all(
        `SELECT * FROM instances WHERE (? IS NULL OR category = ?) AND (? IS NULL OR name = ?)
         AND (? IS NULL OR instance = ?) ORDER BY category, name, instance`,
        ...[filter.category, filter.name, filter.instance].flatMap(twice),
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
        const key = [row.category, row.name, row.instance] as const;
        run(PUT_INSTANCE, ...instanceValues(row));
        run(
          'INSERT OR REPLACE INTO config_history VALUES (?, ?, ?, ?, ?, ?, ?)',
          ...[...key, row.configVersion, JSON.stringify(row.config), actor, at],
        );
        run(
          `DELETE FROM config_history WHERE ${INSTANCE_KEY} AND version <= ?`,
          ...[...key, row.configVersion - LIMITS.keptConfigVersions],
        );
      }),
    async configHistory({ category, name, instance }) {
      const rows = sql.all(
        `SELECT * FROM config_history WHERE ${INSTANCE_KEY} ORDER BY version DESC LIMIT ?`,
        ...[category, name, instance, LIMITS.keptConfigVersions],
      );
      return rows.map(configVersionOf);
    },
    ...createGrantHistory(sql),
    removeInstance: ({ category, name, instance }) =>
      sql.write((run) => {
        run(`DELETE FROM instances WHERE ${INSTANCE_KEY}`, category, name, instance);
        run(`DELETE FROM config_history WHERE ${INSTANCE_KEY}`, category, name, instance);
        run(`DELETE FROM grant_history WHERE ${INSTANCE_KEY}`, category, name, instance);
        const id = `${category}/${name}/${instance}`;
        run('DELETE FROM stored WHERE instance = ?', id);
        totals.forget(id);
        run('DELETE FROM operations WHERE instance = ?', id);
        run('DELETE FROM deliveries WHERE target = ?', id);
        run('DELETE FROM sightings WHERE instance = ?', id);
        run('DELETE FROM seen WHERE instance = ?', id);
        run('DELETE FROM earned WHERE instance = ?', id);
        run('DELETE FROM effects WHERE instance = ?', id);
        run('DELETE FROM calls WHERE instance = ?', id);
      }),
  };
}

function createGrantHistory(sql: Sql): Pick<Store, 'putGrants' | 'grantHistory'> {
  return {
    putGrants: (row, change) =>
      sql.write((run) => {
        const key = [row.category, row.name, row.instance] as const;
        run(PUT_INSTANCE, ...instanceValues(row));
        const last = sql.get(
          `SELECT COALESCE(MAX(sequence), 0) AS last FROM grant_history WHERE ${INSTANCE_KEY}`,
          ...key,
        );
        const sequence = Number(last?.['last'] ?? 0) + 1;
        run(
          'INSERT INTO grant_history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          ...[...key, sequence, ...grantChangeValues({ ...change, grants: row.grants })],
        );
        run(
          `DELETE FROM grant_history WHERE ${INSTANCE_KEY} AND sequence <= ?`,
          ...[...key, sequence - LIMITS.keptGrantChanges],
        );
      }),
    async grantHistory({ category, name, instance }) {
      const rows = sql.all(
        `SELECT * FROM grant_history WHERE ${INSTANCE_KEY} ORDER BY sequence DESC`,
        ...[category, name, instance],
      );
      return rows.map(grantChangeOf);
    },
  };
}

type Generations = Pick<
  Store,
  'generations' | 'generation' | 'putGeneration' | 'putBundle' | 'removeGenerations'
>;

function createGenerations(sql: Sql): Generations {
  return {
    async generations(category, name) {
      const rows = sql.all(
        `SELECT category, name, generation, version, at, manifest, description
         FROM generations WHERE category = ? AND name = ? ORDER BY seq DESC`,
        category,
        name,
      );
      return rows.map(generationHeadOf);
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
    putBundle: ({ category, name, generation }, bundle) =>
      sql.write((run) => {
        run(
          'UPDATE generations SET bundle = ? WHERE category = ? AND name = ? AND generation = ?',
          ...[bundle, category, name, generation],
        );
      }),
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

type Archives = Pick<Store, 'archives' | 'archive' | 'putArchive' | 'removeArchive' | 'keepMark'>;

function createArchives(sql: Sql): Archives {
  return {
    async archives() {
      const rows = sql.all(
        `SELECT category, name, sha256, at FROM archives ORDER BY category, name`,
      );
      return rows.map(archiveHeadOf);
    },
    async archive(category, name) {
      const row = sql.get('SELECT * FROM archives WHERE category = ? AND name = ?', category, name);
      return row === undefined ? undefined : archiveOf(row);
    },
    putArchive: ({ category, name, sha256, at, archive }) =>
      sql.write(
        (run) =>
          void run(
            'INSERT OR REPLACE INTO archives (category, name, sha256, at, archive) VALUES (?, ?, ?, ?, ?)',
            ...[category, name, sha256, at, archive],
          ),
      ),
    removeArchive: (category, name) =>
      sql.write(
        (run) => void run('DELETE FROM archives WHERE category = ? AND name = ?', category, name),
      ),
    keepMark: (name, text) =>
      sql.write((run) => {
        run('INSERT OR IGNORE INTO marks (name, text) VALUES (?, ?)', name, text);
        return String(sql.get('SELECT text FROM marks WHERE name = ?', name)?.['text'] ?? '');
      }),
  };
}

function twice(value: string | undefined): [string | null, string | null] {
  return [value ?? null, value ?? null];
}
