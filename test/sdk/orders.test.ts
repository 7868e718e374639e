// Orders whose reply was lost, at vendors that refuse a name while they work on it.

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';

import { checkNoOrder, closeOrder, fail, isFailure, orderOnce } from 'cofferdam/sdk';
import type { FailureCode, Json, Storage } from 'cofferdam/sdk';

import { createStorage } from '../helpers/context.ts';

describe('orders whose reply may be lost', () => {
  let storage: Storage;
  let nowMs: number;
  let stored: Map<string, Json>;

  beforeEach(() => {
    nowMs = Date.now();
    stored = new Map();
    storage = createStorage(stored, () => nowMs);
  });

  const order = (code?: FailureCode): Promise<string> =>
    orderOnce(storage, '1', async () => {
      if (code !== undefined) throw fail(code, 'The vendor says no');
      return 'made';
    });
  const refused = (run: Promise<unknown>, code: FailureCode): Promise<void> =>
    assert.rejects(run, (error) => isFailure(error, code));

  it('leave nothing behind when they are answered', async () => {
    assert.equal(await order(), 'made');
    await refused(order('conflict'), 'conflict');
    await refused(order('capacity'), 'capacity');
    assert.equal(stored.size, 0);
    await checkNoOrder(storage, '1');
  });

  it('are waited for while the vendor may still work on one that nobody heard of', async () => {
    await refused(order('timeout'), 'timeout');
    await refused(order('conflict'), 'locked');
    await refused(order('rate_limited'), 'rate_limited');
    await refused(checkNoOrder(storage, '1'), 'locked');
    await checkNoOrder(storage, '2');
    nowMs += 4 * 60_000;
    await refused(order('unavailable'), 'unavailable');
    nowMs += 4 * 60_000;
    await refused(order('conflict'), 'locked');
    nowMs += 4 * 60_000;
    await refused(order('conflict'), 'conflict');
  });

  it('are over when what they made is found, or a repeat makes it', async () => {
    await refused(order('timeout'), 'timeout');
    await closeOrder(storage, '1');
    await checkNoOrder(storage, '1');
    await refused(order('timeout'), 'timeout');
    assert.equal(await order(), 'made');
    await checkNoOrder(storage, '1');
  });
});
