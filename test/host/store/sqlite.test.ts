import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';

import { TEST_ROOT } from '../../helpers/folder.ts';
import { databaseFile, openStore } from '../../../host/store/open.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';
import { storeContract } from '../../contract/store.ts';
import type { OpenedStore } from '../../contract/store-subject.ts';

async function openInFolder(): Promise<OpenedStore & { readonly dir: string }> {
  const dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-store-'));
  const open = (): Promise<Store> => openStore({ dataDir: dir, databaseUrl: undefined });
  const stores = [await open()];
  const [store] = stores;
  assert.ok(store !== undefined);
  return {
    store,
    dir,
    location: dir,
    async again() {
      const next = await open();
      stores.push(next);
      return next;
    },
    async [Symbol.asyncDispose]() {
      for (const each of stores) await each[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

storeContract({ driver: 'sqlite', open: openInFolder });

it('keeps the SQLite file readable by its user alone', async () => {
  await using opened = await openInFolder();
  const { mode } = await stat(databaseFile(opened.dir));
  assert.equal(mode & 0o777, 0o600);
});

it('refuses a SQLite file that a newer version wrote', async () => {
  await using opened = await openInFolder();
  const file = databaseFile(opened.dir);
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 10000');
  database.close();
  assert.throws(() => openSqliteStore(file), {
    code: 'HOST_STORE_FAILED',
    remedy: 'Start that version, or restore a backup',
  });
});

it('names the folder that it cannot make, where every mkdir says ENOENT', async () => {
  await assert.rejects(openStore({ dataDir: '/proc/none/here', databaseUrl: undefined }), {
    code: 'HOST_STORE_FAILED',
    message: 'Cannot make the folder "/proc/none/here"',
    remedy: /COFFERDAM_DATA_DIR/,
  });
});

it('names the SQLite file that it cannot open, and what to check', () => {
  assert.throws(() => openSqliteStore('/dev/null/cofferdam.db'), {
    code: 'HOST_STORE_FAILED',
    message: /Cannot open the store "\/dev\/null\/cofferdam\.db"/,
    remedy: /COFFERDAM_DATA_DIR/,
  });
});
