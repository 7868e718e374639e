import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { TEST_ROOT } from '../helpers/folder.ts';
import { openStore } from '../../host/store/open.ts';
import { createVault } from '../../host/store/vault.ts';
import { openMasterKey } from '../../host/store/master-key.ts';
import { instanceRow } from '../contract/store-subject.ts';
import { postgresMissing, startPostgres } from '../helpers/postgres.ts';

const LAUNCH = join(import.meta.dirname, '../../host/cli/launch.js');
const PLACE = { instance: 'others/echo/main', field: 'key' };
const NEW_KEY = Buffer.alloc(32, 5);

type Ended = { readonly code: number | null; readonly out: string; readonly err: string };

describe('the commands that move a store', { timeout: 120_000 }, () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-cli-store-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const run = async (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => {
    const child = spawn(process.execPath, [LAUNCH, ...args], {
      cwd: dir,
      env: { PATH: process.env['PATH'], HOME: dir, ...env },
    });
    const ended = { out: '', err: '' };
    child.stdout.on('data', (text) => (ended.out += text));
    child.stderr.on('data', (text) => (ended.err += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...ended };
  };
  /** A data folder with a secret in it, sealed with its own key. */
  const makeStore = async (name: string): Promise<string> => {
    const dataDir = join(dir, name);
    await using store = await openStore({ dataDir, databaseUrl: undefined });
    const key = await openMasterKey(store, { given: undefined, dataDir });
    const config = { key: createVault(key).seal('the secret', PLACE) };
    await store.putConfig(instanceRow('main', { config, configVersion: 1 }), 'tok', 'now');
    return dataDir;
  };
  const readSecret = async (dataDir: string, key: Buffer): Promise<string> => {
    await using store = await openStore({ dataDir, databaseUrl: undefined });
    const row = await store.instance(instanceRow('main'));
    return createVault(key).open(row?.config['key'] as never, PLACE);
  };
  const keyIn = async (file: string): Promise<Buffer> =>
    Buffer.from(await readFile(file, 'utf8'), 'base64');

  it('back up into a new file and restore into another folder', async () => {
    const source = await makeStore('source');
    const backup = await run(['backup', 'kept.db'], { COFFERDAM_DATA_DIR: source });
    assert.equal(backup.code, 0, backup.err);
    assert.match(backup.out, /config_history 1, .*instances 1, .*: written to .*kept\.db/);
    const again = await run(['backup', 'kept.db'], { COFFERDAM_DATA_DIR: source });
    assert.deepEqual([again.code, /replaces nothing/.test(again.err)], [1, true]);
    const target = join(dir, 'target');
    const restored = await run(['restore', 'kept.db'], { COFFERDAM_DATA_DIR: target });
    assert.equal(restored.code, 0, restored.err);
    assert.equal(await readSecret(target, await keyIn(join(source, 'master.key'))), 'the secret');
    const twice = await run(['restore', 'kept.db'], { COFFERDAM_DATA_DIR: target });
    assert.deepEqual([twice.code, /not empty/.test(twice.err)], [1, true]);
    const over = await run(['restore', 'kept.db', '--replace'], { COFFERDAM_DATA_DIR: target });
    assert.equal(over.code, 0, over.err);
    await using store = await openStore({ dataDir: target, databaseUrl: undefined });
    const [line] = (await store.audit({ limit: 1 })).entries;
    assert.deepEqual(
      [line?.action, line?.role, line?.subject, line?.outcome, line?.details],
      [
        ...['store.restore', 'system', 'store', 'done'],
        { file: join(dir, 'kept.db'), replace: true },
      ],
    );
    assert.match(line?.actor ?? '', /^command line: ./);
  });

  it('say that a folder has no store instead of making one', async () => {
    const { code, err } = await run(['backup', 'none.db'], { COFFERDAM_DATA_DIR: 'nowhere' });
    assert.deepEqual([code, /There is no store in/.test(err)], [1, true]);
    await assert.rejects(readFile(join(dir, 'nowhere/cofferdam.db')), { code: 'ENOENT' });
  });

  it('refuse to touch a store that a host is using', async () => {
    const dataDir = await makeStore('used');
    await using _host = await openStore({ dataDir, databaseUrl: undefined });
    for (const args of [['rotate-key'], ['restore', 'kept.db', '--replace']]) {
      const { code, err } = await run(args, { COFFERDAM_DATA_DIR: dataDir });
      assert.deepEqual([code, /Stop every host of this store first/.test(err)], [1, true], err);
    }
  });

  it('give a folder a new key of its own and keep the old one for backups', async () => {
    const dataDir = await makeStore('own-key');
    const file = join(dataDir, 'master.key');
    const old = await keyIn(file);
    const { code, out, err } = await run(['rotate-key'], { COFFERDAM_DATA_DIR: dataDir });
    assert.equal(code, 0, err);
    assert.match(out, /The new master key holds: 2 secrets were sealed anew/);
    assert.equal(await readSecret(dataDir, await keyIn(file)), 'the secret');
    const files = await readdir(dataDir);
    const kept = files.find((name) => /^master\.key\.\d/.test(name)) ?? '';
    assert.deepEqual(await keyIn(join(dataDir, kept)), old);
    assert.ok(!files.includes('master.key.new'));
    assert.ok(!`${out}${err}`.includes(old.toString('base64')), 'no key is printed');
  });

  it('end a rotation that was interrupted after its commit', async () => {
    const dataDir = await makeStore('interrupted');
    const file = join(dataDir, 'master.key');
    const old = await readFile(file, 'utf8');
    // As it is when the process ends between the commit and the renaming.
    await run(['rotate-key'], { COFFERDAM_DATA_DIR: dataDir });
    const fresh = await readFile(file, 'utf8');
    await rm(file);
    await writeFile(file, old);
    await writeFile(`${file}.new`, fresh);
    const { code, err } = await run(['rotate-key'], { COFFERDAM_DATA_DIR: dataDir });
    assert.equal(code, 0, err);
    assert.equal(await readFile(file, 'utf8'), fresh);
    assert.equal(await readSecret(dataDir, await keyIn(file)), 'the secret');
  });

  it('seal with COFFERDAM_MASTER_KEY, and say so when that is done already', async () => {
    const dataDir = await makeStore('given-key');
    const env = {
      COFFERDAM_DATA_DIR: dataDir,
      COFFERDAM_MASTER_KEY: NEW_KEY.toString('base64'),
    };
    const wrong = join(dir, 'wrong.key');
    await writeFile(wrong, Buffer.alloc(32, 6).toString('base64'));
    const refused = await run(['rotate-key', '--old-key-file', wrong], env);
    assert.deepEqual([refused.code, /Cannot open secret/.test(refused.err)], [1, true]);
    const first = await run(['rotate-key'], env);
    assert.equal(first.code, 0, first.err);
    assert.equal(await readSecret(dataDir, NEW_KEY), 'the secret');
    const second = await run(['rotate-key'], env);
    assert.deepEqual([second.code, /Nothing to do/.test(second.out)], [0, true], second.err);
  });

  it('copy a SQLite store into PostgreSQL once', { skip: postgresMissing() ?? false }, async () => {
    await using postgres = await startPostgres();
    const url = await postgres.createDatabase();
    const dataDir = await makeStore('moves');
    await mkdir(join(dir, 'elsewhere'));
    const moved = await run(['migrate-store', dataDir, url]);
    assert.equal(moved.code, 0, moved.err);
    assert.match(moved.out, /instances 1, .*: copied to PostgreSQL/);
    assert.match(moved.out, /Set COFFERDAM_MASTER_KEY on every host to the text of .*master\.key/);
    await using store = await openStore({ dataDir: join(dir, 'elsewhere'), databaseUrl: url });
    const key = await keyIn(join(dataDir, 'master.key'));
    await openMasterKey(store, { given: key, dataDir: join(dir, 'elsewhere') });
    const row = await store.instance(instanceRow('main'));
    assert.equal(createVault(key).open(row?.config['key'] as never, PLACE), 'the secret');
    await store[Symbol.asyncDispose]();
    const twice = await run(['migrate-store', dataDir, url]);
    assert.deepEqual([twice.code, /not empty/.test(twice.err)], [1, true]);
    const usage = await run(['migrate-store', dataDir, 'mysql://x']);
    assert.equal(usage.code, 2);
  });
});
