// Affiliates: events may come in any order, several times and at once; the balances are the same to the cent.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';
import type { EventMessage, Json, Storage } from 'cofferdam/sdk';

import { createStorage } from '../../../sdk/testing.ts';
import { ordered, paid, refunded, signup, startProgramme } from '../../vendors/affiliates.ts';
import type { Programme } from '../../vendors/affiliates.ts';

const AFFILIATES = ['ann', 'bob'];
const USERS = ['u1', 'u2', 'u3', 'ann'];
const CURRENCIES = ['EUR', 'JPY', 'KWD'];
const options = { timeout: 120_000 };
const runs = { numRuns: 60 };

type Purchase = {
  readonly user: number;
  readonly at: number;
  readonly total: number;
  readonly taxShare: number;
  readonly currency: number;
  readonly refunds: readonly number[];
};

const config = fc.record({
  defaultReward: fc.integer({ min: 0, max: 10_000 }).map((points) => points / 100),
  tiers: fc.constantFrom<string[]>([], ['2: 20'], ['1: 5', '2: 33.33', '3: 50']),
  rewardedInvoices: fc.constantFrom(0, 1, 2),
  pendingDays: fc.constantFrom(0, 30),
  existingCustomers: fc.boolean(),
});

const purchase: fc.Arbitrary<Purchase> = fc.record({
  user: fc.nat(USERS.length - 1),
  at: fc.integer({ min: 0, max: 20 }),
  total: fc.integer({ min: 0, max: 1_000_000 }),
  taxShare: fc.integer({ min: 0, max: 50 }),
  currency: fc.nat(CURRENCIES.length - 1),
  refunds: fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 3 }),
});

/** Events of one made-up history, in order of their times. */
const history = fc
  .record({
    codes: fc.array(fc.constantFrom(undefined, 'code-ann', 'CODE-BOB', 'code-nobody'), {
      minLength: USERS.length,
      maxLength: USERS.length,
    }),
    orders: fc.array(
      fc.record({ user: fc.nat(USERS.length - 1), code: fc.constantFrom('code-ann', 'code-bob') }),
      { maxLength: 3 },
    ),
    purchases: fc.array(purchase, { maxLength: 8 }),
  })
  .map(({ codes, orders, purchases }): EventMessage[] => [
    ...USERS.map((user, at) => signup(user, at, codes[at], { phone: `+49 30 12345${at % 3}` })),
    ...orders.map(({ user, code }, at) => ordered(`o${at}`, USERS[user] ?? '', at * 3, code)),
    ...purchases.flatMap((each, number) => {
      const { total, currency } = each;
      const money = CURRENCIES[currency] ?? 'EUR';
      const tax = Math.floor((total * each.taxShare) / 100);
      const id = `i${number}`;
      return [
        paid(id, USERS[each.user] ?? '', each.at, [total, tax, money]),
        ...each.refunds.map((share, n) =>
          refunded(id, `re-${id}-${n}`, each.at + n, [Math.floor((total * share) / 100), money]),
        ),
      ];
    }),
  ]);

/** The same events shuffled, some of them several times. */
const disturbed = history.chain((events) =>
  fc
    .array(fc.nat(Math.max(0, events.length - 1)), { maxLength: events.length })
    .map((again) => again.flatMap((index) => events[index] ?? []))
    .chain((twice) => {
      const all = [...events, ...twice];
      return fc
        .shuffledSubarray(all, { minLength: all.length, maxLength: all.length })
        .map((shuffled) => ({ events, shuffled }));
    }),
);

async function ready(values: any, storage?: Storage): Promise<Programme> {
  const programme = startProgramme(values, storage === undefined ? {} : { storage });
  for (const id of AFFILIATES) {
    await programme.act('create', {
      userId: id,
      code: `code-${id}`,
      user: { phone: id === 'bob' ? '0049 30 123451' : '' },
    });
    // Affiliates of these histories joined before everything else.
    const key = `affiliate:${id}`;
    const kept = await programme.ctx.storage.get<any>(key);
    kept.standings[0].from = '2025-01-01T00:00:00.000Z';
    await programme.ctx.storage.set(key, kept);
  }
  return programme;
}

async function outcome(programme: Programme): Promise<unknown> {
  const all = [];
  for (const id of AFFILIATES) {
    const { totals, months, lines, balances } = await programme.page('affiliate', { id });
    all.push({ id, totals, months, lines, balances });
  }
  return all;
}

/** Storage whose operations each wait for their turn, which fast-check gives in a random order. */
function scheduled(scheduler: fc.Scheduler): Storage {
  const inner = createStorage(new Map<string, Json>(), Date.now);
  const turn = <T>(name: string, run: () => Promise<T>): Promise<T> =>
    scheduler.schedule(Promise.resolve(), name).then(run);
  return {
    get: (key) => turn(`get ${key}`, () => inner.get(key)),
    set: (key, value, more) => turn(`set ${key}`, () => inner.set(key, value, more)),
    delete: (key) => turn(`delete ${key}`, () => inner.delete(key)),
    list: (prefix, more) => turn(`list ${prefix}`, () => inner.list(prefix, more)),
    compareAndSet: (key, expected, value, more) =>
      turn(`cas ${key}`, () => inner.compareAndSet(key, expected, value, more)),
    increment: (key, by, more) => turn(`add ${key}`, () => inner.increment(key, by, more)),
  };
}

describe('affiliates under disorder', options, () => {
  it('any permutation with duplicates gives the same ledgers', options, async () => {
    await fc.assert(
      fc.asyncProperty(config, disturbed, async (values, { events, shuffled }) => {
        const [inOrder, outOfOrder] = [await ready(values), await ready(values)];
        for (const event of events) await inOrder.deliver(event);
        for (const event of shuffled) await outOfOrder.deliver(event);
        assert.deepEqual(await outcome(outOfOrder), await outcome(inOrder));
      }),
      runs,
    );
  });

  it('any interleaving of handlers that run at once gives the same ledgers', options, async () => {
    await fc.assert(
      fc.asyncProperty(config, disturbed, fc.scheduler(), async (values, given, scheduler) => {
        const inOrder = await ready(values);
        for (const event of given.events) await inOrder.deliver(event);
        const storage = scheduled(scheduler);
        const making = ready(values, storage);
        await scheduler.waitFor(making);
        const atOnce = await making;
        const all = Promise.all(given.shuffled.map((event) => atOnce.deliver(event)));
        await scheduler.waitFor(all);
        const found = outcome(atOnce);
        await scheduler.waitFor(found);
        assert.deepEqual(await found, await outcome(inOrder));
      }),
      runs,
    );
  });

  it('never rewards more than the share of what was kept, and adds up', options, async () => {
    await fc.assert(
      fc.asyncProperty(config, history, async (values, events) => {
        const programme = await ready(values);
        for (const event of events) await programme.deliver(event);
        const seen = new Set<string>();
        for (const id of AFFILIATES) {
          const { lines, balances } = await programme.ledger(id);
          for (const line of lines) {
            assert.ok(!seen.has(line.invoiceId), 'one invoice, two affiliates');
            seen.add(line.invoiceId);
            assert.ok(line.rewardMinor * 10_000 <= line.baseMinor * line.basisPoints);
            assert.equal(line.grossMinor - line.clawedBackMinor, line.rewardMinor);
            assert.notEqual(line.rewardMinor > 0 && line.userId === id, true, 'rewarded oneself');
          }
          for (const balance of balances) {
            const mine = lines.filter(({ currency }) => currency === balance.currency);
            const sum = mine.reduce((total, line) => total + line.rewardMinor, 0);
            const { pendingMinor, heldMinor, earnedMinor } = balance;
            assert.equal(pendingMinor + heldMinor + earnedMinor, sum);
          }
        }
      }),
      runs,
    );
  });
});
