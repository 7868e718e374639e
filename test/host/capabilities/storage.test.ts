// The storage capability over the real store: what counters, conditions and expiry promise.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { TEST_ROOT } from '../../helpers/folder.ts';
import type { CallScope } from '../../../host/capabilities/capability.ts';
import { createStorage } from '../../../host/capabilities/storage.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';

// Storage looks at nothing of the call.
const SCOPE = {} as CallScope;
const QUOTA_BYTES = 1_000;

describe('storage capability', { timeout: 20_000 }, () => {
  let dir: string;
  let store: Store;
  let nowMs: number;
  let ask: (payload: object) => Promise<unknown>;

  beforeEach(async () => {
    dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-storage-'));
    store = openSqliteStore(join(dir, 'store.sqlite'));
    nowMs = 1_000_000;
    const serve = createStorage({
      store,
      instance: 'others/x/default',
      quotaBytes: QUOTA_BYTES,
      nowMs: () => nowMs,
    });
    ask = async (payload) =>
      (
        await serve(payload, SCOPE, () => {
          throw new Error('Storage reads no upload');
        })
      ).value;
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  it('lets one of many writers win who expect the same', async () => {
    const tries = Array.from({ length: 20 }, (_, value) =>
      ask({ op: 'compareAndSet', key: 'k', expected: null, value }),
    );
    const won = (await Promise.all(tries)).filter((each) => each === true);
    assert.equal(won.length, 1);
  });

  it('compares values whatever the order of their names', async () => {
    await ask({ op: 'set', key: 'k', value: { a: 1, b: [2] } });
    const asked = { op: 'compareAndSet', key: 'k', value: 2 };
    assert.equal(await ask({ ...asked, expected: { b: [2], a: 2 } }), false);
    assert.equal(await ask({ ...asked, expected: { b: [2], a: 1 } }), true);
  });

  it('counts every increment of many at once', async () => {
    await Promise.all(Array.from({ length: 50 }, () => ask({ op: 'increment', key: 'n', by: 2 })));
    assert.equal(await ask({ op: 'get', key: 'n' }), 100);
  });

  for (const [op, rest] of [
    ['set', { value: 1 }],
    ['compareAndSet', { expected: null, value: 1 }],
    ['increment', { by: 1 }],
  ] as const) {
    it(`forgets what ${op} wrote with a time to live, and keeps it without one`, async () => {
      await ask({ op, key: 'short', ttlMs: 500, ...rest });
      await ask({ op, key: 'long', ...rest });
      nowMs += 499;
      assert.equal(await ask({ op: 'get', key: 'short' }), 1);
      nowMs += 1;
      assert.equal(await ask({ op: 'get', key: 'short' }), null);
      assert.equal(await ask({ op: 'get', key: 'long' }), 1);
      assert.deepEqual(await ask({ op: 'list', prefix: '' }), [{ key: 'long', value: 1 }]);
    });
  }

  it('takes an expired value for an absent one', async () => {
    await ask({ op: 'set', key: 'k', value: 'old', ttlMs: 10 });
    nowMs += 10;
    const put = { op: 'compareAndSet', key: 'k', value: 'new' };
    assert.equal(await ask({ ...put, expected: 'old' }), false);
    assert.equal(await ask({ ...put, expected: null }), true);
  });

  it('counts no expired value towards the quota, and every live one', async () => {
    const fill = { op: 'set', key: 'k', value: 'x'.repeat(QUOTA_BYTES - 3), ttlMs: 10 };
    await ask(fill);
    await assert.rejects(ask({ op: 'set', key: 'l', value: 1 }), {
      code: 'EXTENSION_QUOTA_EXCEEDED',
    });
    nowMs += 10;
    await ask({ op: 'set', key: 'l', value: 1 });
    assert.equal(await ask({ op: 'get', key: 'l' }), 1);
    await assert.rejects(ask(fill), { code: 'EXTENSION_QUOTA_EXCEEDED' });
  });

  it('compares no value that is nested deeper than it can be walked through', async () => {
    const deep = JSON.parse('['.repeat(30_000) + ']'.repeat(30_000)) as unknown;
    const invalid = { code: 'EXTENSION_OUTPUT_INVALID' };
    await assert.rejects(ask({ op: 'compareAndSet', key: 'k', expected: deep, value: 1 }), invalid);
  });

  it('refuses to set nothing', async () => {
    await assert.rejects(ask({ op: 'set', key: 'k' }), { code: 'EXTENSION_OUTPUT_INVALID' });
  });
});
