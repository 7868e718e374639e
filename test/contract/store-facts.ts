// What every driver of the store keeps of the ledger.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { LEDGER_RULES } from '../../host/ledger/merge.ts';
import { LIMITS } from '../../host/limits.ts';
import type { NewDelivery } from '../../host/store/deliveries.ts';
import type { Store } from '../../host/store/store.ts';
import type { Fact } from '../../sdk/domain.ts';
import type { StoreSubject } from './store-subject.ts';

/** A message to the panel. */
function message(id: string): NewDelivery {
  const about = { kind: 'panel', target: 'panel', subject: '', type: 'payment.changed' } as const;
  return { id, ...about, dedupe: id, payload: '{}', dueMs: 1_000, createdMs: 900 };
}

/** Adds the claims to a driver's suite. */
export function storeFactClaims({ open }: StoreSubject): void {
  const instance = 'gateways/pay/default';
  const payment: Fact = {
    externalId: 'pay_1',
    kind: 'payment',
    state: 'processing',
    amountMinor: 9_007_199_254_740_991,
    currency: 'EUR',
    invoiceId: 'inv_1',
  };
  const put = (store: Store, facts: readonly Fact[]): Promise<unknown> =>
    store.putFacts({
      instance,
      nowMs: 7,
      facts,
      rules: LEDGER_RULES,
      message: ({ externalId, state }) => message(`msg_${externalId}_${state}`),
    });

  it('keeps an entry per external id, with the message about it, in one commit', async () => {
    await using opened = await open();
    const { store } = opened;
    await store.putPaymentAsk(
      { instance, invoiceId: 'inv_1', amountMinor: payment.amountMinor, currency: 'EUR', atMs: 1 },
      1,
    );
    await put(store, [payment, payment]);
    const row = await store.fact(instance, 'pay_1');
    assert.deepEqual(row, {
      seq: 1,
      instance,
      externalId: 'pay_1',
      kind: 'payment',
      saidState: 'processing',
      state: 'processing',
      amountMinor: 9_007_199_254_740_991,
      currency: 'EUR',
      invoiceId: 'inv_1',
      feeMinor: null,
      relatedExternalId: null,
      refundedMinor: 0,
      matched: true,
      problem: null,
      firstMs: 7,
      changedMs: 7,
    });
    const [told, ...others] = await store.deliveries({ kind: 'panel', limit: 9 });
    assert.deepEqual([told?.id, others], ['msg_pay_1_processing', []]);
  });

  it('adds up what refers to a payment, as much as a payment may have and no more', async () => {
    await using opened = await open();
    const { store } = opened;
    const { factsPerPayment, factsPerWrite } = LIMITS;
    const refund = (nth: number): Fact => ({
      ...payment,
      ...{ externalId: `re_${nth}`, kind: 'refund', state: 'succeeded', amountMinor: 2 },
      relatedExternalId: 'pay_1',
    });
    const all = Array.from({ length: factsPerPayment }, (_, nth) => refund(nth));
    await put(store, [{ ...payment, state: 'succeeded' }]);
    for (let at = 0; at < all.length; at += factsPerWrite) {
      await put(store, all.slice(at, at + factsPerWrite));
    }
    assert.equal((await store.fact(instance, 'pay_1'))?.refundedMinor, 2 * factsPerPayment);
    await put(store, [refund(0)]);
    const over = put(store, [refund(factsPerPayment)]);
    await assert.rejects(over, { code: 'EXTENSION_OUTPUT_INVALID' });
    assert.equal(await store.fact(instance, `re_${factsPerPayment}`), undefined);
  });

  it('moves a changed entry to the end of the feed', async () => {
    await using opened = await open();
    const { store } = opened;
    await put(store, [payment, { ...payment, externalId: 'pay_2' }]);
    await put(store, [{ ...payment, state: 'succeeded' }]);
    const feed = await store.facts({ after: 0, limit: 9 });
    assert.deepEqual(
      feed.map(({ seq, externalId, state }) => [seq, externalId, state]),
      [
        [2, 'pay_2', 'processing'],
        [3, 'pay_1', 'succeeded'],
      ],
    );
    assert.deepEqual(await store.facts({ after: 3, limit: 9 }), []);
    assert.equal((await store.facts({ after: 0, limit: 1 })).length, 1);
  });

  it('gives places in the feed without a gap that is filled later', async () => {
    await using opened = await open();
    const { store } = opened;
    const facts = Array.from({ length: 20 }, (_, at) => ({ ...payment, externalId: `pay_${at}` }));
    await Promise.all(facts.map((fact) => put(store, [fact])));
    const feed = await store.facts({ after: 0, limit: 50 });
    assert.deepEqual(
      feed.map(({ seq }) => seq),
      facts.map((_, at) => at + 1),
    );
  });
}
