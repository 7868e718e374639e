// What moves or rewrites a whole store: backup, restore, a move to the other driver, a new master key.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';

import { Client } from 'pg';

import { TEST_ROOT } from '../../helpers/folder.ts';
import { replaceOutcome } from '../../../host/lifecycle/idempotency.ts';
import { guardCall, readCutOff } from '../../../host/lifecycle/cut-off.ts';
import { Recorder } from '../../../host/recorder/recorder.ts';
import { backUp, restoreBackup } from '../../../host/store/backup.ts';
import { openMasterKey } from '../../../host/store/master-key.ts';
import { databaseFile, openStore, openTables } from '../../../host/store/open.ts';
import type { StoreLocation } from '../../../host/store/open.ts';
import { rotateKey } from '../../../host/store/rotate.ts';
import { earnedPlace, operationPlace } from '../../../host/store/sealed.ts';
import { sealDeliveries } from '../../../host/store/sealed-deliveries.ts';
import { copyTables } from '../../../host/store/tables.ts';
import type { Tables } from '../../../host/store/tables.ts';
import { createVault } from '../../../host/store/vault.ts';
import { instanceRow } from '../../contract/store-subject.ts';
import { failing } from '../../helpers/failing-tables.ts';
import { postgresMissing, startPostgres } from '../../helpers/postgres.ts';
import type { TestPostgres } from '../../helpers/postgres.ts';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const ID = 'others/echo/main';
const QUOTA = { nowMs: 0, quotaBytes: 10_000 };
const place = (field: string) => ({ instance: ID, field });

const CALL = { callId: 'c', handler: 'h', inputHash: 'i', startedAt: 'now' };

/** Fills a store with some of everything, secrets under `OLD`. */
async function fill(location: StoreLocation): Promise<void> {
  await using opened = await openStore(location);
  await openMasterKey(opened, { given: OLD, dataDir: location.dataDir });
  const vault = createVault(OLD);
  const store = sealDeliveries(opened, vault);
  for (const version of [1, 2]) {
    const config = { word: 'é', key: vault.seal(`secret ${version}`, place('key')) };
    const row = instanceRow('main', { config, configVersion: version, trusted: true });
    await store.putConfig(row, 'tok', '2026-01-01');
  }
  const decided = { action: 'enable', actor: 'tok', at: '2026-01-01', added: {}, removed: {} };
  const current = await store.instance(instanceRow('main'));
  await store.putGrants(current ?? instanceRow('main'), decided);
  for (const generation of ['a', 'b', 'c']) {
    const code = { version: '1', at: 'now', manifest: {}, description: {} };
    const named = { category: 'others', name: 'echo', generation } as const;
    await store.putGeneration({ ...named, ...code, bundle: Buffer.alloc(100_000, 7) }, 5);
  }
  const archive = { category: 'others', name: 'echo', sha256: 'x', at: 'now' } as const;
  await store.putArchive({ ...archive, archive: Buffer.from([0, 255]) });
  const token = { id: 'tok', name: 'null \0 in it', role: 'admin', hash: 'h' } as const;
  const bounds = { scope: ['others/echo/main'], requestsPerMinute: 60 };
  await store.putToken({ ...token, createdAt: 'now', expiresAt: null, ...bounds });
  const line = { at: 'now', actor: 'tok', role: 'admin', action: 'a', outcome: 'done' };
  for (let at = 0; at < 1_200; at += 1) void store.addAudit({ ...line, subject: String(at) });
  for (const key of ['a\0b', '😀', 'plain']) {
    await store.putValue(ID, { key, value: { key }, expiresMs: 9_000_000_000_000 }, QUOTA);
  }
  const ask = { instance: ID, invoiceId: 'i', amountMinor: 5, currency: 'EUR', atMs: 1 };
  await store.putPaymentAsk(ask, 5);
  const times = { dueMs: 1, createdMs: 1 };
  const delivery = { kind: 'event', target: ID, subject: '', type: 't', dedupe: 'd' } as const;
  await store.addDeliveries([{ id: 'dlv', ...delivery, payload: '{}', ...times }]);
  const recorder = new Recorder({ store, vault, nowMs: () => 0, onError: assert.ifError });
  const ran = { callId: 'call_1', instance: ID, handler: 'h', actor: 'tok', startedMs: 1 };
  const row = { ...ran, state: 'done', replayOf: null, receipt: null, error: null } as const;
  await store.putCalls([recorder.seal(row, { inputText: '1', resultText: '2', requests: [] })]);
  const effect = { callId: 'call_2', instance: ID, sequence: 1 };
  const sealed = (value: object): string =>
    vault.seal(JSON.stringify(value), { instance: ID, field: 'call:call_2' }).$sealed;
  await store.putEffect({ ...effect, request: sealed({ asked: 1 }), reply: sealed({ value: 2 }) });
  const kept = vault.seal('{}', earnedPlace(ID, 'a')).$sealed;
  const earned = { instance: ID, id: 'a', field: 'token', sealed: kept, madeMs: 1 };
  await store.putEarned({ ...earned, expiresMs: null }, { nowMs: 1, keep: 5 });
  const cut = { callId: 'call_2', handler: 'h', inputText: '1', key: null, subject: null };
  const powers = { store, nowMs: () => 1, onError: assert.ifError };
  // The process ends in the middle of it.
  void guardCall(powers, ID, cut, () => new Promise(() => undefined));
  await store.startOperation({ instance: ID, key: 'k', ...CALL, state: 'done', outcome: '{}' });
  await store.startOperation({ instance: ID, key: 'o', ...CALL, state: 'running', outcome: null });
  const cost = { wallMs: 0, queueMs: 0, cpuMs: 0, heapPeakBytes: 0 };
  const receipt = { ...cost, generation: 'a', capabilities: {} };
  const resultText = JSON.stringify({ status: 'done', oneTime: { password: 'told once' } });
  const outcome = { callId: 'c', resultText, receipt, facts: 0 };
  await replaceOutcome(store, { instance: ID, key: 'o', outcome }, vault);
}

/** Everything that `fill` put, as a store gives it back; secrets as they are sealed. */
async function readAll(location: StoreLocation): Promise<unknown> {
  await using store = await openStore(location);
  const generation = await store.generation('others', 'echo', 'b');
  const archive = await store.archive('others', 'echo');
  const { entries } = await store.audit({ limit: 2_000 });
  return {
    instances: await store.instances(),
    history: await store.configHistory(instanceRow('main')),
    decisions: await store.grantHistory(instanceRow('main')),
    generations: await store.generations('others', 'echo'),
    bundle: Buffer.from(generation?.bundle ?? []).toString('hex'),
    archive: Buffer.from(archive?.archive ?? []).toString('hex'),
    tokens: (await store.tokens()).map(({ name, ...token }) => ({
      ...token,
      // A text of PostgreSQL cannot hold it.
      name: name.replace('\uFFFD', '\0'),
    })),
    audit: entries.map(({ subject }) => subject),
    values: await store.values(ID, { prefix: '', after: '', limit: 10, nowMs: 0 }),
    deliveries: await store.deliveries({ limit: 10 }),
    call: await store.call('call_1'),
    effects: await store.effects('call_2'),
    earned: await store.earned(ID, 0),
    mark: await store.keepMark('master key', 'none'),
  };
}

function moveClaims(driver: string, newLocation: () => Promise<StoreLocation>): void {
  describe(`a whole store on ${driver}`, { timeout: 120_000 }, () => {
    it('is the same after a backup and a restore', async () => {
      const location = await newLocation();
      await fill(location);
      const file = join(location.dataDir, 'backup.db');
      const before = await readAll(location);
      // Hosts may run on while it is written.
      const running = await openStore(location);
      await using from = await openTables(location, 'beside');
      const counts = await backUp(from, file);
      await running[Symbol.asyncDispose]();
      assert.equal(counts['audit'], 1_200);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      await assert.rejects(stat(`${file}-wal`), { code: 'ENOENT' });
      const bytes = await readFile(file);
      const target = await newLocation();
      await restoreTo(target, file, false);
      assert.deepEqual(await readAll(target), before);
      assert.deepEqual(await readFile(file), bytes, 'the backup itself is left as it was');
      // What comes next gets numbers of its own.
      await using store = await openStore(target);
      const line = { at: 'now', actor: 'tok', role: 'admin', action: 'a', outcome: 'done' };
      await store.addAudit({ ...line, subject: 'next' });
      assert.equal((await store.audit({ limit: 1 })).entries[0]?.subject, 'next');
    });

    it('is restored over another only when that may go, and stays when the restore fails', async () => {
      const location = await newLocation();
      await fill(location);
      const file = join(location.dataDir, 'backup.db');
      await using from = await openTables(location, 'beside');
      await backUp(from, file);
      await assert.rejects(backUp(from, file), { code: 'CALLER_CONFLICT' });
      const target = await newLocation();
      await fill(target);
      const before = await readAll(target);
      await assert.rejects(restoreTo(target, file, false), {
        code: 'CALLER_CONFLICT',
        message: /not empty/,
      });
      const tables = await openTables(target, 'alone');
      await assert.rejects(
        restoreBackup(file, failing(tables, 5), { replace: true }),
        /the test stops it/,
      );
      await tables[Symbol.asyncDispose]();
      assert.deepEqual(await readAll(target), before);
      await restoreTo(target, file, true);
      assert.deepEqual(await readAll(target), await readAll(location));
    });

    it('cannot be had alone while a host uses it, nor used by a host meanwhile', async () => {
      const location = await newLocation();
      const host = await openStore(location);
      const second = await openStore(location);
      await assert.rejects(openTables(location, 'alone'), {
        code: 'CALLER_CONFLICT',
        remedy: 'Stop every host of this store first',
      });
      await host[Symbol.asyncDispose]();
      await assert.rejects(openTables(location, 'alone'), { code: 'CALLER_CONFLICT' });
      await second[Symbol.asyncDispose]();
      const alone = await openTables(location, 'alone');
      await assert.rejects(openStore(location), { code: 'CALLER_CONFLICT' });
      await alone[Symbol.asyncDispose]();
      await (await openStore(location))[Symbol.asyncDispose]();
    });

    it('is not renewed beside hosts of the version that wrote it', async () => {
      const location = await newLocation();
      await fill(location);
      await setVersion(location, 1);
      await assert.rejects(openTables(location, 'beside'), {
        code: 'HOST_STORE_FAILED',
        message: /older version/,
      });
    });

    it('is sealed with the new key after a rotation, its history too, and only once', async () => {
      const location = await newLocation();
      await fill(location);
      const keys = { from: OLD, to: NEW };
      assert.deepEqual(await rotate(location, keys), { changed: true, secrets: 10 });
      await using store = await openStore(location);
      const opened = createVault(NEW);
      const [row] = await store.instances();
      assert.equal(row?.config['word'], 'é');
      assert.equal(opened.open(row?.config['key'] as never, place('key')), 'secret 2');
      const history = await store.configHistory(instanceRow('main'));
      assert.deepEqual(
        history.map(({ config }) => opened.open(config['key'] as never, place('key'))),
        ['secret 2', 'secret 1'],
      );
      const recorder = new Recorder({
        store,
        vault: opened,
        nowMs: () => 0,
        onError: assert.ifError,
      });
      const call = await store.call('call_1');
      assert.ok(call !== undefined);
      assert.equal(recorder.openBody(call)?.resultText, '2');
      assert.deepEqual((await recorder.journal('call_2')).requests, [
        { asked: 1, reply: { value: 2 } },
      ]);
      const renewed = sealDeliveries(store, opened);
      const [listed] = await store.deliveries({ kind: 'resume', limit: 1 });
      const guard = await renewed.delivery(listed?.id ?? '');
      assert.equal(guard && readCutOff(guard).callId, 'call_2');
      assert.equal((await renewed.delivery('dlv'))?.payload, '{}');
      const known = await store.startOperation({
        instance: ID,
        key: 'o',
        ...CALL,
        state: 'done',
        outcome: null,
      });
      const { oneTime } = JSON.parse(known?.outcome ?? '{}');
      const shown = opened.open({ $sealed: oneTime }, operationPlace(ID, 'o'));
      assert.equal(shown, '{"password":"told once"}');
      const [earned] = await store.earned(ID, 0);
      assert.equal(opened.open({ $sealed: earned?.sealed ?? '' }, earnedPlace(ID, 'a')), '{}');
      await openMasterKey(store, { given: NEW, dataDir: location.dataDir });
      const { dataDir } = location;
      await assert.rejects(openMasterKey(store, { given: OLD, dataDir }), {
        code: 'HOST_STORE_FAILED',
        message: /is not the master key/,
      });
      await store[Symbol.asyncDispose]();
      assert.deepEqual(await rotate(location, keys), { changed: false, secrets: 0 });
    });

    it('keeps the old key whole when the rotation stops at any write, and can be done again', async () => {
      const location = await newLocation();
      await fill(location);
      const before = await readAll(location);
      // Two rows of history, one instance, the mark.
      for (const write of [0, 1, 2, 3]) {
        await using tables = await openTables(location, 'alone');
        const stopping = failing(tables, write);
        await assert.rejects(rotateKey(stopping, { from: OLD, to: NEW }), /the test stops it/);
        await tables[Symbol.asyncDispose]();
        assert.deepEqual(await readAll(location), before);
      }
      assert.equal((await rotate(location, { from: OLD, to: NEW })).changed, true);
    });

    it('changes nothing when the old key is wrong', async () => {
      const location = await newLocation();
      await fill(location);
      const before = await readAll(location);
      await assert.rejects(rotate(location, { from: Buffer.alloc(32, 9), to: NEW }), {
        code: 'HOST_STORE_FAILED',
        message: /Cannot open secret "key" of "others\/echo\/main"/,
      });
      assert.deepEqual(await readAll(location), before);
    });
  });
}

/** Has the store say that an older version wrote it. */
async function setVersion({ dataDir, databaseUrl }: StoreLocation, version: number): Promise<void> {
  if (databaseUrl === undefined) {
    const database = new DatabaseSync(databaseFile(dataDir));
    database.exec(`PRAGMA user_version = ${version}`);
    database.close();
    return;
  }
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('UPDATE cofferdam.schema_version SET version = $1', [version]);
  await client.end();
}

async function restoreTo(location: StoreLocation, file: string, replace: boolean): Promise<void> {
  await using tables = await openTables(location, 'alone');
  await restoreBackup(file, tables, { replace });
}

async function rotate(location: StoreLocation, keys: { from: Buffer; to: Buffer }) {
  await using tables = await openTables(location, 'alone');
  return await rotateKey(tables, keys);
}

const dirs: string[] = [];
async function newDir(): Promise<string> {
  const dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-moves-'));
  dirs.push(dir);
  return dir;
}
after(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))));

moveClaims('sqlite', async () => ({ dataDir: await newDir(), databaseUrl: undefined }));

it('seals nothing for the store that a rotation does not know', async () => {
  const host = join(import.meta.dirname, '../../../host');
  const files = (await readdir(host, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const sealing: string[] = [];
  for (const file of files) {
    if (/vault\.seal\(/i.test(await readFile(join(host, file), 'utf8'))) sealing.push(file);
  }
  // Whoever comes here adds the columns to SEALED_COLUMNS of host/store/sealed.ts, and to `fill` above.
  assert.deepEqual(sealing.toSorted(), [
    'lifecycle/config.ts',
    'lifecycle/earned-shelf.ts',
    'lifecycle/idempotency.ts',
    'recorder/recorder.ts',
    'store/sealed-deliveries.ts',
  ]);
});

it('restores nothing from a file that is no backup', async () => {
  const dir = await newDir();
  const wrong = join(dir, 'wrong.db');
  const empty = join(dir, 'empty.db');
  await writeFile(wrong, 'not a database, but long enough to be looked at as if it were one');
  new DatabaseSync(empty).close();
  const target = { dataDir: await newDir(), databaseUrl: undefined };
  for (const file of [wrong, empty, join(dir, 'missing.db')]) {
    await assert.rejects(restoreTo(target, file, false), {
      code: 'CALLER_INPUT_INVALID',
      message: new RegExp(`"${file}" is no backup`),
    });
  }
});

const skip = postgresMissing() ?? false;
describe('stores on PostgreSQL', { skip, timeout: 240_000 }, () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres[Symbol.asyncDispose]());
  const newLocation = async (): Promise<StoreLocation> => ({
    dataDir: await newDir(),
    databaseUrl: await postgres.createDatabase(),
  });

  moveClaims('postgres', newLocation);

  it('have the tables and columns that SQLite has', async () => {
    await using sqlite = await openTables(
      { dataDir: await newDir(), databaseUrl: undefined },
      'alone',
    );
    await using other = await openTables(await newLocation(), 'alone');
    const shape = async (tables: Tables): Promise<object> =>
      Object.fromEntries(
        (await tables.list()).map(({ name, columns }) => [
          name,
          columns.map((column) => column.name).toSorted(),
        ]),
      );
    assert.deepEqual(await shape(other), await shape(sqlite));
  });

  it('are filled from SQLite, and SQLite from them', async () => {
    const sqlite = { dataDir: await newDir(), databaseUrl: undefined };
    await fill(sqlite);
    const before = await readAll(sqlite);
    const target = await newLocation();
    const back = { dataDir: await newDir(), databaseUrl: undefined };
    for (const [from, to] of [
      [sqlite, target],
      [target, back],
    ] as const) {
      await using source = await openTables(from, 'alone');
      await using sink = await openTables(to, 'alone');
      await copyTables(source, sink, { replace: false });
    }
    assert.deepEqual(await readAll(target), before);
    assert.deepEqual(await readAll(back), before);
  });
});
