// Who uses a SQLite file: any number of hosts, or one command that needs it for itself. Kept as a lock on
// a file beside it, which the system takes back from a process that is killed.

import { DatabaseSync } from 'node:sqlite';

import { HostError } from '../errors.ts';

/** `host` shares with other hosts; `alone` shares with nobody. */
export type StoreUse = 'host' | 'alone';

/**
 * Whether a store's tables may be used as they are: those of hosts that run on are not renewed.
 *
 * @throws {HostError} `HOST_STORE_FAILED` for tables of another version
 */
export function assertVersion(
  version: number,
  { newest, mayRenew }: { readonly newest: number; readonly mayRenew: boolean },
): void {
  if (version > newest) {
    throw new HostError(
      'HOST_STORE_FAILED',
      'The store was written by a newer version of the host',
      { remedy: 'Start that version, or restore a backup' },
    );
  }
  if (version === newest || mayRenew) return;
  throw new HostError(
    'HOST_STORE_FAILED',
    'The store was written by an older version of the host, which may still be running',
    { remedy: 'Use this command of that version, or start a host of this version first' },
  );
}

/** The lock of a database file. */
export function lockFile(databasePath: string): string {
  return `${databasePath}.lock`;
}

const SQLITE_BUSY = 5;

/** Takes the claim until it is disposed of. @throws {HostError} `CALLER_CONFLICT` */
export function claimFile(path: string, use: StoreUse): Disposable {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // A read transaction holds the shared lock, an exclusive one keeps even readers out.
    if (use === 'host') database.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
    else database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: unknown }).errcode === SQLITE_BUSY) throw claimError(use, error);
    throw new HostError('HOST_STORE_FAILED', `Cannot lock "${path}"`, {
      remedy: 'Check that COFFERDAM_DATA_DIR is a directory this user can write',
      cause: error,
    });
  }
  const held = database;
  return {
    [Symbol.dispose]() {
      if (held.isOpen) held.close();
    },
  };
}

/** Why a claim cannot be had. */
export function claimError(use: StoreUse, cause?: unknown): HostError {
  const [problem, remedy] =
    use === 'host'
      ? ['The store is being restored, moved or given a new key', 'Wait until that has ended']
      : ['A host is using the store', 'Stop every host of this store first'];
  return new HostError('CALLER_CONFLICT', problem, { remedy, cause });
}
