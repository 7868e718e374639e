// What every driver of the store keeps of requests, and of webhooks that were seen before.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import type { SightingRow } from '../../host/store/sightings.ts';
import { instanceRow, twoHosts } from './store-subject.ts';
import type { StoreSubject } from './store-subject.ts';

const INSTANCE = 'others/echo/main';

function sighting(key: string, more: Partial<SightingRow> = {}): SightingRow {
  return {
    instance: INSTANCE,
    kind: 'used',
    key,
    count: 1,
    firstMs: 1_000,
    lastMs: 1_000,
    details: { path: `/é/${key}`, none: null },
    ...more,
  };
}

/** Adds the claims to a driver's suite. */
export function storeSightingClaims(subject: StoreSubject): void {
  sightingClaims(subject);
  seenClaims(subject);
}

function sightingClaims({ open }: StoreSubject): void {
  it('adds up what is seen again, and keeps when it was first and last', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addSightings([sighting('a'), sighting('b', { lastMs: 5_000 })], 10);
    const again = { count: 4, firstMs: 3_000, lastMs: 9_000, details: { path: '/new' } };
    await store.addSightings([sighting('a', again)], 10);
    assert.deepEqual(await store.sightings({ instance: INSTANCE }), [
      sighting('a', { ...again, count: 5, firstMs: 1_000 }),
      sighting('b', { lastMs: 5_000 }),
    ]);
  });

  it('loses no count when two hosts add at the same time', async () => {
    await using opened = await open();
    const storeOf = await twoHosts(opened);
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => storeOf(at).addSightings([sighting('a')], 10)),
    );
    assert.equal((await opened.store.sightings({ instance: INSTANCE }))[0]?.count, 20);
  });

  it('keeps as many of a kind as it is told, and still counts those', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addSightings(
      ['a', 'b', 'c'].map((key) => sighting(key)),
      2,
    );
    await store.addSightings([sighting('a'), sighting('d', { kind: 'denied' })], 2);
    const rows = await store.sightings({ instance: INSTANCE });
    assert.deepEqual(rows.map(({ kind, key, count }) => [kind, key, count]).toSorted(), [
      ['denied', 'd', 1],
      ['used', 'a', 2],
      ['used', 'b', 1],
    ]);
  });

  it('lists a kind over all instances, and removes one or all of a kind', async () => {
    await using opened = await open();
    const { store } = opened;
    const elsewhere = sighting('a', { instance: 'others/echo/other', kind: 'asked' });
    const rows = [
      sighting('a'),
      sighting('a', { kind: 'asked' }),
      sighting('b', { kind: 'asked' }),
    ];
    await store.addSightings([...rows, elsewhere], 10);
    assert.equal((await store.sightings({ kind: 'asked' })).length, 3);
    const asked = { instance: INSTANCE, kind: 'asked' } as const;
    assert.equal(await store.removeSightings({ ...asked, key: 'a' }), 1);
    assert.equal(await store.removeSightings({ ...asked, key: 'a' }), 0);
    assert.equal(await store.removeSightings(asked), 1);
    assert.deepEqual(await store.sightings({}), [elsewhere, sighting('a')].toSorted(byInstance));
  });

  it('removes them and what was seen with their instance', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.putInstance(instanceRow('main'));
    await store.addSightings([sighting('a')], 10);
    const mark = { instance: INSTANCE, id: 'x', by: 'one' };
    await store.seeOnce(mark, { nowMs: 0, expiresMs: 100, keep: 10 });
    await store.removeInstance(instanceRow('main'));
    assert.deepEqual(await store.sightings({}), []);
    const again = { ...mark, by: 'another' };
    assert.equal(await store.seeOnce(again, { nowMs: 0, expiresMs: 100, keep: 10 }), 'new');
  });
}

function seenClaims({ open }: StoreSubject): void {
  const bounds = { nowMs: 1_000, expiresMs: 2_000, keep: 3 };
  const mark = (id: string, by = id): { instance: string; id: string; by: string } => ({
    instance: INSTANCE,
    id,
    by,
  });

  it('tells whoever comes second that an id was seen, and lets the first see it again', async () => {
    await using opened = await open();
    const { store } = opened;
    assert.equal(await store.seeOnce(mark('a', 'one'), bounds), 'new');
    assert.equal(await store.seeOnce(mark('a', 'two'), bounds), 'seen');
    assert.equal(await store.seeOnce(mark('a', 'one'), bounds), 'new');
    const elsewhere = { ...mark('a', 'two'), instance: 'others/echo/other' };
    assert.equal(await store.seeOnce(elsewhere, bounds), 'new');
  });

  it('forgets an id when it expires, not before', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.seeOnce(mark('a', 'one'), bounds);
    assert.equal(await store.seeOnce(mark('a', 'two'), { ...bounds, nowMs: 1_999 }), 'seen');
    assert.equal(await store.seeOnce(mark('a', 'two'), { ...bounds, nowMs: 2_000 }), 'new');
  });

  it('takes as many ids as it is told and no more, until some expire', async () => {
    await using opened = await open();
    const { store } = opened;
    for (const id of ['a', 'b', 'c']) assert.equal(await store.seeOnce(mark(id), bounds), 'new');
    assert.equal(await store.seeOnce(mark('d'), bounds), 'full');
    assert.equal(await store.seeOnce(mark('a', 'two'), bounds), 'seen');
    const later = { ...bounds, nowMs: 2_000, expiresMs: 3_000 };
    assert.equal(await store.seeOnce(mark('d'), later), 'new');
  });

  it('lets one of many win who come at the same time, on two hosts', async () => {
    await using opened = await open();
    const storeOf = await twoHosts(opened);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => storeOf(at).seeOnce(mark('a', `${at}`), bounds)),
    );
    assert.equal(answers.filter((answer) => answer === 'new').length, 1);
  });
}

function byInstance(a: SightingRow, b: SightingRow): number {
  return a.instance < b.instance ? -1 : 1;
}
