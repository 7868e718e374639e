// Stripe: what renews by itself, and what Stripe would refuse to renew.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Invoice } from 'cofferdam/sdk';

import { paymentOf } from '../../contract/money.ts';
import { agreement, extension, posted, startBench } from '../../vendors/stripe/setup.ts';
import type { Bench } from '../../vendors/stripe/setup.ts';

const options = { timeout: 10_000 };

const monthly = { interval: 'month', count: 1 } as const;
const items = (...list: Invoice['items']): Invoice => {
  const amountMinor = list.reduce((sum, { total }) => sum + total.amountMinor, 0);
  return { id: '42', total: { amountMinor, currency: 'EUR' }, items: list };
};
const item = (id: string, amountMinor: number, more: object = {}): Invoice['items'][number] => ({
  id,
  description: `Item ${id}`,
  quantity: 1,
  total: { amountMinor, currency: 'EUR' },
  ...more,
});
const linesOf = (bench: Bench): unknown => {
  const [params] = posted(bench, '/v1/checkout/sessions');
  return [params?.['mode'], params?.['line_items']];
};

describe('stripe subscriptions', () => {
  it('renews recurring items and takes the others once', options, async () => {
    const bench = await startBench({ mode: 'subscription' });
    const invoice = items(item('1', 1000, { recurring: monthly }), item('2', 500));
    await extension.pay(paymentOf(invoice), bench.context());
    const price = { currency: 'eur', unit_amount: '1000', product_data: { name: 'Item 1' } };
    assert.deepEqual(linesOf(bench), [
      'subscription',
      [
        {
          quantity: '1',
          price_data: { ...price, recurring: { interval: 'month', interval_count: '1' } },
        },
        {
          quantity: '1',
          price_data: { currency: 'eur', unit_amount: '500', product_data: { name: 'Item 2' } },
        },
      ],
    ]);
  });

  it('renews taxes with the items they are on', options, async () => {
    const bench = await startBench({ mode: 'subscription' });
    const invoice = {
      ...items(item('1', 1000, { recurring: monthly })),
      total: { amountMinor: 1190, currency: 'EUR' },
      tax: { amountMinor: 190, currency: 'EUR' },
    };
    await extension.pay(paymentOf(invoice), bench.context());
    assert.equal(bench.fake.all('checkout.session')[0]?.['amount_total'], 1190);
    assert.equal(bench.fake.all('checkout.session')[0]?.['mode'], 'subscription');
  });

  for (const [why, invoice] of [
    ['nothing recurs', items(item('1', 1000))],
    [
      'items renew at different times',
      items(
        item('1', 1000, { recurring: monthly }),
        item('2', 500, { recurring: { interval: 'year', count: 1 } }),
      ),
    ],
    ['there is a discount line', items(item('1', 1000, { recurring: monthly }), item('2', -300))],
  ] as const) {
    it(`is paid once when ${why}, which Stripe would refuse to renew`, options, async () => {
      const bench = await startBench({ mode: 'subscription' });
      const result = await extension.pay(paymentOf(invoice), bench.context());
      assert.equal(result.kind, 'redirect');
      assert.equal(bench.fake.all('checkout.session')[0]?.['mode'], 'payment');
    });
  }

  it('makes one subscription however often the customer comes back', options, async () => {
    const bench = await startBench({ mode: 'subscription' });
    const payment = paymentOf(items(item('1', 1000, { recurring: monthly })));
    const page = await extension.pay(payment, bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    bench.fake.completeCheckout(page.externalId);
    const again = await Promise.all([1, 2].map(() => extension.pay(payment, bench.context())));
    assert.deepEqual(
      again.map(({ kind }) => kind),
      ['done', 'done'],
    );
    assert.equal(bench.fake.all('checkout.session').length, 1);
  });

  it('is not charged by hand once it is paid by subscription', options, async () => {
    const bench = await startBench({ mode: 'subscription' });
    const invoice = items(item('1', 1000, { recurring: monthly }));
    const page = await extension.pay(paymentOf(invoice), bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    bench.fake.completeCheckout(page.externalId);
    const input = { invoice, amount: invoice.total, agreement: agreement(bench, 'pm_card_visa') };
    const result = await extension.charge(input, bench.context());
    assert.ok(result.status === 'done');
    assert.equal(bench.fake.all('payment_intent').length, 1);
    assert.equal(result.externalId, bench.fake.all('payment_intent')[0]?.id);
  });

  for (const atPeriodEnd of [true, false]) {
    it(
      `cancels its own subscription ${atPeriodEnd ? 'at the end of the period' : 'now'}`,
      options,
      async () => {
        const bench = await startBench({ mode: 'subscription' });
        const page = await extension.pay(
          paymentOf(items(item('1', 1000, { recurring: monthly }))),
          bench.context(),
        );
        assert.ok(page.kind === 'redirect' && page.externalId);
        const id = String(bench.fake.completeCheckout(page.externalId)['subscription']);
        const ctx = bench.context();
        const result = await extension.cancelSubscription({ externalId: id, atPeriodEnd }, ctx);
        assert.deepEqual(result, { cancelled: true });
        const subscription = bench.fake.object('subscription', id);
        assert.deepEqual(
          [subscription['status'], String(subscription['cancel_at_period_end'])],
          atPeriodEnd ? ['active', 'true'] : ['canceled', 'false'],
        );
        // The period's end is read from the item: the subscription itself has none any more.
        assert.deepEqual(ctx.logs.at(-1)?.fields?.['paidUntil'], '2027-01-01T00:00:00.000Z');
      },
    );
  }

  it('leaves alone a subscription that it did not make', options, async () => {
    const bench = await startBench();
    bench.fake.add({ id: 'sub_other', object: 'subscription', metadata: {}, status: 'active' });
    for (const externalId of ['sub_other', 'sub_none', 'I-PAYPAL123', '../customers']) {
      const result = await extension.cancelSubscription({ externalId }, bench.context());
      assert.deepEqual(result, { cancelled: false });
    }
    assert.equal(bench.fake.object('subscription', 'sub_other')['status'], 'active');
  });
});
