// A write is told of once it is on disk, and the disk is not waited for by anybody else.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as nextTick } from 'node:timers/promises';

import { LEDGER_RULES } from '../../../host/ledger/merge.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';
import type { Fact } from '../../../sdk/domain.ts';

const PAYMENT: Fact = {
  externalId: 'pay_1',
  kind: 'payment',
  state: 'succeeded',
  amountMinor: 100,
  currency: 'EUR',
};

describe('writes to SQLite', { timeout: 10_000 }, () => {
  let dir: string;
  let store: Store;
  /** What ends the syncs that are under way, in their order. */
  let syncs: ((error: Error | null) => void)[];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cofferdam-wal-'));
    syncs = [];
    store = openSqliteStore(join(dir, 'cofferdam.db'), () => ({
      sync: (done) => void syncs.push(done),
      close: () => undefined,
    }));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('are told of when the disk has answered, and can be read before', async () => {
    let isTold = false;
    const kept = store.keepMark('one', 'text').then(() => (isTold = true));
    await nextTick();
    await nextTick();
    assert.deepEqual([syncs.length, isTold], [1, false]);
    await store.archives();
    syncs[0]?.(null);
    await kept;
    assert.equal(isTold, true);
    await close();
  });

  it('share the next look at the disk when they come during one', async () => {
    const told: string[] = [];
    const keep = (name: string): Promise<unknown> =>
      store.keepMark(name, 'text').then(() => told.push(name));
    const all = [keep('one')];
    await nextTick();
    all.push(keep('two'));
    await nextTick();
    all.push(keep('three'));
    await nextTick();
    assert.equal(syncs.length, 1);
    syncs[0]?.(null);
    await nextTick();
    assert.deepEqual(told, ['one']);
    assert.equal(syncs.length, 2);
    syncs[1]?.(null);
    await Promise.all(all);
    assert.deepEqual(told, ['one', 'two', 'three']);
    await close();
  });

  it('are refused from then on when the disk has failed once', async () => {
    const failed = assert.rejects(store.keepMark('one', 'text'), { code: 'HOST_STORE_FAILED' });
    await nextTick();
    syncs[0]?.(new Error('EIO: i/o error, fdatasync'));
    await failed;
    const refused = { code: 'HOST_STORE_FAILED', message: /EIO/ };
    await assert.rejects(store.keepMark('two', 'text'), refused);
    await assert.rejects(store.ping(), refused);
    assert.equal(syncs.length, 1);
    await assert.rejects(store[Symbol.asyncDispose](), refused);
  });

  it('of facts are read by a panel once they are on disk, as it reads on from there', async () => {
    const put = store.putFacts({
      instance: 'gateways/pay/default',
      nowMs: 1,
      facts: [PAYMENT],
      rules: LEDGER_RULES,
      message: () => undefined,
    });
    await nextTick();
    let isRead = false;
    const read = store.facts({ after: 0, limit: 10 }).finally(() => (isRead = true));
    await nextTick();
    syncs[0]?.(null);
    await put;
    await nextTick();
    assert.equal(isRead, false);
    syncs[1]?.(null);
    assert.deepEqual(
      (await read).map(({ externalId }) => externalId),
      ['pay_1'],
    );
    // Nothing waits for the disk: nobody asks it.
    await store.facts({ after: 0, limit: 10 });
    assert.equal(syncs.length, 2);
    await close();
  });

  /** Closing writes once more, and waits for that. */
  async function close(): Promise<void> {
    const closed = store[Symbol.asyncDispose]();
    await nextTick();
    await nextTick();
    syncs.at(-1)?.(null);
    await closed;
  }
});
