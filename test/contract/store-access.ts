// Claims about tokens and calls with an idempotency key.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import type { OperationRow, TokenRow } from '../../host/store/store.ts';
import { twoHosts } from './store-subject.ts';
import type { StoreSubject } from './store-subject.ts';

const token = (id: string, more: Partial<TokenRow> = {}): TokenRow => ({
  id,
  name: `name of ${id}`,
  role: 'viewer',
  hash: `hash of ${id}`,
  createdAt: '2026-01-01T00:00:00.000Z',
  expiresAt: null,
  scope: null,
  requestsPerMinute: null,
  ...more,
});

const operation = (key: string, callId: string): OperationRow => ({
  instance: 'others/echo/default',
  key,
  callId,
  handler: 'execute',
  inputHash: 'abc',
  startedAt: '2026-01-01T00:00:00.000Z',
  state: 'running',
  outcome: null,
});

/** Registers the claims. */
export function storeAccessClaims({ open }: StoreSubject): void {
  it('finds a token by its hash, until it is removed', async () => {
    await using opened = await open();
    const { store } = opened;
    const bounds = { scope: ['servers/proxmox', 'gateways/stripe/eu'], requestsPerMinute: 60 };
    const late = token('b', {
      createdAt: '2026-01-02',
      role: 'admin',
      expiresAt: '2027',
      ...bounds,
    });
    await store.putToken(late);
    await store.putToken(token('a'));
    assert.deepEqual(await store.tokens(), [token('a'), late]);
    assert.deepEqual(await store.tokenByHash('hash of b'), late);
    assert.equal(await store.tokenByHash('hash of c'), undefined);
    assert.deepEqual([await store.removeToken('b'), await store.removeToken('b')], [true, false]);
    assert.equal(await store.tokenByHash('hash of b'), undefined);
  });

  it('replaces a token that is put again under its id, with its hash', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.putToken(token('a'));
    await store.putToken(token('a', { hash: 'new' }));
    assert.equal(await store.tokenByHash('hash of a'), undefined);
    assert.deepEqual(await store.tokens(), [token('a', { hash: 'new' })]);
  });

  it('starts an operation once, however many ask at the same time on however many hosts', async () => {
    await using opened = await open();
    const hostOf = await twoHosts(opened);
    const asked = Array.from({ length: 30 }, (_, at) => operation('key', `call ${at}`));
    const answers = await Promise.all(asked.map((row, at) => hostOf(at).startOperation(row)));
    const first = asked.filter((_row, at) => answers[at] === undefined);
    assert.equal(first.length, 1);
    for (const answer of answers) if (answer !== undefined) assert.deepEqual(answer, first[0]);
    assert.equal(await opened.store.startOperation(operation('another key', 'x')), undefined);
  });

  it('answers a repeat with how the operation ended', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.startOperation(operation('key', 'first'));
    const end = { instance: 'others/echo/default', key: 'key', state: 'done' } as const;
    await store.endOperation({ ...end, outcome: '{"a":"\\u0000"}' });
    assert.deepEqual(await store.startOperation(operation('key', 'second')), {
      ...operation('key', 'first'),
      state: 'done',
      outcome: '{"a":"\\u0000"}',
    });
  });

  it('ends as many operations at once as were started, each with its own outcome', async () => {
    await using opened = await open();
    const { store } = opened;
    const keys = Array.from({ length: 50 }, (_, at) => `key ${at}`);
    await Promise.all(keys.map((key) => store.startOperation(operation(key, key))));
    const instance = 'others/echo/default';
    await Promise.all(
      keys.map((key) => store.endOperation({ instance, key, state: 'failed', outcome: key })),
    );
    const again = await Promise.all(keys.map((key) => store.startOperation(operation(key, 'x'))));
    assert.deepEqual(
      again.map((row) => [row?.callId, row?.state, row?.outcome]),
      keys.map((key) => [key, 'failed', key]),
    );
  });
}
