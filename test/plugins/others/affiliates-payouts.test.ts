// Affiliates: payouts, codes, visits, who may see what, and what is refused.

import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { FailureCode } from 'cofferdam/sdk';

import {
  event,
  extension,
  paid,
  refunded,
  signup,
  startProgramme,
} from '../../vendors/affiliates.ts';

const options = { timeout: 20_000 };
const START = Date.UTC(2025, 11, 1);
const DAY_MS = 86_400_000;

const failsWith =
  (code: FailureCode, words = /./) =>
  (error: unknown) => {
    assert.ok(isFailure(error, code), String(error));
    assert.match(error.message, words);
    return true;
  };

describe('affiliates: accounts and payouts', options, () => {
  mock.timers.enable({ apis: ['Date'], now: START });
  const atDay = (day: number): void => mock.timers.setTime(START + day * DAY_MS);
  /** An affiliate "ann" of December 2025 with a customer "u1" of January 2026. */
  const withCustomer = async (values = {}) => {
    atDay(0);
    const programme = startProgramme(values);
    await programme.affiliate('ann');
    await programme.deliver(signup('u1', 0, 'code-ann'));
    return programme;
  };

  it('pays the same money out once when two ask at the same time', options, async () => {
    const programme = await withCustomer({ pendingDays: 0 });
    await programme.deliver(paid('i1', 'u1', 1, [10_000]));
    atDay(60);
    const ask = () => programme.act('requestPayout', { currency: 'EUR' }, { id: 'ann' });
    const both = await Promise.allSettled([ask(), ask(), ask()]);
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    const [balance] = (await programme.ledger('ann')).balances;
    assert.deepEqual([balance.requestedMinor, balance.availableMinor], [1_000, 0]);
  });

  it('asks for a payout once when the same call comes twice', options, async () => {
    const programme = await withCustomer({ pendingDays: 0 });
    await programme.deliver(paid('i1', 'u1', 1, [10_000]));
    atDay(60);
    const input = { subject: {}, values: { currency: 'EUR' }, actor: { id: 'ann' } };
    const first = await extension.actions['requestPayout']?.run(input, programme.ctx);
    const again = await extension.actions['requestPayout']?.run(input, programme.ctx);
    assert.deepEqual(again, first);
  });

  it(
    'refuses a payout under the smallest one, and takes one of exactly that',
    options,
    async () => {
      const programme = await withCustomer({ pendingDays: 0, minimumPayouts: ['5.00 EUR'] });
      await programme.deliver(paid('i1', 'u1', 1, [4_990]));
      atDay(60);
      const ask = () => programme.act('requestPayout', { currency: 'EUR' }, { id: 'ann' });
      await assert.rejects(ask(), failsWith('rejected', /available 499, smallest 500/));
      await programme.deliver(paid('i2', 'u1', 2, [10]));
      assert.equal((await ask()).data.amountMinor, 500);
    },
  );

  it('moves a payout forward only, and gives a rejected one back', options, async () => {
    const programme = await withCustomer({ pendingDays: 0 });
    await programme.deliver(paid('i1', 'u1', 1, [10_000]));
    atDay(60);
    const ask = async () =>
      (await programme.act('requestPayout', { currency: 'EUR' }, { id: 'ann' })).data.id;
    const decide = (payoutId: string, state: string) =>
      programme.act('decidePayout', { affiliateId: 'ann', payoutId, state, reference: 'R1' });
    const first = await ask();
    await decide(first, 'rejected');
    await assert.rejects(decide(first, 'paid'), failsWith('conflict', /rejected/));
    const second = await ask();
    await decide(second, 'approved');
    await decide(second, 'paid');
    assert.equal((await decide(second, 'paid')).data.state, 'paid');
    const [balance] = (await programme.ledger('ann')).balances;
    assert.deepEqual([balance.paidMinor, balance.availableMinor], [1_000, 0]);
  });

  it(
    'owes nothing more after a refund that follows a payout, and pays no debt out',
    options,
    async () => {
      const programme = await withCustomer({ pendingDays: 0 });
      await programme.deliver(paid('i1', 'u1', 1, [10_000]));
      atDay(60);
      const { data } = await programme.act('requestPayout', { currency: 'EUR' }, { id: 'ann' });
      await programme.deliver(refunded('i1', 're_1', 2, [10_000]));
      const decision = { affiliateId: 'ann', payoutId: data.id };
      await assert.rejects(
        programme.act('decidePayout', { ...decision, state: 'paid' }),
        failsWith('conflict', /refunds/),
      );
      assert.equal((await programme.ledger('ann')).balances[0].availableMinor, -1_000);
      await programme.act('decidePayout', { ...decision, state: 'rejected' });
      assert.equal((await programme.ledger('ann')).balances[0].availableMinor, 0);
    },
  );

  it('keeps paid sums right when old payouts are put away', options, async () => {
    const programme = await withCustomer({ pendingDays: 0, defaultReward: 100 });
    await programme.deliver(paid('i1', 'u1', 1, [1_000]));
    atDay(60);
    for (let n = 0; n < 130; n += 1) {
      const amount = { amountMinor: 1, currency: 'EUR' };
      const { data } = await programme.act('requestPayout', { amount }, { id: 'ann' });
      const decision = { affiliateId: 'ann', payoutId: data.id, state: 'paid' };
      await programme.act('decidePayout', decision);
    }
    const page = await programme.page('affiliate', { id: 'ann' });
    assert.deepEqual(
      [page.payouts.length, page.balances[0].paidMinor, page.balances[0].availableMinor],
      [130, 130, 870],
    );
  });

  it('gives a code to one affiliate for ever, in any case of letters', options, async () => {
    const programme = await withCustomer({ codeType: 'custom' });
    const join = (id: string, code: string) => programme.act('join', { code }, { id });
    await assert.rejects(join('bob', 'CODE-ANN'), failsWith('conflict'));
    const racers = ['r1', 'r2', 'r3'].map((id) => join(id, 'shared'));
    const won = (await Promise.allSettled(racers)).filter(({ status }) => status === 'fulfilled');
    assert.equal(won.length, 1);
    await programme.act('update', { affiliateId: 'ann', code: 'newcode' });
    await assert.rejects(join('bob', 'code-ann'), failsWith('conflict'));
    await programme.deliver(signup('u9', 3, 'code-ann'));
    assert.equal((await programme.page('affiliate', { id: 'ann' })).totals.signups, 2);
  });

  it('makes random codes that nobody chose when codes are random', options, async () => {
    const programme = startProgramme();
    await assert.rejects(
      programme.act('join', { code: 'mine' }, { id: 'u' }),
      failsWith('forbidden'),
    );
    const { data } = await programme.act('join', {}, { id: 'u' });
    assert.match(data.code, /^[2-9A-HJ-NP-Z]{8}$/);
    const again = await programme.act('join', {}, { id: 'u' });
    assert.deepEqual(again.data, data);
  });

  it('counts a visitor once a day and every visitor of many at once', options, async () => {
    const programme = await withCustomer();
    const visit = (visitorId: string) => programme.act('visit', { code: 'CODE-ANN', visitorId });
    await Promise.all(['a', 'b', 'c', 'a', 'b'].map(visit));
    atDay(1);
    await visit('a');
    assert.equal((await programme.page('affiliate', { id: 'ann' })).totals.visits, 4);
  });

  it('shows an affiliate their own account and nothing of their customers', options, async () => {
    const programme = await withCustomer();
    await programme.deliver(paid('i1', 'u1', 1, [1_000]));
    const mine = await programme.page('me', {}, { id: 'ann' });
    assert.deepEqual([mine.joined, mine.totals.signups, mine.lines.length], [true, 1, 1]);
    assert.doesNotMatch(JSON.stringify(mine), /"u1"/);
    assert.deepEqual(await programme.page('me', {}, { id: 'u1' }), {
      joined: false,
      mayJoin: true,
    });
    for (const page of ['affiliate', 'affiliates']) {
      await assert.rejects(
        programme.page(page, { id: 'ann' }, { id: 'u1' }),
        failsWith('forbidden'),
      );
    }
    await assert.rejects(
      programme.act('clear', { userId: 'u1' }, { id: 'u1' }),
      failsWith('forbidden'),
    );
  });

  it('forgets the signals of a deleted user even when an update comes later', options, async () => {
    const programme = await withCustomer();
    await programme.deliver(event('user.deleted', 5, { user: { id: 'u1' } }));
    await programme.deliver(
      event('user.updated', 4, { user: { id: 'u1', phone: '+49 30 5550100' } }),
    );
    assert.deepEqual((programme.ctx.stored.get('customer:u1') as any).signals, []);
  });

  for (const [field, data] of [
    ['user.id', { invoice: { id: 'i', total: { amountMinor: 1, currency: 'EUR' } } }],
    ['invoice.total', { invoice: { id: 'i', total: 19.99 }, user: { id: 'u' } }],
    [
      'invoice.id',
      { invoice: { id: 'é', total: { amountMinor: 1, currency: 'EUR' } }, user: { id: 'u' } },
    ],
    [
      'invoice.tax',
      {
        invoice: {
          id: 'i',
          total: { amountMinor: 1, currency: 'EUR' },
          tax: { amountMinor: 2, currency: 'EUR' },
        },
        user: { id: 'u' },
      },
    ],
  ] as const) {
    it(`names "${field}" when an event cannot be used for it`, options, async () => {
      const programme = startProgramme();
      await assert.rejects(
        programme.deliver(event('invoice.paid', 1, data)),
        failsWith('invalid_input', new RegExp(`"${field.replace('.', String.raw`\.`)}"`)),
      );
      assert.equal(programme.ctx.stored.has('invoice:i'), false);
    });
  }

  for (const [field, value] of [
    ['defaultReward', 100.01],
    ['defaultReward', 0.001],
    ['tiers', ['ten: 5']],
    ['tiers', ['10: 101']],
    ['minimumPayouts', ['5.001 EUR']],
    ['minimumPayouts', ['5 XXX']],
  ] as const) {
    it(`refuses ${JSON.stringify(value)} as ${field}`, options, () => {
      const parsed = extension.config.safeParse({ [field]: value });
      assert.equal(parsed.error?.issues[0]?.path[0], field);
    });
  }

  it('rewards the largest amounts exactly', options, async () => {
    const programme = await withCustomer({ defaultReward: 33.33 });
    await programme.deliver(paid('i1', 'u1', 1, [Number.MAX_SAFE_INTEGER]));
    const [line] = (await programme.ledger('ann')).lines;
    assert.equal(line.rewardMinor, 3_002_099_511_605_172);
  });
});
