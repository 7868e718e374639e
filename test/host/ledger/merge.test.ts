// The ledger's rules: order and repetition of facts never matter, and what does not fit is said.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import fc from 'fast-check';

import { TEST_ROOT } from '../../helpers/folder.ts';
import { LEDGER_RULES } from '../../../host/ledger/merge.ts';
import type { FactRow, PaymentAsk } from '../../../host/store/facts.ts';
import { openSqliteStore } from '../../../host/store/sqlite.ts';
import type { Store } from '../../../host/store/store.ts';
import type { Fact } from '../../../sdk/domain.ts';

const INSTANCE = 'gateways/stripe/default';

const fact = fc.record(
  {
    externalId: fc.constantFrom('pay_1', 'pay_2', 're_1', 're_2', 'dp_1'),
    kind: fc.constantFrom<Fact['kind'][]>('payment', 'refund', 'dispute', 'token'),
    state: fc.constantFrom<Fact['state'][]>(
      'failed',
      'processing',
      'succeeded',
      'refunded',
      'disputed',
    ),
    amountMinor: fc.constantFrom(500, 1_000, 1_999),
    currency: fc.constantFrom('EUR', 'USD'),
    invoiceId: fc.constantFrom('inv_1', 'inv_2'),
    feeMinor: fc.constantFrom(0, 30),
    relatedExternalId: fc.constantFrom('pay_1', 'pay_2'),
  },
  { requiredKeys: ['externalId', 'kind', 'state', 'amountMinor', 'currency'] },
);

/** What the ledger holds in the end, without places and times. */
async function ledgerOf(
  facts: readonly Fact[],
  asks: readonly PaymentAsk[] = [],
  perWrite = 1,
): Promise<object[]> {
  // Every ledger is another instance's: one file holds all of them.
  ledgers += 1;
  const instance = `${INSTANCE}-${ledgers}`;
  const rename = (text: string): string => text.replace('inv_', `inv_${ledgers}_`);
  for (const ask of asks) {
    const whose = ask.instance === INSTANCE ? instance : ask.instance;
    await store.putPaymentAsk({ ...ask, instance: whose, invoiceId: rename(ask.invoiceId) }, 20);
  }
  const named = facts.map(({ invoiceId, ...fact }) =>
    invoiceId === undefined ? fact : { ...fact, invoiceId: rename(invoiceId) },
  );
  for (let at = 0; at < named.length; at += perWrite) {
    await store.putFacts({
      instance,
      nowMs: 1,
      facts: named.slice(at, at + perWrite),
      rules: LEDGER_RULES,
      message: () => undefined,
    });
  }
  const rows = await store.facts({ after: 0, limit: 500, instance });
  return rows
    .map(({ seq: _seq, instance: _instance, invoiceId, ...row }) => ({
      ...row,
      invoiceId: invoiceId?.replace(/_\d+_/, '_') ?? null,
    }))
    .toSorted((a, b) => (a.externalId < b.externalId ? -1 : 1));
}

function payment(more: Partial<Fact> = {}): Fact {
  return {
    externalId: 'pay_1',
    kind: 'payment',
    state: 'succeeded',
    amountMinor: 1_999,
    currency: 'EUR',
    invoiceId: 'inv_1',
    ...more,
  };
}

function refund(externalId: string, amountMinor: number): Fact {
  return {
    externalId,
    kind: 'refund',
    state: 'refunded',
    amountMinor,
    currency: 'EUR',
    relatedExternalId: 'pay_1',
  };
}

function dispute(state: Fact['state']): Fact {
  return { ...refund('dp_1', 1_999), kind: 'dispute', state };
}

const ASKED: PaymentAsk = {
  instance: INSTANCE,
  invoiceId: 'inv_1',
  amountMinor: 1_999,
  currency: 'EUR',
  atMs: 0,
};

let ledgers = 0;
let dir: string;
let store: Store;
before(async () => {
  dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-ledger-'));
  store = openSqliteStore(join(dir, 'store.db'));
});
after(async () => {
  await store[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

describe('the ledger', { timeout: 120_000 }, () => {
  it('ends the same whatever the order of facts, repeats included', async () => {
    const shuffled = fc
      .array(fact, { minLength: 1, maxLength: 7 })
      .chain((facts) =>
        fc.tuple(
          fc.constant(facts),
          fc.shuffledSubarray([...facts, ...facts], { minLength: facts.length * 2 }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(shuffled, async ([facts, again]) => {
        assert.deepEqual(await ledgerOf(again, [ASKED]), await ledgerOf(facts, [ASKED]));
      }),
      { numRuns: 200 },
    );
  });

  it('ends the same however many facts are written at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fact, { maxLength: 8 }),
        fc.integer({ min: 2, max: 8 }),
        async (facts, perWrite) => {
          assert.deepEqual(
            await ledgerOf(facts, [ASKED], perWrite),
            await ledgerOf(facts, [ASKED]),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it('moves a state forward and never back', async () => {
    const states = ['succeeded', 'processing', 'failed'] as const;
    const [row] = (await ledgerOf(states.map((state) => payment({ state })))) as FactRow[];
    assert.equal(row?.state, 'succeeded');
  });

  it('matches a payment with what was asked, to the minor unit', async () => {
    const match = async (
      more: Partial<Fact>,
      ask: Partial<PaymentAsk> = {},
    ): Promise<unknown[]> => {
      const [row] = (await ledgerOf([payment(more)], [{ ...ASKED, ...ask }])) as FactRow[];
      return [row?.matched, row?.problem?.split(':')[0] ?? null];
    };
    assert.deepEqual(await match({}), [true, null]);
    assert.deepEqual(await match({ amountMinor: 1_998 }), [false, 'amount']);
    assert.deepEqual(await match({ currency: 'USD' }), [false, 'currency']);
    assert.deepEqual(await match({}, { instance: 'gateways/mollie/default' }), [false, 'owner']);
    assert.deepEqual(await match({ invoiceId: 'inv_9' }), [null, null]);
  });

  it('calls a payment refunded once all of it went back, whichever came first', async () => {
    const partly = (await ledgerOf([payment(), refund('re_1', 999)])) as FactRow[];
    assert.deepEqual(
      partly.map(({ externalId, state, refundedMinor }) => [externalId, state, refundedMinor]),
      [
        ['pay_1', 'succeeded', 999],
        ['re_1', 'refunded', 0],
      ],
    );
    const facts = [refund('re_2', 1_000), payment(), refund('re_1', 999)];
    const fully = (await ledgerOf(facts)) as FactRow[];
    assert.deepEqual([fully[0]?.state, fully[0]?.refundedMinor], ['refunded', 1_999]);
  });

  it('says so when more went back than came in', async () => {
    const [row] = (await ledgerOf([payment(), refund('re_1', 2_000)])) as FactRow[];
    assert.match(row?.problem ?? '', /^refund: more was given back/);
  });

  it('says so when one id is reported with two amounts', async () => {
    const [row] = (await ledgerOf([payment(), payment({ amountMinor: 1 })])) as FactRow[];
    assert.deepEqual([row?.amountMinor, row?.problem?.split(':')[0]], [1, 'conflict']);
  });

  it('gives a payment back that was disputed in vain, whichever was told first', async () => {
    const facts = [payment(), dispute('disputed'), dispute('failed')];
    for (const told of [facts, facts.toReversed()]) {
      const rows = (await ledgerOf(told)) as FactRow[];
      assert.deepEqual(
        rows.map(({ externalId, state }) => [externalId, state]),
        [
          ['dp_1', 'failed'],
          ['pay_1', 'succeeded'],
        ],
      );
    }
  });

  it('counts no refund that came back', async () => {
    const back = { ...refund('re_1', 1_999), state: 'failed' } as const;
    for (const told of [
      [payment(), refund('re_1', 1_999), back],
      [back, payment(), refund('re_1', 1_999)],
    ]) {
      const [row] = (await ledgerOf(told)) as FactRow[];
      assert.deepEqual([row?.state, row?.refundedMinor], ['succeeded', 0]);
    }
  });

  it('keeps a stored method that was taken away as taken away', async () => {
    const token = (state: Fact['state']): Fact => ({
      ...payment({ amountMinor: 0 }),
      kind: 'token',
      state,
    });
    const [row] = (await ledgerOf([token('failed'), token('succeeded')])) as FactRow[];
    assert.equal(row?.state, 'failed');
  });

  it('says so when one id is reported as two kinds, and counts nothing of it', async () => {
    const both = [payment(), { ...refund('pay_1', 1_999), relatedExternalId: 'pay_2' }];
    const [row] = (await ledgerOf(both, [ASKED])) as FactRow[];
    assert.deepEqual([row?.amountMinor, row?.state], [0, 'processing']);
    assert.match(row?.problem ?? '', /different kinds/);
  });

  it('takes a disputed payment for disputed, even when the dispute was told first', async () => {
    for (const facts of [
      [dispute('disputed'), payment()],
      [payment(), dispute('disputed')],
    ]) {
      const rows = (await ledgerOf(facts)) as FactRow[];
      assert.equal(rows.find(({ externalId }) => externalId === 'pay_1')?.state, 'disputed');
    }
  });
});
