import assert from 'node:assert/strict';
import { it } from 'node:test';

import { createStorage } from '../../sdk/testing.ts';

it('storage of tests lets a value expire in every context that shares its map', async () => {
  let nowMs = 1_000;
  const values = new Map();
  const now = (): number => nowMs;
  await createStorage(values, now).set('token', 'abc', { ttlMs: 500 });
  nowMs = 1_499;
  assert.equal(await createStorage(values, now).get('token'), 'abc');
  nowMs = 1_500;
  assert.equal(await createStorage(values, now).get('token'), null);
  await createStorage(values, now).set('token', 'new');
  nowMs = 9_000;
  assert.equal(await createStorage(values, now).get('token'), 'new');
});
