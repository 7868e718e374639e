// The claims that every driver of the store keeps. A driver hands in how it is opened; each claim gets an
// empty store of its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { LIMITS } from '../../host/limits.ts';
import type { Store } from '../../host/store/store.ts';
import { storeAccessClaims } from './store-access.ts';
import { storeAuditClaims } from './store-audit.ts';
import { storeDeliveryClaims } from './store-deliveries.ts';
import { storeFactClaims } from './store-facts.ts';
import { storeEarnedClaims } from './store-earned.ts';
import { storeDurabilityClaims } from './store-durability.ts';
import { instanceRow } from './store-subject.ts';
import type { StoreSubject } from './store-subject.ts';
import { storeSightingClaims } from './store-sightings.ts';
import { storeRecordingClaims } from './store-recordings.ts';
import { storeValueClaims } from './store-values.ts';

const QUOTA = { nowMs: 0, quotaBytes: 1_000 };

/** Runs the whole suite on one driver. */
export function storeContract(subject: StoreSubject): void {
  describe(`the store on ${subject.driver}`, { timeout: 120_000 }, () => {
    instanceClaims(subject);
    generationClaims(subject);
    archiveClaims(subject);
    storeAccessClaims(subject);
    storeAuditClaims(subject);
    storeValueClaims(subject);
    storeDeliveryClaims(subject);
    storeFactClaims(subject);
    storeSightingClaims(subject);
    storeRecordingClaims(subject);
    storeEarnedClaims(subject);
    storeDurabilityClaims(subject);
  });
}

function instanceClaims({ driver, open }: StoreSubject): void {
  it('says which driver it is and answers a ping', async () => {
    await using opened = await open();
    assert.equal(opened.store.driver, driver);
    await opened.store.ping();
  });

  it('has a clock, which goes on', async () => {
    await using opened = await open();
    const { store } = opened;
    const first = await store.readClock();
    let next = first;
    while (next <= first) next = await store.readClock();
    assert.ok(Math.abs(next - Date.now()) < 60_000, `${next}`);
  });

  it('gives an instance back as it was put, and as it was put last', async () => {
    await using opened = await open();
    const { store } = opened;
    const full = instanceRow('main', {
      enabled: true,
      trusted: false,
      pinned: 'abc',
      config: { text: 'é\u0000😀', $sealed: 1, deep: { secret: { $sealed: 'QUJD' } }, none: null },
      configVersion: 7,
      grants: { fetch: { hosts: ['api.example.com'] }, lan: [{ cidr: '10.0.0.0/8', reason: 'x' }] },
      asked: {},
      installedVersion: '1.2.3',
    });
    await store.putInstance(instanceRow('main'));
    await store.putInstance(full);
    assert.deepEqual(await store.instance(full), full);
    assert.deepEqual(await store.instances(), [full]);
    for (const trusted of [true, null]) {
      await store.putInstance({ ...full, trusted });
      assert.equal((await store.instance(full))?.trusted, trusted);
    }
  });

  it('knows no instance that was never put', async () => {
    await using opened = await open();
    assert.equal(await opened.store.instance(instanceRow('main')), undefined);
    assert.deepEqual(await opened.store.instances(), []);
  });

  it('lists instances by category, name, instance, and by any of them alone', async () => {
    await using opened = await open();
    const { store } = opened;
    const rows = [
      instanceRow('a', { category: 'gateways' }),
      instanceRow('a-b'),
      instanceRow('a0'),
      instanceRow('z', { name: 'another' }),
    ];
    for (const row of rows.toReversed()) await store.putInstance(row);
    const names = async (filter?: Parameters<Store['instances']>[0]): Promise<string[]> =>
      (await store.instances(filter)).map((row) => `${row.category}/${row.name}/${row.instance}`);
    const [gateway, ...others] = [
      'gateways/echo/a',
      'others/another/z',
      'others/echo/a-b',
      'others/echo/a0',
    ];
    assert.deepEqual(await names(), [gateway, ...others]);
    assert.deepEqual(await names({ category: 'others' }), others);
    assert.deepEqual(await names({ name: 'another' }), [others[0]]);
    assert.deepEqual(await names({ category: 'others', name: 'echo', instance: 'a0' }), [
      others[2],
    ]);
  });

  it('keeps every config version with who set it, newest first', async () => {
    await using opened = await open();
    const { store } = opened;
    for (const version of [1, 2, 3]) {
      const row = instanceRow('main', { config: { step: version }, configVersion: version });
      await store.putConfig(row, `tok_${version}`, `2026-01-0${version}T00:00:00.000Z`);
    }
    await store.putConfig(instanceRow('other', { configVersion: 9 }), 'tok', '2026-01-09');
    assert.deepEqual((await store.instance(instanceRow('main')))?.config, { step: 3 });
    assert.deepEqual(
      await store.configHistory(instanceRow('main')),
      [3, 2, 1].map((version) => ({
        version,
        config: { step: version },
        actor: `tok_${version}`,
        at: `2026-01-0${version}T00:00:00.000Z`,
      })),
    );
  });

  it('keeps as many config versions as the limit says and no more', async () => {
    await using opened = await open();
    const { store } = opened;
    const versions = async (): Promise<number[]> =>
      (await store.configHistory(instanceRow('main'))).map(({ version }) => version);
    const put = (configVersion: number): Promise<void> =>
      store.putConfig(instanceRow('main', { configVersion }), 'tok', '2026-01-01');
    const most = LIMITS.keptConfigVersions;
    await Promise.all(Array.from({ length: most }, (_, at) => put(at + 1)));
    assert.deepEqual(
      await versions(),
      Array.from({ length: most }, (_, at) => most - at),
    );
    await put(most + 1);
    assert.deepEqual(
      await versions(),
      Array.from({ length: most }, (_, at) => most + 1 - at),
    );
  });

  it('keeps who decided what about grants, newest first, as many as the limit says', async () => {
    await using opened = await open();
    const { store } = opened;
    const first = { lan: [{ cidr: '10.0.0.0/8', reason: 'é\u0000' }], lock: [] };
    const told = { actor: 'tok', at: '2026-01-01', added: first, removed: {} };
    await store.putGrants(instanceRow('main', { grants: first }), { action: 'enable', ...told });
    const undone = { ...told, added: {}, removed: first };
    await store.putGrants(instanceRow('main'), { action: 'enable.undone', ...undone });
    await store.putGrants(instanceRow('other'), { action: 'lock', ...undone });
    assert.deepEqual(await store.instance(instanceRow('main')), instanceRow('main'));
    assert.deepEqual(await store.grantHistory(instanceRow('main')), [
      { action: 'enable.undone', ...undone, grants: null },
      { action: 'enable', ...told, grants: first },
    ]);
    for (let at = 0; at < LIMITS.keptGrantChanges; at += 1) {
      await store.putGrants(instanceRow('main'), { action: String(at), ...told });
    }
    const actions = (await store.grantHistory(instanceRow('main'))).map(({ action }) => action);
    const kept = Array.from({ length: LIMITS.keptGrantChanges }, (_, at) => String(at));
    assert.deepEqual(actions, kept.toReversed());
    assert.equal((await store.grantHistory(instanceRow('other'))).length, 1);
  });

  it('removes an instance with all that was kept for it, and nothing of its neighbour', async () => {
    await using opened = await open();
    const { store } = opened;
    const gone = instanceRow('gone', { configVersion: 1 });
    const stays = instanceRow('stays', { configVersion: 1 });
    for (const row of [gone, stays]) {
      const id = `others/echo/${row.instance}`;
      await store.putConfig(row, 'tok', '2026-01-01');
      const told = { action: 'enable', actor: 'tok', at: '2026-01-01' };
      await store.putGrants(row, { ...told, added: {}, removed: {} });
      await store.putValue(id, { key: 'k', value: 1, expiresMs: null }, QUOTA);
      const call = { callId: 'c', handler: 'h', inputHash: 'x', startedAt: 'now' };
      await store.startOperation({ instance: id, key: 'k', ...call, state: 'done', outcome: '1' });
      const effect = { instance: id, sequence: 1, request: 'r', reply: null };
      await store.putEffect({ ...effect, callId: row.instance });
    }
    await store.removeInstance(gone);
    await store.removeInstance(gone);
    assert.deepEqual(await store.instances(), [stays]);
    assert.deepEqual(await store.configHistory(gone), []);
    assert.equal((await store.configHistory(stays)).length, 1);
    assert.deepEqual(await store.grantHistory(gone), []);
    assert.equal((await store.grantHistory(stays)).length, 1);
    assert.equal(await store.value('others/echo/gone', 'k', 0), null);
    assert.equal(await store.value('others/echo/stays', 'k', 0), 1);
    assert.deepEqual(await store.effects('gone'), []);
    assert.equal((await store.effects('stays')).length, 1);
    const again = { callId: 'd', handler: 'h', inputHash: 'x', startedAt: 'now' };
    const start = (instance: string): ReturnType<Store['startOperation']> =>
      store.startOperation({ instance, key: 'k', ...again, state: 'running', outcome: null });
    assert.equal(await start('others/echo/gone'), undefined);
    assert.equal((await start('others/echo/stays'))?.callId, 'c');
  });
}

function generationClaims({ open }: StoreSubject): void {
  const generation = (hash: string, name = 'echo') =>
    ({
      category: 'others',
      name,
      generation: hash,
      version: '1.0.0',
      at: '2026-01-01T00:00:00.000Z',
      manifest: { name: 'é', apiVersion: 1 },
      description: { handlers: ['execute'], config: null },
      bundle: Uint8Array.from([0, 1, 255, ...Buffer.from(hash)]),
    }) as const;

  it('gives a generation back byte for byte', async () => {
    await using opened = await open();
    const put = generation('a');
    await opened.store.putGeneration(put, 5);
    const got = await opened.store.generation('others', 'echo', 'a');
    assert.deepEqual({ ...got, bundle: Uint8Array.from(got?.bundle ?? []) }, put);
    assert.equal(await opened.store.generation('others', 'echo', 'b'), undefined);
    assert.equal(await opened.store.generation('servers', 'echo', 'a'), undefined);
  });

  it('replaces a bundle where its generation stands, and brings none back that is gone', async () => {
    await using opened = await open();
    const { store } = opened;
    for (const hash of ['a', 'b']) await store.putGeneration(generation(hash), 3);
    const { category, name } = generation('a');
    const bundle = Uint8Array.from([1, 0, 2]);
    await store.putBundle({ category, name, generation: 'a' }, bundle);
    await store.putBundle({ category, name, generation: 'gone' }, bundle);
    const rows = await store.generations(category, name);
    assert.deepEqual(
      rows.map((row) => row.generation),
      ['b', 'a'],
    );
    const got = await store.generation(category, name, 'a');
    assert.deepEqual(
      { ...got, bundle: Uint8Array.from(got?.bundle ?? []) },
      {
        ...generation('a'),
        bundle,
      },
    );
  });

  it('keeps the newest N of one extension; one that is put again is the newest', async () => {
    await using opened = await open();
    const { store } = opened;
    const listed = async (name = 'echo'): Promise<string[]> =>
      (await store.generations('others', name)).map((row) => row.generation);
    await store.putGeneration(generation('x', 'neighbour'), 3);
    for (const hash of ['a', 'b', 'c']) await store.putGeneration(generation(hash), 3);
    assert.deepEqual(await listed(), ['c', 'b', 'a']);
    await store.putGeneration(generation('a'), 3);
    assert.deepEqual(await listed(), ['a', 'c', 'b']);
    await store.putGeneration(generation('d'), 3);
    assert.deepEqual(await listed(), ['d', 'a', 'c']);
    await store.removeGenerations('others', 'echo');
    assert.deepEqual(await listed(), []);
    assert.deepEqual(await listed('neighbour'), ['x']);
  });
}

function archiveClaims({ open }: StoreSubject): void {
  it('keeps the archive of an uploaded extension until it is removed', async () => {
    await using opened = await open();
    const { store } = opened;
    const row = (name: string, byte: number) =>
      ({
        category: 'others',
        name,
        sha256: `hash${byte}`,
        at: '2026-01-01T00:00:00.000Z',
        archive: Uint8Array.from([31, 139, 0, byte]),
      }) as const;
    await store.putArchive(row('b', 1));
    await store.putArchive(row('a', 2));
    await store.putArchive(row('b', 3));
    const listed = (await store.archives()).map(({ name, sha256 }) => [name, sha256]);
    assert.deepEqual(listed, [
      ['a', 'hash2'],
      ['b', 'hash3'],
    ]);
    const got = await store.archive('others', 'b');
    assert.deepEqual({ ...got, archive: Uint8Array.from(got?.archive ?? []) }, row('b', 3));
    await store.removeArchive('others', 'b');
    assert.equal(await store.archive('others', 'b'), undefined);
    assert.equal((await store.archives()).length, 1);
  });

  it('lets the first mark of a name stand, also when several are put at once', async () => {
    await using opened = await open();
    const other = await opened.again();
    const texts = Array.from({ length: 20 }, (_, at) => `text ${at}`);
    const stores = [opened.store, other];
    const stand = await Promise.all(
      texts.map((text, at) => (stores[at % 2] ?? other).keepMark('m', text)),
    );
    assert.equal(new Set(stand).size, 1);
    assert.equal(await other.keepMark('m', 'late'), stand[0]);
    assert.equal(await other.keepMark('n', 'its own'), 'its own');
  });

  it('runs one piece of work per key at a time, whichever host asks', async () => {
    await using opened = await open();
    const other = await opened.again();
    // SQLite has one host: there the claim is that work runs and its failure comes through.
    if (opened.store.driver === 'sqlite') {
      assert.equal(await opened.store.exclusive('k', async () => 5), 5);
    } else {
      let running = 0;
      let most = 0;
      const work = async (): Promise<void> => {
        running += 1;
        most = Math.max(most, running);
        await opened.store.ping();
        running -= 1;
      };
      const stores = [opened.store, other, opened.store, other, other];
      await Promise.all(stores.map((store) => store.exclusive('k', work)));
      assert.equal(most, 1);
    }
    await assert.rejects(
      opened.store.exclusive('k', () => Promise.reject(new Error('mine'))),
      /mine/,
    );
    assert.equal(await other.exclusive('k', async () => 'free again'), 'free again');
  });

  it('gives exclusive work a store to write through, and a signal that it holds the key', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.exclusive('k', async (held) => {
      await held.store.ping();
      await held.store.putInstance(instanceRow('main'));
      await held.store.exclusive('k2', (inner) => inner.store.keepMark('m', 'text'));
      assert.equal(held.signal.aborted, false);
    });
    assert.deepEqual(await store.instances(), [instanceRow('main')]);
    assert.equal(await store.keepMark('m', 'late'), 'text');
  });
}
