// Sealed deliveries: nothing readable in the store, and one that cannot be opened stops no other.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';

import { TEST_ROOT } from '../../helpers/folder.ts';
import type { NewDelivery } from '../../../host/store/deliveries.ts';
import { sealDeliveries } from '../../../host/store/sealed-deliveries.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';
import { createVault } from '../../../host/store/vault.ts';

let dir: string;
let plain: Store;
before(async () => {
  dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-sealed-'));
  plain = openSqliteStore(join(dir, 'store.db'));
});
after(async () => {
  await plain[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const row = (id: string, target = 'others/notes/default'): NewDelivery => ({
  kind: 'event',
  ...{ id, target, subject: '', type: 't', dedupe: id },
  ...{ payload: '{"text":"secret"}', dueMs: 0, createdMs: 0 },
});
const CLAIM = { nowMs: 1, limit: 9, perTarget: 9, except: [] };

it('gives payloads back as they were added, and keeps none of them readable', async () => {
  const store = sealDeliveries(plain, createVault(Buffer.alloc(32, 1)));
  const [added] = await store.addDeliveries([row('a')]);
  assert.equal(added?.payload, '{"text":"secret"}');
  assert.doesNotMatch((await plain.delivery('a'))?.payload ?? '', /secret/);
  const [claimed] = await store.claimDeliveries(CLAIM);
  assert.equal(claimed?.payload, '{"text":"secret"}');
  const renewed = { id: 'a', target: row('a').target, payload: '{"text":"later"}' };
  const { seq = 0, attempt = 0 } = claimed ?? {};
  const end = { seq, attempt, nowMs: 1, dueMs: 1, error: null, state: 'waiting' } as const;
  await store.endDelivery({ ...end, renewed });
  assert.equal((await store.delivery('a'))?.payload, '{"text":"later"}');
  assert.doesNotMatch((await plain.delivery('a'))?.payload ?? '', /later/);
});

it('buries one that was sealed with another key, and delivers the others', async () => {
  const before = sealDeliveries(plain, createVault(Buffer.alloc(32, 2)));
  const store = sealDeliveries(plain, createVault(Buffer.alloc(32, 3)));
  await before.addDeliveries([row('old', 'others/x/default')]);
  await store.addDeliveries([row('new', 'others/y/default')]);
  const claimed = await store.claimDeliveries({ ...CLAIM, except: ['others/notes/default'] });
  assert.deepEqual(
    claimed.map(({ id }) => id),
    ['new'],
  );
  const old = await plain.delivery('old');
  assert.deepEqual(
    [old?.state, JSON.parse(old?.error ?? '{}').code],
    ['dead', 'HOST_STORE_FAILED'],
  );
});
