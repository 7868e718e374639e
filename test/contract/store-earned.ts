// What every driver of the store keeps of credentials that vendors gave.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import type { EarnedRow } from '../../host/store/earned.ts';
import { instanceRow, twoHosts } from './store-subject.ts';
import type { StoreSubject } from './store-subject.ts';

const INSTANCE = 'others/echo/main';
const bounds = { nowMs: 1_000, keep: 3 };

function earned(id: string, more: Partial<EarnedRow> = {}): EarnedRow {
  const kept = { field: 'token', sealed: `QUJD${id}`, madeMs: 1_000, expiresMs: null };
  return { instance: INSTANCE, id, ...kept, ...more };
}

/** Adds the claims to a driver's suite. */
export function storeEarnedClaims({ open }: StoreSubject): void {
  it('gives a credential to every host, oldest first, and to no other instance', async () => {
    await using opened = await open();
    const storeOf = await twoHosts(opened);
    const [a, b] = [earned('a', { madeMs: 1_001 }), earned('b', { expiresMs: 5_000 })];
    await storeOf(0).putEarned(a, bounds);
    await storeOf(0).putEarned(b, bounds);
    assert.deepEqual(await storeOf(1).earned(INSTANCE, 1_000), [b, a]);
    assert.deepEqual(await storeOf(1).earned('others/echo/other', 1_000), []);
  });

  it('forgets a credential when it ends, not before', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.putEarned(earned('a', { expiresMs: 2_000 }), bounds);
    assert.equal((await store.earned(INSTANCE, 1_999)).length, 1);
    assert.equal((await store.earned(INSTANCE, 2_000)).length, 0);
    await store.putEarned(earned('b'), { ...bounds, nowMs: 2_000 });
    assert.deepEqual(await store.earned(INSTANCE, 0), [earned('b')], 'it is gone for good');
  });

  it('keeps as many as it is told, the newest', async () => {
    await using opened = await open();
    const { store } = opened;
    for (const [at, id] of ['d', 'c', 'b', 'a'].entries()) {
      await store.putEarned(earned(id, { madeMs: 1_000 + at }), bounds);
    }
    const left = (await store.earned(INSTANCE, 1_000)).map(({ id }) => id);
    assert.deepEqual(left, ['c', 'b', 'a']);
  });

  it('forgets the credentials of an instance with it', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.putInstance(instanceRow('main'));
    await store.putEarned(earned('a'), bounds);
    await store.removeInstance(instanceRow('main'));
    assert.deepEqual(await store.earned(INSTANCE, 1_000), []);
  });
}
