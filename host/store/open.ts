// Which driver the settings mean, opened.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { openPostgresStore } from './postgres.ts';
import { openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

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

/** Opens the store that a location names. @throws {HostError} `HOST_STORE_FAILED` */
export async function openStore({ dataDir, databaseUrl }: StoreLocation): Promise<Store> {
  if (databaseUrl !== undefined) return openPostgresStore(databaseUrl);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return openSqliteStore(databaseFile(dataDir));
}
