// Affiliates: who is rewarded, with how much, when it may be paid out, and what takes it back.

import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';

import type { JsonObject } from 'cofferdam/sdk';

import {
  ADMIN,
  event,
  extension,
  ordered,
  paid,
  refunded,
  signup,
  startProgramme,
} from '../../vendors/affiliates.ts';

const options = { timeout: 20_000 };
const START = Date.UTC(2025, 11, 1);
const DAY_MS = 86_400_000;

describe('affiliates', options, () => {
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

  it('rewards a share of what was paid without taxes, rounded down', options, async () => {
    const programme = await withCustomer({ defaultReward: 12.5, pendingDays: 30 });
    await programme.deliver(paid('i1', 'u1', 10, [1_999, 319]));
    atDay(62);
    const { lines, balances } = await programme.ledger('ann');
    assert.deepEqual(lines, [
      {
        invoiceId: 'i1',
        number: 'INV-i1',
        userId: 'u1',
        at: '2026-01-01T00:10:00.000Z',
        currency: 'EUR',
        baseMinor: 1_680,
        basisPoints: 1_250,
        grossMinor: 210,
        clawedBackMinor: 0,
        rewardMinor: 210,
        availableAt: '2026-01-31T00:10:00.000Z',
        state: 'available',
        reason: null,
      },
    ]);
    assert.equal(balances[0].availableMinor, 210);
  });

  it(
    'holds a reward back until the pending days are over, to the millisecond',
    options,
    async () => {
      const programme = await withCustomer({ pendingDays: 7 });
      await programme.deliver(paid('i1', 'u1', 0, [1_000]));
      const endMs = Date.UTC(2026, 0, 8);
      mock.timers.setTime(endMs - 1);
      assert.equal((await programme.ledger('ann')).lines[0].state, 'pending');
      mock.timers.setTime(endMs);
      assert.equal((await programme.ledger('ann')).lines[0].state, 'available');
    },
  );

  it('counts an invoice once however often it is reported paid', options, async () => {
    const programme = await withCustomer();
    for (const at of [5, 6, 7]) await programme.deliver(paid('i1', 'u1', at, [1_000]));
    const { lines } = await programme.ledger('ann');
    assert.deepEqual(
      lines.map(({ invoiceId, rewardMinor }) => [invoiceId, rewardMinor]),
      [['i1', 100]],
    );
  });

  it(
    'takes a share back with a partial refund and all of it with a whole one',
    options,
    async () => {
      const programme = await withCustomer();
      await programme.deliver(paid('i1', 'u1', 1, [11_900, 1_900]));
      await programme.deliver(refunded('i1', 're_1', 2, [5_950]));
      const [half] = (await programme.ledger('ann')).lines;
      assert.deepEqual(
        [half.grossMinor, half.clawedBackMinor, half.rewardMinor],
        [1_000, 500, 500],
      );
      await programme.deliver(refunded('i1', 're_2', 3, [5_950]));
      const [none] = (await programme.ledger('ann')).lines;
      assert.deepEqual([none.clawedBackMinor, none.rewardMinor, none.state], [1_000, 0, 'void']);
    },
  );

  it(
    'gives the share back when a dispute is won, in whatever order that is told',
    options,
    async () => {
      const lost = refunded('i1', 'dp_1', 2, [10_000]);
      const won = refunded('i1', 'dp_1', 3, [10_000]);
      const fact = { ...(won.data['fact'] as JsonObject), state: 'failed' };
      const ended = { ...won, data: { ...won.data, fact } };
      for (const told of [
        [lost, ended],
        [ended, lost],
      ]) {
        const programme = await withCustomer({ defaultReward: 10 });
        await programme.deliver(paid('i1', 'u1', 1, [10_000]));
        for (const each of told) await programme.deliver(each);
        const { lines } = await programme.ledger('ann');
        assert.deepEqual([lines[0].rewardMinor, lines[0].clawedBackMinor], [1_000, 0]);
      }
    },
  );

  it('ignores a refund in another currency than the invoice', options, async () => {
    const programme = await withCustomer();
    await programme.deliver(paid('i1', 'u1', 1, [1_000]));
    await programme.deliver(refunded('i1', 're_1', 2, [1_000, 'USD']));
    assert.equal((await programme.ledger('ann')).lines[0].rewardMinor, 100);
  });

  it(
    'rewards nobody for oneself: same user, same e-mail in another spelling',
    options,
    async () => {
      const programme = await withCustomer();
      await programme.act('create', {
        userId: 'eve',
        code: 'eve',
        user: { email: 'E.ve+1@gmail.com' },
      });
      await programme.deliver(signup('eve', 0, 'eve'));
      await programme.deliver(signup('u2', 0, 'eve', { email: 'eve@googlemail.com' }));
      await programme.deliver(paid('i1', 'eve', 1, [1_000]));
      await programme.deliver(paid('i2', 'u2', 2, [1_000]));
      const { lines } = await programme.ledger('eve');
      assert.deepEqual(
        lines.map(({ state, reason, rewardMinor }) => [state, reason, rewardMinor]),
        [
          ['void', 'same e-mail as the affiliate', 0],
          ['void', 'own invoice', 0],
        ],
      );
    },
  );

  it(
    'holds rewards of a customer who looks like the affiliate until an admin clears it',
    options,
    async () => {
      const programme = await withCustomer({ pendingDays: 0 });
      const address = { line1: '1, Main Street', postcode: '10 115' };
      await programme.deliver(event('user.updated', 1, { user: { id: 'ann', address } }));
      const same = { line1: '1 main street', postcode: '10115' };
      await programme.deliver(signup('u2', 1, 'code-ann', { address: same }));
      await programme.deliver(paid('i2', 'u2', 2, [1_000]));
      atDay(60);
      const [held] = (await programme.ledger('ann')).lines;
      assert.deepEqual([held.state, held.reason], ['held', 'same address as the affiliate']);
      await programme.act('clear', { userId: 'u2' });
      const [released] = (await programme.ledger('ann')).lines;
      assert.deepEqual([released.state, released.rewardMinor], ['available', 100]);
    },
  );

  it(
    'keeps no address, phone number or e-mail of anybody, only salted hashes',
    options,
    async () => {
      const programme = await withCustomer();
      await programme.deliver(
        signup('u2', 0, 'code-ann', { phone: '+49 30 5550100', email: 'zoe@x.org' }),
      );
      assert.doesNotMatch(JSON.stringify([...programme.ctx.stored]), /5550100|zoe@|x\.org/);
    },
  );

  it(
    'raises the rate with the number of paying customers, from the next one on',
    options,
    async () => {
      const programme = await withCustomer({ tiers: ['2: 20', '3: 30.5'] });
      for (const [n, user] of ['u1', 'u2', 'u3'].entries()) {
        await programme.deliver(signup(user, 0, 'code-ann'));
        await programme.deliver(paid(`i${n}`, user, n + 1, [1_000]));
      }
      const { lines } = await programme.ledger('ann');
      assert.deepEqual(lines.map(({ rewardMinor }) => rewardMinor).toReversed(), [100, 200, 305]);
    },
  );

  it(
    'rewards the first invoices only when told so; a refunded one takes no place',
    options,
    async () => {
      const programme = await withCustomer({ rewardedInvoices: 1 });
      for (const n of [1, 2, 3]) await programme.deliver(paid(`i${n}`, 'u1', n, [1_000]));
      await programme.deliver(refunded('i1', 're_1', 9, [1_000]));
      const { lines } = await programme.ledger('ann');
      assert.deepEqual(lines.map(({ rewardMinor }) => rewardMinor).toReversed(), [0, 100, 0]);
    },
  );

  it(
    'gives a customer to the first who sent them, and nothing paid before that',
    options,
    async () => {
      const programme = await withCustomer({ existingCustomers: true });
      await programme.affiliate('bob');
      await programme.deliver(signup('old', 1));
      await programme.deliver(paid('i0', 'old', 2, [1_000]));
      await programme.deliver(ordered('o1', 'old', 5, 'code-bob'));
      await programme.deliver(ordered('o2', 'old', 4, 'code-ann'));
      await programme.deliver(paid('i1', 'old', 6, [1_000]));
      const [ann, bob] = [await programme.ledger('ann'), await programme.ledger('bob')];
      assert.deepEqual([ann.lines.map(({ invoiceId }) => invoiceId), bob.lines], [['i1'], []]);
    },
  );

  it('rewards no existing customer unless told so', options, async () => {
    const programme = await withCustomer();
    await programme.deliver(signup('old', 1));
    await programme.deliver(ordered('o1', 'old', 4, 'code-ann'));
    await programme.deliver(paid('i1', 'old', 6, [1_000]));
    assert.deepEqual((await programme.ledger('ann')).lines, []);
  });

  it(
    'takes no visit for a referral that is older than the days a visit counts',
    options,
    async () => {
      const programme = await withCustomer({ cookieDays: 30 });
      const come = (userId: string, visitedAt: string) =>
        programme.deliver(
          event('user.created', 0, {
            user: { id: userId },
            referral: { code: 'code-ann', visitedAt },
          }),
        );
      assert.deepEqual(await come('late', '2025-12-01T23:59:59Z'), { referredBy: null });
      assert.deepEqual(await come('intime', '2025-12-02T00:00:00Z'), { referredBy: 'ann' });
    },
  );

  it(
    'rewards nothing while an affiliate is disabled, and keeps what was earned before',
    options,
    async () => {
      const programme = await withCustomer();
      await programme.deliver(paid('i1', 'u1', 1, [1_000]));
      atDay(40);
      await programme.act('update', { affiliateId: 'ann', enabled: false });
      await programme.deliver(paid('i2', 'u1', 15 * 24 * 60, [1_000]));
      const { lines } = await programme.ledger('ann');
      assert.deepEqual(
        lines.map(({ rewardMinor, reason }) => [rewardMinor, reason]),
        [
          [0, 'the affiliate was disabled'],
          [100, null],
        ],
      );
      const visit = await programme.act('visit', { code: 'code-ann' });
      assert.deepEqual(visit.data, { valid: false });
    },
  );

  it(
    'keeps the terms under which an invoice was paid when the config changes',
    options,
    async () => {
      const programme = await withCustomer({ defaultReward: 10 });
      await programme.deliver(paid('i1', 'u1', 1, [1_000]));
      atDay(40);
      const config = extension.config.parse({ defaultReward: 50 });
      const changed = { ...programme.ctx, config };
      await extension.onConfigChange({}, changed);
      await extension.on['invoice.paid']?.(paid('i2', 'u1', 20 * 24 * 60, [1_000]), changed);
      const { data } = (await extension.pages['affiliate']?.(
        { params: { id: 'ann' }, viewer: ADMIN },
        changed,
      )) as any;
      assert.deepEqual(
        data.lines.map(({ rewardMinor }: any) => rewardMinor).toReversed(),
        [100, 500],
      );
    },
  );
});
