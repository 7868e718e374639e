// What every driver of the store keeps of recordings and of the journal of effects.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import type { NewDelivery } from '../../host/store/deliveries.ts';
import type { CallRow } from '../../host/store/recordings.ts';
import type { StoreSubject } from './store-subject.ts';

/** A call's row; `more` changes it. */
function call(callId: string, startedMs: number, more: Partial<CallRow> = {}): CallRow {
  return {
    callId,
    instance: 'servers/vms/default',
    handler: 'create',
    actor: 'tok_1',
    state: 'done',
    startedMs,
    replayOf: null,
    receipt: '{"wallMs":1}',
    error: null,
    sealed: 'c2VhbGVk',
    ...more,
  };
}

/** Adds the claims to a driver's suite. */
export function storeRecordingClaims({ open }: StoreSubject): void {
  it('gives a call back as it was put last', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.putCalls([call('a', 1, { state: 'running', receipt: null, sealed: null })]);
    const full = call('a', 1, { state: 'failed', error: '{"code":"X"}', receipt: null });
    await store.putCalls([full, call('b', 2, { replayOf: 'a' })]);
    assert.deepEqual(await store.call('a'), full);
    assert.equal((await store.call('b'))?.replayOf, 'a');
    assert.equal(await store.call('absent'), undefined);
  });

  it('lists calls newest first, page by page, by instance and state', async () => {
    await using opened = await open();
    const { store } = opened;
    const other = { instance: 'others/notes/default', state: 'failed' } as const;
    await store.putCalls([call('a', 5), call('b', 5), call('c', 6, other), call('d', 4)]);
    const ids = async (filter: object): Promise<string[]> =>
      (await store.calls({ limit: 9, ...filter })).map(({ callId }) => callId);
    assert.deepEqual(await ids({}), ['c', 'b', 'a', 'd']);
    assert.deepEqual(await ids({ before: { startedMs: 5, callId: 'b' }, limit: 1 }), ['a']);
    assert.deepEqual(await ids({ instance: 'others/notes/default' }), ['c']);
    assert.deepEqual(await ids({ state: 'done' }), ['b', 'a', 'd']);
    const [first] = await store.calls({ limit: 1 });
    assert.equal(first !== undefined && 'sealed' in first, false);
  });

  it('forgets calls that are old or too many', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.putCalls([1, 2, 3, 4, 5].map((at) => call(`c${at}`, at)));
    assert.equal(await store.purgeCalls({ beforeMs: 2, keep: 100, limit: 100 }), 1);
    assert.equal(await store.purgeCalls({ beforeMs: 0, keep: 2, limit: 100 }), 2);
    const left = await store.calls({ limit: 9 });
    assert.deepEqual(
      left.map(({ callId }) => callId),
      ['c5', 'c4'],
    );
  });

  it('forgets the calls of an instance with it', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.putCalls([call('a', 1), call('b', 1, { instance: 'servers/vms/main' })]);
    await store.removeInstance({ category: 'servers', name: 'vms', instance: 'default' });
    assert.deepEqual([await store.call('a'), (await store.call('b'))?.callId], [undefined, 'b']);
  });

  it('keeps effects in order, answered or not, until the call has ended', async () => {
    await using opened = await open();
    const { store } = opened;
    const of = (callId: string): { callId: string; instance: string } => ({
      callId,
      instance: 'servers/vms/default',
    });
    await store.putEffect({ ...of('a'), sequence: 10, request: 'r10', reply: null });
    await store.putEffect({ ...of('a'), sequence: 9, request: 'r9', reply: null });
    await store.putEffect({ ...of('b'), sequence: 1, request: 'x', reply: null });
    await store.endEffect({ callId: 'a', sequence: 9, reply: 'ok' });
    assert.deepEqual(await store.effects('a'), [
      { ...of('a'), sequence: 9, request: 'r9', reply: 'ok' },
      { ...of('a'), sequence: 10, request: 'r10', reply: null },
    ]);
    await store.removeEffects('a');
    assert.deepEqual(await store.effects('a'), []);
    assert.equal((await store.effects('b')).length, 1);
  });

  it('forgets effects of calls that nothing stands for any more, and no others', async () => {
    await using opened = await open();
    const { store } = opened;
    const instance = 'servers/vms/default';
    const effect = (callId: string, sequence: number): Promise<void> =>
      store.putEffect({ callId, instance, sequence, request: 'r', reply: null });
    for (const callId of ['open', 'dead', 'ended', 'gone']) await effect(callId, 1);
    await effect('gone', 2);
    const guards = ['open', 'dead', 'ended'].map((callId) => ({
      ...{ id: `cut_${callId}`, kind: 'resume', target: instance, subject: '', type: 'create' },
      ...{ dedupe: callId, payload: '{}', dueMs: 1, createdMs: 1 },
    }));
    const added = await store.addDeliveries(guards as NewDelivery[], 'running');
    for (const { dedupe, seq, attempt } of added) {
      if (dedupe === 'open') continue;
      const state = dedupe === 'dead' ? 'dead' : 'done';
      await store.endDelivery({ seq, attempt, nowMs: 2, error: null, state });
    }
    assert.equal(await store.purgeEffects(2), 2);
    assert.equal(await store.purgeEffects(10), 1);
    const left = await Promise.all(
      ['open', 'dead', 'ended', 'gone'].map(async (each) => (await store.effects(each)).length),
    );
    assert.deepEqual(left, [1, 1, 0, 0]);
  });
}
