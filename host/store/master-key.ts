// The key that seals secrets at rest: from the settings, or made once beside the SQLite file. A mark in
// the store tells whether it is the one that the store's secrets were sealed with.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { HostError } from '../errors.ts';
import type { Store } from './store.ts';
import { createVault, isSealed } from './vault.ts';

/** Where the mark stands, and where a vault says it belongs. */
export const KEY_MARK = 'master key';
const KEY_PLACE = { instance: '', field: KEY_MARK };
const KEY_TEXT = 'cofferdam';

/** The file that a generated key is kept in. */
export function masterKeyFile(dataDir: string): string {
  return join(dataDir, 'master.key');
}

/** The key of a file: base64 on its first line. @throws {HostError} `HOST_STORE_FAILED` */
export function readKeyFile(path: string): Buffer {
  const key = Buffer.from(readText(path).trim(), 'base64');
  if (key.length === 32) return key;
  throw new HostError('HOST_STORE_FAILED', `"${path}" holds no master key: it must be 32 bytes`, {
    remedy: 'Put the key there in base64, as "openssl rand -base64 32" prints one',
  });
}

/** Writes a key readable by this user alone; an existing file is never replaced. */
export function writeKeyFile(path: string, key: Uint8Array): void {
  const text = `${Buffer.from(key).toString('base64')}\n`;
  writeFileSync(path, text, { mode: 0o600, flag: 'wx', flush: true });
}

/** The text that only the holder of the same key can open. */
export function sealKeyMark(key: Uint8Array): string {
  return JSON.stringify(createVault(key).seal(KEY_TEXT, KEY_PLACE));
}

/** Whether a mark was sealed with this key. */
export function opensKeyMark(mark: string, key: Uint8Array): boolean {
  const sealed: unknown = JSON.parse(mark);
  if (!isSealed(sealed)) return false;
  try {
    return createVault(key).open(sealed, KEY_PLACE) === KEY_TEXT;
  } catch (error) {
    if (error instanceof HostError) return false;
    throw error;
  }
}

/**
 * The key of a host, which is that of its store.
 *
 * @param given `COFFERDAM_MASTER_KEY`
 * @throws {HostError} `HOST_STORE_FAILED` when the store's secrets were sealed with another key
 */
export async function openMasterKey(
  store: Store,
  { given, dataDir }: { readonly given: Buffer | undefined; readonly dataDir: string },
): Promise<Buffer> {
  const file = masterKeyFile(dataDir);
  if (given === undefined && !existsSync(file)) writeKeyFile(file, randomBytes(32));
  const key = given ?? readKeyFile(file);
  const mark = await store.keepMark(KEY_MARK, sealKeyMark(key));
  if (opensKeyMark(mark, key)) return key;
  const source = given === undefined ? `The key in "${file}"` : 'COFFERDAM_MASTER_KEY';
  throw new HostError(
    'HOST_STORE_FAILED',
    `${source} is not the master key that the secrets in the store were sealed with`,
    {
      remedy:
        'Set COFFERDAM_MASTER_KEY to the same value on every host; where the first host made one, it is in master.key of its COFFERDAM_DATA_DIR',
    },
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new HostError('HOST_STORE_FAILED', `Cannot read the master key "${path}": ${why}`, {
      remedy: 'Name a file that this user can read',
      cause: error,
    });
  }
}
