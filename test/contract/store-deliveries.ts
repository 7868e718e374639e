// What every driver of the store keeps of deliveries.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { LIMITS } from '../../host/limits.ts';
import type { DeliveryRow, NewDelivery } from '../../host/store/deliveries.ts';
import type { Store } from '../../host/store/store.ts';
import type { StoreSubject } from './store-subject.ts';

const TARGET = 'others/notes/default';
const CLAIM = { limit: 100, perTarget: 100, except: [] };

/** A delivery of an event; `more` changes it. */
function delivery(id: string, more: Partial<NewDelivery> = {}): NewDelivery {
  return {
    id,
    kind: 'event',
    target: TARGET,
    subject: '',
    type: 'invoice.paid',
    dedupe: id,
    payload: JSON.stringify({ id, text: 'é\u0000😀' }),
    dueMs: 1_000,
    createdMs: 900,
    ...more,
  };
}

/** Adds the claims to a driver's suite. */
export function storeDeliveryClaims(subject: StoreSubject): void {
  lostHostClaims(subject);
  claimClaims(subject);
  endClaims(subject);
}

function claimClaims({ open }: StoreSubject): void {
  it('adds a delivery once per target, kind and dedupe', async () => {
    await using opened = await open();
    const { store } = opened;
    const first = delivery('a', { dedupe: 'evt_1' });
    const [added] = await store.addDeliveries([first]);
    const { seq: _seq, ...row } = added ?? ({} as DeliveryRow);
    const waiting = { state: 'waiting', attempt: 0, endedMs: null, error: null };
    assert.deepEqual(row, { ...first, ...waiting });
    const more = [
      delivery('b', { dedupe: 'evt_1' }),
      delivery('c', { dedupe: 'evt_1', target: 'x' }),
    ];
    assert.deepEqual(ids(await store.addDeliveries(more)), ['c']);
    assert.equal(await store.delivery('b'), undefined);
  });

  it('claims what is due, oldest first, and nothing twice', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addDeliveries([
      delivery('late', { dueMs: 3_000 }),
      delivery('second', { dueMs: 1_001 }),
      delivery('first', { dueMs: 1_000 }),
    ]);
    const claims = [1, 2].map(() => store.claimDeliveries({ ...CLAIM, nowMs: 2_000 }));
    const claimed = (await Promise.all(claims)).flat();
    assert.deepEqual(ids(claimed).toSorted(), ['first', 'second']);
    assert.deepEqual(
      claimed.map(({ state, attempt }) => [state, attempt]),
      [
        ['running', 1],
        ['running', 1],
      ],
    );
  });

  it('claims one of a subject at a time, in order of arrival', async () => {
    await using opened = await open();
    const { store } = opened;
    const subject = 'invoice:1';
    await store.addDeliveries([
      delivery('one', { subject, dueMs: 1_500 }),
      delivery('two', { subject, dueMs: 1_000 }),
      delivery('other', { subject: 'invoice:2' }),
    ]);
    const [first] = await claim(store, 'one');
    assert.equal(first?.id, 'one');
    assert.deepEqual(await claim(store, 'two'), []);
    await store.endDelivery({
      seq: first.seq,
      attempt: 1,
      state: 'dead',
      nowMs: 2_000,
      error: '{}',
    });
    assert.deepEqual(ids(await claim(store, 'two')), ['two']);
  });

  it('gives no target more than its share, and some none', async () => {
    await using opened = await open();
    const { store } = opened;
    const rows = ['a', 'b', 'c'].map((id) => delivery(id));
    await store.addDeliveries([
      ...rows,
      delivery('x', { target: 'x' }),
      delivery('y', { target: 'y' }),
    ]);
    const bounds = { nowMs: 2_000, perTarget: 2, except: ['x'] };
    const claimed = await store.claimDeliveries({ ...CLAIM, ...bounds });
    assert.deepEqual(ids(claimed), ['a', 'b', 'y']);
  });

  it('takes over what was seen running for too long, and nothing because a clock says so', async () => {
    await using opened = await open();
    const { store } = opened;
    const [mine] = await store.addDeliveries([delivery('a')], 'running');
    assert.deepEqual([mine?.state, mine?.attempt], ['running', 1]);
    assert.equal(await store.freeLostClaims(1_000), 0);
    assert.equal(await store.freeLostClaims(1_000 + LIMITS.claimMs - 1), 0);
    assert.deepEqual(await store.claimDeliveries({ ...CLAIM, nowMs: Date.now() * 2 }), []);
    await store.addDeliveries([delivery('later')], 'running');
    assert.equal(await store.freeLostClaims(1_000 + LIMITS.claimMs + LIMITS.claimLookMs), 1);
    const [taken, ...others] = await store.claimDeliveries({ ...CLAIM, nowMs: 2_000 });
    assert.deepEqual([taken?.attempt, others], [2, []]);
    assert.ok(taken !== undefined);
    // The first claim may end nothing any more.
    const ended = { seq: taken.seq, nowMs: 5_001, error: null, state: 'done' } as const;
    assert.equal(await store.endDelivery({ ...ended, attempt: 1 }), false);
    assert.equal(await store.endDelivery({ ...ended, attempt: 2 }), true);
  });
}

function lostHostClaims({ open, driver }: StoreSubject): void {
  it('takes over nothing that is asked again and again', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addDeliveries([delivery('a')]);
    for (let at = 0; at * LIMITS.claimLookMs <= LIMITS.claimMs; at += 1) {
      const nowMs = 2_000 + at;
      const [row] = await store.claimDeliveries({ ...CLAIM, nowMs });
      assert.ok(row !== undefined);
      assert.equal(await store.freeLostClaims(at * LIMITS.claimLookMs), 0);
      const { seq, attempt } = row;
      const later = { state: 'waiting', nowMs, dueMs: nowMs + 1, error: null } as const;
      assert.equal(await store.endDelivery({ seq, attempt, ...later, uncounted: true }), true);
    }
  });

  it('frees at once what a host that is gone had, and nothing of one that lives', async () => {
    await using opened = await open();
    const { store } = opened;
    const other = await opened.again();
    await other.addDeliveries([delivery('added')], 'running');
    await other.addDeliveries([delivery('claimed')]);
    const claimed = await other.claimDeliveries({ ...CLAIM, nowMs: 2_000 });
    assert.deepEqual(ids(claimed), ['claimed']);
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 1_000) {
      assert.equal(await store.freeLostClaims(nowMs), 0);
    }
    await other[Symbol.asyncDispose]();
    let freed = 0;
    // The server takes a moment to see that a connection has ended.
    for (let nowMs = 20_000; driver === 'postgres' && freed === 0; nowMs += 1_000) {
      assert.ok(nowMs < 1_000_000, 'nothing was freed');
      freed = await store.freeLostClaims(nowMs);
    }
    if (driver === 'sqlite') await store.releaseClaims();
    else assert.equal(freed, 2);
    const taken = await store.claimDeliveries({ ...CLAIM, nowMs: 2_000 });
    assert.deepEqual(taken.map(({ id, attempt }) => [id, attempt]).toSorted(), [
      ['added', 2],
      ['claimed', 2],
    ]);
  });
}

function endClaims({ open }: StoreSubject): void {
  it('tries again later what failed, and asks again uncounted what is pending', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addDeliveries([delivery('a')]);
    const [first] = await claim(store, 'a');
    assert.ok(first !== undefined);
    const { seq } = first;
    const failed = { seq, attempt: 1, nowMs: 2_000, state: 'waiting', dueMs: 1_900 } as const;
    assert.equal(await store.endDelivery({ ...failed, error: '{"code":"X"}' }), true);
    assert.equal((await store.delivery('a'))?.error, '{"code":"X"}');
    const [second] = await claim(store, 'a');
    assert.equal(second?.attempt, 2);
    const renewed = { id: 'a', target: TARGET, payload: '{"n":2}' };
    const pending = { ...failed, attempt: 2, error: null, renewed, uncounted: true };
    assert.equal(await store.endDelivery(pending), true);
    const [third] = await claim(store, 'a');
    assert.deepEqual([third?.attempt, third?.payload, third?.error], [2, '{"n":2}', null]);
  });

  it('begins anew what waits since later than now, as long as it was to wait', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addDeliveries([
      delivery('new', { dueMs: 9_500, createdMs: 9_000 }),
      delivery('past', { dueMs: 9_999, createdMs: 900 }),
      delivery('failed', { dueMs: 1_000, createdMs: 1_000 }),
    ]);
    const [failed] = await claim(store, 'failed');
    assert.ok(failed !== undefined);
    const end = { seq: failed.seq, attempt: 1, nowMs: 9_000, dueMs: 9_700, error: null } as const;
    await store.endDelivery({ ...end, state: 'waiting' });
    // Twice, as two hosts do that see the clock fall.
    for (let times = 0; times < 2; times += 1) await store.renewWaits(2_000);
    const due = await Promise.all(
      ['new', 'failed', 'past'].map(async (id) => (await store.delivery(id))?.dueMs),
    );
    assert.deepEqual(due, [2_500, 2_700, 9_999]);
  });

  it('replays what has ended, and nothing else', async () => {
    await using opened = await open();
    const { store } = opened;
    const [row] = await store.addDeliveries([delivery('a')], 'running');
    assert.equal(await store.replayDelivery('a', 2_000), false);
    assert.ok(row !== undefined);
    await store.endDelivery({ seq: row.seq, attempt: 1, nowMs: 1, state: 'dead', error: '{}' });
    assert.equal(await store.replayDelivery('a', 2_000), true);
    assert.deepEqual(ids(await claim(store, 'a')), ['a']);
    assert.equal(await store.replayDelivery('absent', 0), false);
  });

  it('forgets the oldest dead ones of a target and kind over a number', async () => {
    await using opened = await open();
    const { store } = opened;
    const hook = { kind: 'webhook' } as const;
    const rows = await store.addDeliveries(
      [
        ...['a', 'b', 'c', 'open'].map((id) => delivery(id, hook)),
        delivery('event'),
        delivery('other', { ...hook, target: 'gateways/other/default' }),
      ],
      'running',
    );
    for (const { seq, id, attempt } of rows) {
      if (id === 'open') continue;
      await store.endDelivery({ seq, attempt, state: 'dead', nowMs: 100, error: null });
    }
    const options = { target: TARGET, kind: 'webhook', keep: 2 } as const;
    assert.equal(await store.trimDeadDeliveries(options), 1);
    assert.equal(await store.trimDeadDeliveries(options), 0);
    assert.deepEqual(ids(await store.deliveries({ limit: 9 })), [
      ...['other', 'event', 'open', 'c', 'b'],
    ]);
  });

  it('counts, lists newest first, and forgets what is old', async () => {
    await using opened = await open();
    const { store } = opened;
    const rows = await store.addDeliveries(
      ['a', 'b', 'c'].map((id) => delivery(id)),
      'running',
    );
    const end = (at: number, state: 'done' | 'dead', nowMs: number): Promise<boolean> =>
      store.endDelivery({ seq: rows[at]?.seq ?? 0, attempt: 1, state, nowMs, error: null });
    await end(0, 'done', 100);
    await end(1, 'dead', 100);
    assert.deepEqual(await store.countDeliveries(), { waiting: 0, running: 1, done: 1, dead: 1 });
    const bytes = Buffer.byteLength(delivery('c').payload);
    assert.deepEqual(await store.sizeOpenDeliveries(TARGET, 10), { number: 1, bytes });
    assert.deepEqual(await store.sizeOpenDeliveries('others/none/default', 10), {
      number: 0,
      bytes: 0,
    });
    assert.deepEqual(ids(await store.deliveries({ limit: 2 })), ['c', 'b']);
    const { seq: before = 0, attempt = 0 } = rows[1] ?? {};
    assert.deepEqual(ids(await store.deliveries({ before, limit: 2 })), ['a']);
    assert.deepEqual(ids(await store.deliveries({ state: 'dead', target: TARGET, limit: 9 })), [
      'b',
    ]);
    const purge = { doneBeforeMs: 101, deadBeforeMs: 100, limit: 10 };
    assert.equal(await store.purgeDeliveries(purge), 1);
    assert.deepEqual(ids(await store.deliveries({ limit: 9 })), ['c', 'b']);
    // Whoever claimed it before may have been given up, and must leave it to who claimed it since.
    assert.equal(await store.removeDelivery({ seq: before, attempt: attempt + 1 }), false);
    assert.equal(await store.removeDelivery({ seq: before, attempt }), true);
    assert.equal(await store.removeDelivery({ seq: before, attempt }), false);
    assert.deepEqual(ids(await store.deliveries({ limit: 9 })), ['c']);
  });

  it('forgets the deliveries of an instance with it', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addDeliveries([delivery('a'), delivery('b', { target: 'others/notes/main' })]);
    await store.removeInstance({ category: 'others', name: 'notes', instance: 'default' });
    assert.deepEqual(ids(await store.deliveries({ limit: 9 })), ['b']);
  });
}

function ids(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id);
}

/** Claims as at 2000 ms and keeps only the one named; the others are given back. */
async function claim(store: Store, id: string): Promise<DeliveryRow[]> {
  const rows = await store.claimDeliveries({ ...CLAIM, nowMs: 2_000 });
  for (const { seq, attempt, id: other } of rows) {
    if (other === id) continue;
    const back = { state: 'waiting', dueMs: 9_999, nowMs: 2_000, error: null } as const;
    await store.endDelivery({ seq, attempt, ...back, uncounted: true });
  }
  return rows.filter((row) => row.id === id);
}
