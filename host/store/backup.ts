// A backup is one SQLite file with every table, whichever driver it comes from. The master key is not in
// it: secrets in it stay sealed.

import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { HostError } from '../errors.ts';
import { openSqliteTables } from './sqlite-tables.ts';
import { copyTables } from './tables.ts';
import type { CopyCount, Tables } from './tables.ts';

/**
 * Writes one moment of a store into a new file; hosts may run on meanwhile.
 *
 * @throws {HostError} `CALLER_CONFLICT` when the file is there already
 */
export async function backUp(from: Tables, path: string): Promise<CopyCount> {
  const file = resolve(path);
  const partial = `${file}.partial`;
  await assertAbsent(file);
  await rm(partial, { force: true });
  try {
    const counts = await writeFile(from, partial);
    await flush(partial);
    // Takes the name only when nobody has taken it meanwhile.
    await link(partial, file);
    await flush(dirname(file));
    return counts;
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * Fills a store from a backup, whole or not at all; a backup of an older version is renewed on the way.
 *
 * @throws {HostError} `CALLER_INPUT_INVALID` when the file is no backup, `CALLER_CONFLICT`
 */
export async function restoreBackup(
  path: string,
  to: Tables,
  options: { readonly replace: boolean },
): Promise<CopyCount> {
  const dir = await mkdtemp(join(tmpdir(), 'cofferdam-restore-'));
  try {
    const copy = join(dir, 'backup.db');
    // The backup itself stays as it is, also when its tables have to be renewed.
    await copyFile(path, copy, constants.COPYFILE_FICLONE).catch((error: NodeJS.ErrnoException) => {
      throw notBackup(
        path,
        error.code === 'ENOENT' ? 'there is no such file' : error.message,
        error,
      );
    });
    await chmod(copy, 0o600);
    assertBackup(path, copy);
    await using tables = openSqliteTables(copy);
    return await copyTables(tables, to, options);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function writeFile(from: Tables, path: string): Promise<CopyCount> {
  const counts = await copy(from, path);
  const database = new DatabaseSync(path);
  try {
    // One file without companions, and checked before it gets its name.
    database.exec('PRAGMA journal_mode = DELETE');
    const [row] = database.prepare('PRAGMA integrity_check').all();
    if (row?.['integrity_check'] === 'ok') return counts;
    throw new HostError(
      'HOST_STORE_FAILED',
      'The backup that was written does not read back well',
      {
        remedy: 'Check the disk that it was written to',
      },
    );
  } finally {
    database.close();
  }
}

async function copy(from: Tables, path: string): Promise<CopyCount> {
  await using to = openSqliteTables(path);
  return await copyTables(from, to, { replace: true });
}

async function assertAbsent(file: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  throw new HostError('CALLER_CONFLICT', `"${file}" is there already: a backup replaces nothing`, {
    remedy: 'Name a new file',
  });
}

function assertBackup(path: string, copy: string): void {
  let version: unknown;
  try {
    const database = new DatabaseSync(copy, { readOnly: true });
    version = database.prepare('PRAGMA user_version').get()?.['user_version'];
    const tables = database.prepare(
      "SELECT count(*) AS found FROM sqlite_schema WHERE name IN ('instances', 'tokens', 'audit')",
    );
    const found = tables.get()?.['found'];
    database.close();
    if (Number(version) > 0 && found === 3) return;
  } catch (error) {
    throw notBackup(path, error instanceof Error ? error.message : 'it is not readable', error);
  }
  throw notBackup(path, 'it has not the tables of a store');
}

function notBackup(path: string, why: string, cause?: unknown): HostError {
  return new HostError('CALLER_INPUT_INVALID', `"${path}" is no backup: ${why}`, {
    remedy: 'Name a file that "cofferdam backup" wrote',
    cause,
  });
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
