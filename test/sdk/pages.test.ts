import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  inTurns,
  isFailure,
  isRefusal,
  mayHaveActed,
  orAbsent,
  fail,
  readPages,
} from 'cofferdam/sdk';

describe('a list of a vendor', () => {
  const pageOf = async (page: number) => ({ items: [page * 2 - 1, page * 2], isLast: page === 3 });

  it('is read to its end, each page with what was found before it', async () => {
    const before: number[] = [];
    const all = await readPages({ what: 'V: /things', pagesMax: 3 }, async (page, found) => {
      before.push(found.length);
      return await pageOf(page);
    });
    assert.deepEqual(
      [all, before],
      [
        [1, 2, 3, 4, 5, 6],
        [0, 2, 4],
      ],
    );
  });

  it('is refused, not cut off, when it has more pages', async () => {
    const list = { what: 'V: /things', pagesMax: 2, remedy: 'Look at V itself' };
    await assert.rejects(
      readPages(list, pageOf),
      (error) =>
        isFailure(error, 'capacity') &&
        error.message.startsWith('V: /things has more than 2 pages') &&
        error.failure.remedy === 'Look at V itself',
    );
  });

  it('is worked through a few at a time, in order', async () => {
    let running = 0;
    let most = 0;
    const results = await inTurns([3, 1, 2, 5, 4], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return item * 10;
    });
    assert.deepEqual([results, most], [[30, 10, 20, 50, 40], 2]);
  });
});

describe('what a failure says of the vendor', () => {
  it('is that it may have acted, unless it answered', () => {
    for (const code of ['unavailable', 'timeout', 'invalid_response'] as const) {
      assert.deepEqual([mayHaveActed(fail(code, 'x')), isRefusal(fail(code, 'x'))], [true, false]);
    }
    assert.deepEqual([mayHaveActed(new Error('x')), isRefusal(new Error('x'))], [true, false]);
    for (const code of ['rejected', 'conflict', 'certificate', 'capacity'] as const) {
      assert.deepEqual([mayHaveActed(fail(code, 'x')), isRefusal(fail(code, 'x'))], [false, true]);
    }
    for (const code of ['rate_limited', 'locked'] as const) {
      assert.deepEqual([mayHaveActed(fail(code, 'x')), isRefusal(fail(code, 'x'))], [false, false]);
    }
  });

  it('is that a thing is absent only by the vendor’s own word', async () => {
    assert.equal(await orAbsent(async () => 1), 1);
    assert.equal(await orAbsent(() => Promise.reject(fail('not_found', 'x'))), undefined);
    const failure = fail('unavailable', 'x');
    await assert.rejects(
      orAbsent(() => Promise.reject(failure)),
      (error) => error === failure,
    );
  });
});
