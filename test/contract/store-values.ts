// Claims about the key-value storage of instances: quota, expiry, order, atomic change.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { LIMITS } from '../../host/limits.ts';
import type { Store } from '../../host/store/store.ts';
import { twoHosts } from './store-subject.ts';
import type { StoreSubject } from './store-subject.ts';

const ID = 'others/echo/default';
const QUOTA = 10_000;
const put = (store: Store, key: string, value: unknown, expiresMs: number | null = null) =>
  store.putValue(ID, { key, value, expiresMs }, { nowMs: 0, quotaBytes: QUOTA });
const within = (quotaBytes: number, nowMs = 0) => ({ nowMs, quotaBytes });
const list = async (store: Store, prefix: string, more: object = {}): Promise<string[]> => {
  const asked = { prefix, after: '', limit: 1_000, nowMs: 0, ...more };
  return (await store.values(ID, asked)).map(({ key }) => key);
};

/** Registers the claims. */
export function storeValueClaims(subject: StoreSubject): void {
  plainClaims(subject);
  quotaClaims(subject);
  changeClaims(subject);
}

function plainClaims({ open }: StoreSubject): void {
  it('gives any JSON value back as it was put', async () => {
    await using opened = await open();
    const { store } = opened;
    const values = [0, -1.5, '', 'é\u0000😀\ud800', true, null, [], {}, { a: [{ b: null }] }];
    for (const [at, value] of values.entries()) await put(store, `key ${at}`, value);
    const got = await Promise.all(values.map((_value, at) => store.value(ID, `key ${at}`, 0)));
    assert.deepEqual(got, values);
    assert.equal(await store.value(ID, 'never put', 0), null);
    assert.equal(await store.value('others/echo/another', 'key 0', 0), null);
  });

  it('removes a value once', async () => {
    await using opened = await open();
    const { store } = opened;
    await put(store, 'k', 1);
    const removed = [await store.removeValue(ID, 'k'), await store.removeValue(ID, 'k')];
    assert.deepEqual(removed, [true, false]);
    assert.equal(await store.value(ID, 'k', 0), null);
  });

  it('gives a value until the millisecond of its expiry, in a list as well', async () => {
    await using opened = await open();
    const { store } = opened;
    await put(store, 'k', 'v', 1_700_000_000_000);
    assert.equal(await store.value(ID, 'k', 1_699_999_999_999), 'v');
    assert.equal(await store.value(ID, 'k', 1_700_000_000_000), null);
    assert.deepEqual(await list(store, '', { nowMs: 1_699_999_999_999 }), ['k']);
    assert.deepEqual(await list(store, '', { nowMs: 1_700_000_000_000 }), []);
    await put(store, 'k', 'w');
    assert.equal(await store.value(ID, 'k', 1_800_000_000_000), 'w');
  });

  it('lists keys in the order of their bytes, whatever they hold', async () => {
    await using opened = await open();
    const { store } = opened;
    const keys = [
      '\u0001',
      'A',
      'Z',
      'a',
      'a\u0000',
      'a\u0000b',
      'a%',
      'a_',
      'aa',
      'b',
      'é',
      '\uffff',
      '😀',
    ];
    for (const key of keys.toReversed()) await put(store, key, key);
    assert.deepEqual(await list(store, ''), keys);
    assert.deepEqual(await list(store, 'a'), keys.slice(3, 9));
    assert.deepEqual(await list(store, 'a\u0000'), ['a\u0000', 'a\u0000b']);
    assert.deepEqual(await list(store, 'a%'), ['a%']);
    assert.deepEqual(await list(store, '😀'), ['😀']);
    assert.deepEqual(await list(store, 'none'), []);
    const values = await store.values(ID, { prefix: 'aa', after: '', limit: 1, nowMs: 0 });
    assert.deepEqual(values, [{ key: 'aa', value: 'aa' }]);
  });

  it('lists up to the last key that begins with a prefix, whatever comes behind it', async () => {
    await using opened = await open();
    const { store } = opened;
    const last = '\u{10ffff}';
    const keys = ['a\ud7ff', 'a\ud7ffb', 'a\ue000', `a${last}`, `a${last}b`, 'b', last, `${last}a`];
    for (const key of keys) await put(store, key, 1);
    assert.deepEqual(await list(store, 'a'), keys.slice(0, 5));
    assert.deepEqual(await list(store, 'a\ud7ff'), keys.slice(0, 2));
    assert.deepEqual(await list(store, `a${last}`), keys.slice(3, 5));
    assert.deepEqual(await list(store, last), keys.slice(6));
  });

  it('refuses a list that is larger than what is held for one, and gives a smaller one', async () => {
    await using opened = await open();
    const { store } = opened;
    const value = 'x'.repeat(LIMITS.storageListBytes / 4);
    const bounds = { nowMs: 0, quotaBytes: 10 * LIMITS.storageListBytes };
    for (const key of ['a', 'b', 'c', 'd']) {
      await store.putValue(ID, { key, value, expiresMs: null }, bounds);
    }
    await assert.rejects(list(store, ''), { code: 'EXTENSION_QUOTA_EXCEEDED' });
    assert.deepEqual(await list(store, '', { limit: 3 }), ['a', 'b', 'c']);
    assert.deepEqual(await list(store, '', { after: 'c' }), ['d']);
  });

  it('pages through a list with the last key of the page before', async () => {
    await using opened = await open();
    const { store } = opened;
    const keys = Array.from({ length: 25 }, (_, at) => `p/${String(at).padStart(2, '0')}`);
    await Promise.all([...keys, 'o', 'q'].map((key) => put(store, key, 1)));
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let after: string | undefined = ''; after !== undefined; after = seen.at(-1)) {
      const page: string[] = await list(store, 'p/', { after, limit: 10 });
      sizes.push(page.length);
      if (page.length === 0) break;
      seen.push(...page);
    }
    assert.deepEqual([seen, sizes], [keys, [10, 10, 5, 0]]);
  });
}

function quotaClaims({ open }: StoreSubject): void {
  it('takes a value that fills the quota to the byte and refuses one byte more', async () => {
    await using opened = await open();
    const { store } = opened;
    const entry = (value: string) => ({ key: 'é', value, expiresMs: null });
    // Two bytes of key, two quotation marks, five bytes of text.
    assert.equal(await store.putValue(ID, entry('12345'), within(9)), true);
    assert.equal(await store.putValue(ID, entry('123456'), within(9)), false);
    assert.equal(await store.value(ID, 'é', 0), '12345');
    assert.equal(await store.putValue(ID, { ...entry(''), key: 'k' }, within(9)), false);
    assert.equal(await store.putValue('others/echo/another', entry('12345'), within(9)), true);
    assert.equal(await store.removeValue(ID, 'é'), true);
    assert.equal(await store.putValue(ID, { ...entry('123456'), key: 'k' }, within(9)), true);
  });

  it('does not count what has expired against the quota', async () => {
    await using opened = await open();
    const { store } = opened;
    const value = 'x'.repeat(100);
    const entry = (key: string) => ({ key, value, expiresMs: 1_000 });
    assert.equal(await store.putValue(ID, entry('a'), within(150)), true);
    assert.equal(await store.putValue(ID, entry('b'), within(150, 999)), false);
    assert.equal(await store.putValue(ID, entry('b'), within(150, 1_000)), true);
    await store.removeValue(ID, 'b');
    assert.equal(await store.putValue(ID, entry('a'), within(150)), true);
    const change = (): string => value;
    const late = { ...within(150, 1_000), expiresMs: null, change };
    assert.equal(await store.updateValue(ID, 'c', late), 'changed');
  });

  it('knows what is taken after values were replaced, removed, expired and refused', async () => {
    await using opened = await open();
    const { store } = opened;
    const entry = (key: string, chars: number, expiresMs: number | null = null) => ({
      ...{ key, value: 'x'.repeat(chars), expiresMs },
    });
    await store.putValue(ID, entry('a', 50), within(QUOTA));
    await store.putValue(ID, entry('a', 5), within(QUOTA));
    await store.putValue(ID, entry('b', 50, 10), within(QUOTA));
    await store.putValue(ID, entry('c', 50), within(QUOTA));
    await store.removeValue(ID, 'c');
    await store.removeValue(ID, 'c');
    assert.equal(await store.putValue(ID, entry('d', 500), within(100, 10)), false);
    // Three bytes of a key and its quotation marks each: a has 8, d gets 92.
    assert.equal(await store.putValue(ID, entry('d', 90), within(100, 10)), false);
    assert.equal(await store.putValue(ID, entry('d', 89), within(100, 10)), true);
    assert.equal(await store.putValue(ID, entry('a', 6), within(100, 10)), false);
    assert.equal(await store.putValue(ID, entry('a', 4), within(100, 10)), true);
    await store.removeInstance({ category: 'others', name: 'echo', instance: 'default' });
    assert.equal(await store.putValue(ID, entry('e', 97), within(100, 10)), true);
  });

  it('stays inside the quota when many values are put at once on two hosts', async () => {
    await using opened = await open();
    const hostOf = await twoHosts(opened);
    const keys = Array.from({ length: 40 }, (_, at) => `k${String(at).padStart(2, '0')}`);
    // Five bytes each: three of key, two of JSON.
    const done = await Promise.all(
      keys.map((key, at) =>
        hostOf(at).putValue(ID, { key, value: 10 + (at % 10), expiresMs: null }, within(100)),
      ),
    );
    assert.equal(done.filter(Boolean).length, 20);
    assert.equal((await list(opened.store, '')).length, 20);
  });
}

function changeClaims({ open }: StoreSubject): void {
  const add = (current: unknown): number => Number(current ?? 0) + 1;
  const options = { nowMs: 0, quotaBytes: QUOTA, expiresMs: null };

  it('adds up every increment of two hosts', async () => {
    await using opened = await open();
    const hostOf = await twoHosts(opened);
    const done = await Promise.all(
      Array.from({ length: 60 }, (_, at) =>
        hostOf(at).updateValue(ID, 'sum', { ...options, change: add }),
      ),
    );
    assert.deepEqual(new Set(done), new Set(['changed']));
    assert.equal(await opened.store.value(ID, 'sum', 0), 60);
  });

  it('lets one of many compare-and-set win', async () => {
    await using opened = await open();
    const hostOf = await twoHosts(opened);
    const done = await Promise.all(
      Array.from({ length: 20 }, (_, at) => {
        const change = (current: unknown): unknown => (current === null ? `host ${at}` : undefined);
        return hostOf(at).updateValue(ID, 'lock', { ...options, change });
      }),
    );
    const winners = done.flatMap((outcome, at) => (outcome === 'changed' ? [at] : []));
    assert.equal(winners.length, 1);
    assert.equal(await opened.store.value(ID, 'lock', 0), `host ${winners[0]}`);
    assert.equal(done.filter((outcome) => outcome === 'unchanged').length, 19);
  });

  it('changes nothing when the result is over the quota or the change throws', async () => {
    await using opened = await open();
    const { store } = opened;
    await put(store, 'k', 'before');
    const big = { ...options, quotaBytes: 20, change: () => 'x'.repeat(100) };
    assert.equal(await store.updateValue(ID, 'k', big), 'over-quota');
    const change = (): never => {
      throw new RangeError('no');
    };
    const neighbour = put(store, 'neighbour', 1);
    await assert.rejects(store.updateValue(ID, 'k', { ...options, change }));
    assert.equal(await neighbour, true);
    assert.equal(await store.value(ID, 'k', 0), 'before');
    assert.equal(await store.value(ID, 'neighbour', 0), 1);
  });

  it('sees an expired value as none, and gives a changed one the expiry it is told', async () => {
    await using opened = await open();
    const { store } = opened;
    await put(store, 'k', 41, 1_000);
    await store.updateValue(ID, 'k', { ...options, nowMs: 1_000, change: add });
    assert.equal(await store.value(ID, 'k', 9_999), 1);
    await put(store, 'm', 41, 1_000);
    await store.updateValue(ID, 'm', { ...options, nowMs: 999, change: add });
    assert.equal(await store.value(ID, 'm', 9_999), 42);
    await store.updateValue(ID, 'm', { ...options, expiresMs: 2_000, change: add });
    const around = [await store.value(ID, 'm', 1_999), await store.value(ID, 'm', 2_000)];
    assert.deepEqual(around, [43, null]);
  });
}
