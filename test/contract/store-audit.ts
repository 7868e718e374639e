// Claims about the audit, and about what a narrowed reader is given of calls, deliveries and facts.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { LIMITS } from '../../host/limits.ts';
import type { AuditFilter, AuditRow } from '../../host/store/audit.ts';
import type { CallRow } from '../../host/store/recordings.ts';
import { LEDGER_RULES } from '../../host/ledger/merge.ts';
import type { StoreSubject } from './store-subject.ts';

const line = (subject: string, more: Partial<AuditRow> = {}): AuditRow => ({
  at: '2026-01-01T00:00:00.000Z',
  actor: 'tok',
  role: 'admin',
  action: 'instance.enable',
  subject,
  outcome: 'done',
  ...more,
});

/** Everything that fits, page by page. */
async function subjects(
  store: { audit: (filter: AuditFilter & { limit: number; before?: number }) => Promise<any> },
  filter: AuditFilter,
): Promise<string[]> {
  const found: string[] = [];
  let before: number | undefined;
  do {
    const { entries, next } = await store.audit({
      ...filter,
      limit: 2,
      ...(before === undefined ? {} : { before }),
    });
    found.push(...entries.map(({ subject }: AuditRow) => subject));
    before = next ?? undefined;
  } while (before !== undefined);
  return found;
}

/** Registers the claims. */
export function storeAuditClaims(subject: StoreSubject): void {
  const { open } = subject;
  it('pages through the audit, newest first, each line once', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.addAudit(line('0', { details: { grants: { webhook: true }, text: '\u0000é' } }));
    await Promise.all(Array.from({ length: 24 }, (_, at) => store.addAudit(line(String(at + 1)))));
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let before: number | null = 1_000; before !== null;) {
      const { entries, next } = await store.audit({ limit: 10, before });
      seen.push(...entries.map(({ subject }) => subject));
      sizes.push(entries.length);
      assert.deepEqual(
        entries.map(({ id }) => id),
        entries.map(({ id }) => id).toSorted((a, b) => b - a),
      );
      before = next;
    }
    assert.deepEqual(sizes, [10, 10, 5]);
    assert.deepEqual(
      seen,
      Array.from({ length: 25 }, (_, at) => String(24 - at)),
    );
    const [oldest] = (await store.audit({ limit: 25 })).entries.slice(-1);
    const { id, ...rest } = oldest ?? { id: 0 };
    assert.ok(id > 0);
    assert.deepEqual(rest, line('0', { details: { grants: { webhook: true }, text: '\u0000é' } }));
  });

  it('finds lines by who, what, subject, outcome and time, alone and together', async () => {
    await using opened = await open();
    const { store } = opened;
    const at = (day: number): string => `2026-01-0${day}T00:00:00.000Z`;
    await store.addAudit(line('servers/a/one', { at: at(1), actor: 'ann' }));
    await store.addAudit(line('servers/a/two', { at: at(2), action: 'instance.config' }));
    await store.addAudit(line('servers/ab/one', { at: at(3), outcome: 'forbidden' }));
    await store.addAudit(line('servers/a', { at: at(4), action: 'extension.remove' }));
    await store.addAudit(line('tok_1', { at: at(5), action: 'instances', actor: 'ann' }));
    const find = (filter: AuditFilter): Promise<string[]> => subjects(store, filter);
    assert.deepEqual(await find({ actor: 'ann' }), ['tok_1', 'servers/a/one']);
    assert.deepEqual(await find({ action: 'instance' }), [
      'servers/ab/one',
      'servers/a/two',
      'servers/a/one',
    ]);
    assert.deepEqual(await find({ action: 'instance.config' }), ['servers/a/two']);
    assert.deepEqual(await find({ subject: 'servers/a' }), [
      'servers/a',
      'servers/a/two',
      'servers/a/one',
    ]);
    assert.deepEqual(await find({ outcome: 'forbidden' }), ['servers/ab/one']);
    assert.deepEqual(await find({ since: at(2), until: at(4) }), [
      'servers/ab/one',
      'servers/a/two',
    ]);
    assert.deepEqual(await find({ scope: ['servers/a/two', 'servers/ab'] }), [
      'servers/ab/one',
      'servers/a/two',
    ]);
    assert.deepEqual(await find({ scope: ['servers/a'], subject: 'servers/a/one' }), [
      'servers/a/one',
    ]);
    assert.deepEqual(await find({ actor: 'ann', action: 'instance' }), ['servers/a/one']);
    assert.deepEqual(await find({ scope: ['%', 'servers_a', ''] }), []);
  });

  it('says where to look on when it has gone over as many places as it may', async () => {
    await using opened = await open();
    const { store } = opened;
    const lines = Array.from({ length: LIMITS.auditLook + 1 }, (_, at) => line(String(at)));
    // As many at a time as may wait.
    for (let at = 0; at < lines.length; at += 10_000) {
      await Promise.all(lines.slice(at, at + 10_000).map((each) => store.addAudit(each)));
    }
    const first = await store.audit({ subject: '0', limit: 10 });
    assert.deepEqual(first.entries, []);
    assert.ok(first.next !== null);
    const second = await store.audit({ subject: '0', limit: 10, before: first.next });
    assert.deepEqual([second.entries.length, second.next], [1, null]);
  });

  it('forgets lines of before a time, strangers sooner, the oldest first', async () => {
    await using opened = await open();
    const { store } = opened;
    for (const day of [1, 2, 3, 4]) {
      const at = `2026-01-0${day}`;
      await store.addAudit(line(`kept ${day}`, { at }));
      await store.addAudit(line(`stranger ${day}`, { at, role: 'none' }));
    }
    const times = { before: '2026-01-02', strangersBefore: '2026-01-04' };
    assert.equal(await store.purgeAudit({ ...times, limit: 1 }), 2);
    assert.equal(await store.purgeAudit({ ...times, limit: 10 }), 2);
    assert.deepEqual(await subjects(store, {}), ['stranger 4', 'kept 4', 'kept 3', 'kept 2']);
  });

  it('gives a narrowed reader the calls, deliveries and facts of its scope, page by page', async () => {
    await using opened = await open();
    const { store } = opened;
    const instances = ['servers/a/one', 'servers/ab/one', 'servers/a/two', 'servers/b/one'];
    const call = { handler: 'h', actor: 't', state: 'done', replayOf: null } as const;
    const unsaid = { receipt: null, error: null, sealed: null };
    const row = (instance: string, at: number): CallRow => ({
      ...{ callId: `call_${at}`, instance, startedMs: at },
      ...call,
      ...unsaid,
    });
    await store.putCalls(instances.map(row));
    const event = { kind: 'event', subject: '', type: 't', payload: '{}', dueMs: 1 } as const;
    await store.addDeliveries(
      [...instances, 'panel'].map((target) => ({
        ...{ ...event, id: `dlv_${target}`, target, dedupe: target, createdMs: 1 },
      })),
    );
    for (const instance of instances) {
      const fact = { externalId: 'x', kind: 'payment', state: 'succeeded' } as const;
      const facts = [{ ...fact, amountMinor: 1, currency: 'EUR' }];
      const message = (): undefined => undefined;
      await store.putFacts({ instance, nowMs: 1, facts, rules: LEDGER_RULES, message });
    }
    const read = async (scope: string[] | null): Promise<string[][]> => [
      (await store.calls({ scope, limit: 10 })).map(({ instance }) => instance),
      (await store.deliveries({ scope, limit: 10 })).map(({ target }) => target),
      (await store.facts({ scope, after: 0, limit: 10 })).map(({ instance }) => instance),
    ];
    const a = ['servers/a/one', 'servers/a/two'];
    assert.deepEqual(await read(['servers/a']), [a.toReversed(), a.toReversed(), a]);
    const one = ['servers/ab/one'];
    assert.deepEqual(await read(['servers/ab/one', 'servers/c']), [one, one, one]);
    assert.deepEqual(
      (await read(null)).map(({ length }) => length),
      [4, 5, 4],
    );
    const page = { scope: ['servers/a'], limit: 1 };
    const before = row('servers/a/two', 2);
    assert.deepEqual(
      (await store.calls({ ...page, before })).map(({ callId }) => callId),
      ['call_0'],
    );
    assert.equal((await store.deliveries({ ...page, kind: 'event' })).length, 1);
  });
}
