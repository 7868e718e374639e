// One SQLite file: opening, migrating, and writes that share a commit per tick and a look at the disk. Knows
// no table.

import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';

import { HostError } from '../errors.ts';
import { assertVersion } from './claim.ts';
import type { Row } from './rows.ts';
import { STEPS } from './schema.ts';
import { DiskQueue } from './wal-sync.ts';
import type { DiskSync } from './wal-sync.ts';

/** Runs statements; writes queue until the end of the tick and commit together. */
export type Sql = {
  all(sql: string, ...values: SQLInputValue[]): Row[];
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  /** Runs `work` inside the tick's transaction; resolves with its value once that is on disk. */
  write<T>(work: (run: (sql: string, ...values: SQLInputValue[]) => number) => T): Promise<T>;
  /** @throws {HostError} `HOST_STORE_FAILED` when the disk has failed: nothing is written any more */
  assertSound(): void;
  /** Resolves once all that can be read now is on disk. @throws {HostError} `HOST_STORE_FAILED` */
  settled(): Promise<void>;
  /** Resolves once everything is on disk; nothing may be written after it. */
  close(): Promise<void>;
};

/** What a transaction's work may do. */
export type Statements = Pick<Sql, 'all' | 'get'> & {
  /** @returns how many rows changed */
  run(sql: string, ...values: SQLInputValue[]): number;
};

/** Opens or makes the file and takes it to the newest version, or refuses an older one. */
export function openDatabase(path: string, mayRenew = true): DatabaseSync {
  try {
    const database = new DatabaseSync(path);
    // Readable by this user alone: it holds configs and audit.
    chmodSync(path, 0o600);
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000',
    );
    migrate(database, mayRenew);
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

function migrate(database: DatabaseSync, mayRenew: boolean): void {
  // IMMEDIATE takes the write lock: two hosts that start together migrate one after the other.
  database.exec('BEGIN IMMEDIATE');
  const row = database.prepare('PRAGMA user_version').get() as { user_version: number };
  try {
    assertVersion(row.user_version, { newest: STEPS.length, mayRenew });
  } catch (error) {
    database.exec('ROLLBACK');
    database.close();
    throw error;
  }
  for (const step of STEPS.slice(row.user_version)) database.exec(step);
  database.exec(`PRAGMA user_version = ${STEPS.length}`);
  database.exec('COMMIT');
}

/** Statements over an open database, whose log `disk` syncs. */
export function createSql(database: DatabaseSync, disk: DiskSync): Sql {
  // A commit leaves the log to the kernel, which is asked for all commits since its last answer at once.
  database.exec('PRAGMA synchronous = NORMAL');
  const onDisk = new DiskQueue(disk);
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
      onDisk.add(batch.filter((entry) => !failed.includes(entry)));
    } catch (error) {
      // One that was closed meanwhile has no transaction, and does not like to be asked.
      if (database.isOpen && database.isTransaction) database.exec('ROLLBACK');
      for (const { reject } of batch) reject(error);
    }
  };

  const assertSound = (): void => {
    if (onDisk.failure !== undefined) throw storeError(onDisk.failure);
  };

  return {
    all: (text, ...values) => prepare(text).all(...values),
    get: (text, ...values) => prepare(text).get(...values),
    write(work) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let value: ReturnType<typeof work>;
      const run = (text: string, ...values: SQLInputValue[]): number =>
        Number(prepare(text).run(...values).changes);
      if (queue.length === 0) setImmediate(commit);
      queue.push({
        work: () => {
          assertSound();
          value = work(run);
        },
        resolve,
        reject: (error) => reject(storeError(error)),
      });
      return promise.then(() => value);
    },
    assertSound,
    settled() {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      onDisk.settle({ resolve, reject: (error) => reject(storeError(error)) });
      return promise;
    },
    close: () => onDisk.close(),
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
    reject(error);
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
