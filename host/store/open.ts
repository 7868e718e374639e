// Which driver the settings mean, opened: as a store for a host, or as tables for a command.

import { join } from 'node:path';

import { HostError } from '../errors.ts';
import { claimFile, lockFile } from './claim.ts';
import { makeFolder } from './folder.ts';
import { openSqliteTables } from './sqlite-tables.ts';
import { openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

/** Where the state is kept. */
export type StoreLocation = {
  readonly dataDir: string;
  /** `postgres://…`; undefined: SQLite in the data folder */
  readonly databaseUrl: string | undefined;
};

/** The file of the SQLite driver. */
export function databaseFile(dataDir: string): string {
  return join(dataDir, 'cofferdam.db');
}

function makeDataDir(dataDir: string): void {
  try {
    makeFolder(dataDir);
  } catch (error) {
    throw new HostError('HOST_STORE_FAILED', `Cannot make the folder "${dataDir}"`, {
      remedy:
        'Check its rights and those of the folders above it, or name another in COFFERDAM_DATA_DIR',
      cause: error,
    });
  }
}

/** Opens the store that a location names. @throws {HostError} `HOST_STORE_FAILED` */
export async function openStore({ dataDir, databaseUrl }: StoreLocation): Promise<Store> {
  if (databaseUrl !== undefined) {
    // Loaded here, as by a command below: a host on SQLite never needs it.
    const { openPostgresStore } = await import('./postgres.ts');
    return openPostgresStore(databaseUrl);
  }
  makeDataDir(dataDir);
  return openSqliteStore(databaseFile(dataDir));
}

/**
 * Opens the tables of a store.
 *
 * @param use `alone`: no host may use the store meanwhile; `beside`: hosts may run on, so that tables of
 *   an older version are refused, not renewed
 * @throws {HostError} `HOST_STORE_FAILED`; `CALLER_CONFLICT` when it cannot be had alone
 */
export async function openTables(
  { dataDir, databaseUrl }: StoreLocation,
  use: 'alone' | 'beside',
): Promise<Tables> {
  if (databaseUrl !== undefined) {
    const { openPostgresTables } = await import('./postgres-command.ts');
    return openPostgresTables(databaseUrl, use);
  }
  makeDataDir(dataDir);
  const path = databaseFile(dataDir);
  const claim = use === 'alone' ? claimFile(lockFile(path), 'alone') : undefined;
  try {
    const tables = openSqliteTables(path, use === 'alone');
    return {
      ...tables,
      async [Symbol.asyncDispose]() {
        await tables[Symbol.asyncDispose]();
        claim?.[Symbol.dispose]();
      },
    };
  } catch (error) {
    claim?.[Symbol.dispose]();
    throw error;
  }
}
