// Claims about tokens, the audit and calls with an idempotency key.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import type { AuditRow, OperationRow, TokenRow } from '../../host/store/store.ts';
import { twoHosts } from './store-subject.ts';
import type { StoreSubject } from './store-subject.ts';

const token = (id: string, more: Partial<TokenRow> = {}): TokenRow => ({
  id,
  name: `name of ${id}`,
  role: 'viewer',
  hash: `hash of ${id}`,
  createdAt: '2026-01-01T00:00:00.000Z',
  expiresAt: null,
  ...more,
});

const line = (subject: string, more: Partial<AuditRow> = {}): AuditRow => ({
  at: '2026-01-01T00:00:00.000Z',
  actor: 'tok',
  role: 'admin',
  action: 'instance.enable',
  subject,
  outcome: 'done',
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
    const late = token('b', { createdAt: '2026-01-02', role: 'admin', expiresAt: '2027-01-01' });
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

  it('pages through the audit, newest first, each line once', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addAudit(line('0', { details: { grants: { webhook: true }, text: '\u0000é' } }));
    await Promise.all(Array.from({ length: 24 }, (_, at) => store.addAudit(line(String(at + 1)))));
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let before: number | undefined = Number.MAX_SAFE_INTEGER; before !== undefined;) {
      const { entries } = await store.audit({ limit: 10, before });
      seen.push(...entries.map(({ subject }) => subject));
      sizes.push(entries.length);
      assert.deepEqual(
        entries.map(({ id }) => id),
        entries.map(({ id }) => id).toSorted((a, b) => b - a),
      );
      before = entries.at(-1)?.id;
    }
    assert.deepEqual(sizes, [10, 10, 5, 0]);
    assert.deepEqual(
      seen,
      Array.from({ length: 25 }, (_, at) => String(24 - at)),
    );
    const [oldest] = (await store.audit({ limit: 25 })).entries.slice(-1);
    const { id, ...rest } = oldest ?? { id: 0 };
    assert.ok(id > 0);
    assert.deepEqual(rest, line('0', { details: { grants: { webhook: true }, text: '\u0000é' } }));
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
