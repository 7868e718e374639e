// PayPal subscriptions: plans, approval, renewals, cancelling, and invoices that cannot renew.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Invoice } from 'cofferdam/sdk';

import { invoiceOf, paymentOf, renewing } from '../../contract/money.ts';
import { createBench, extension, openPage, startBench } from '../../vendors/paypal/setup.ts';
import type { Bench } from '../../vendors/paypal/setup.ts';

const options = { timeout: 10_000 };
const start = (): Promise<Bench> => startBench({ mode: 'subscription' });

async function subscribed(bench: Bench): Promise<string> {
  const id = await openPage(bench, renewing(invoiceOf(1000)));
  bench.fake.approve(id);
  return id;
}

const saleOf = (bench: Bench, id: string, at: number) => {
  const payment = bench.fake.state.payments.get(id)?.at(at) ?? {};
  const { value: total, currency_code: currency } = payment['amount_with_breakdown'].gross_amount;
  const sale = { id: payment['id'], state: 'completed', amount: { total, currency } };
  return { ...sale, billing_agreement_id: id };
};

describe('paypal subscriptions', () => {
  it('makes a plan at the price of the invoice, and uses it again', options, async () => {
    const bench = await start();
    const first = await openPage(bench, renewing(invoiceOf(1000)));
    const second = await openPage(bench, renewing(invoiceOf(1000, 'EUR', '43')));
    assert.match(first, /^I-/);
    assert.notEqual(second, first);
    const [plan, ...others] = bench.fake.state.plans.values();
    assert.deepEqual(others, []);
    const [cycle] = plan?.['billing_cycles'] ?? [];
    assert.deepEqual(cycle.frequency, { interval_unit: 'MONTH', interval_count: 1 });
    assert.deepEqual(cycle.pricing_scheme.fixed_price, { currency_code: 'EUR', value: '10.00' });
    assert.equal(bench.fake.state.products.size, 1);
  });

  it('shows the same page on every visit, and no second one once it runs', options, async () => {
    const bench = await start();
    const id = await openPage(bench, renewing(invoiceOf(1000)));
    assert.equal(await openPage(bench, renewing(invoiceOf(1000))), id);
    bench.fake.approve(id);
    const payment = paymentOf(renewing(invoiceOf(1000)));
    for (let visit = 0; visit < 2; visit += 1) {
      const result = await extension.pay(payment, bench.context());
      assert.ok(result.kind === 'done');
      assert.deepEqual(
        result.facts?.map(({ kind }) => kind),
        ['token', 'payment'],
      );
    }
    assert.equal(bench.fake.state.subscriptions.size, 1);
  });

  it(
    'names the invoice for the first payment only, in whatever order they are told',
    options,
    async () => {
      const bench = await start();
      const id = await subscribed(bench);
      bench.fake.renew(id);
      const second = await bench.deliver('PAYMENT.SALE.COMPLETED', saleOf(bench, id, 1));
      const first = await bench.deliver('PAYMENT.SALE.COMPLETED', saleOf(bench, id, 0));
      const again = await bench.deliver('PAYMENT.SALE.COMPLETED', saleOf(bench, id, 0));
      assert.deepEqual(again, first);
      assert.deepEqual(
        [first, second].map(([fact]) => [
          fact?.invoiceId,
          fact?.amountMinor,
          fact?.relatedExternalId,
        ]),
        [
          ['42', 1000, id],
          [undefined, 1000, id],
        ],
      );
    },
  );

  it('counts a payment once, however many services share the subscription', options, async () => {
    const bench = await start();
    const id = await subscribed(bench);
    const facts = await bench.deliver('PAYMENT.SALE.COMPLETED', saleOf(bench, id, 0));
    assert.equal(facts.length, 1);
  });

  it('ignores sales and subscriptions of somebody else', options, async () => {
    const bench = await start();
    const other = await createBench({ mode: 'subscription' }, { fake: bench.fake });
    const id = await subscribed(other);
    assert.deepEqual(await bench.deliver('PAYMENT.SALE.COMPLETED', saleOf(bench, id, 0)), []);
    assert.deepEqual(await bench.deliver('BILLING.SUBSCRIPTION.ACTIVATED', { id }), []);
    const single = { ...saleOf(bench, id, 0), billing_agreement_id: undefined };
    assert.deepEqual(await bench.deliver('PAYMENT.SALE.COMPLETED', single), []);
  });

  it('tells a subscription that runs, and one that ended', options, async () => {
    const bench = await start();
    const id = await subscribed(bench);
    const told = async (type: string) =>
      (await bench.deliver(type, { id })).find(({ kind }) => kind === 'token')?.state;
    assert.equal(await told('BILLING.SUBSCRIPTION.ACTIVATED'), 'succeeded');
    const cancelled = await extension.cancelSubscription({ externalId: id }, bench.context());
    assert.deepEqual(cancelled, { cancelled: true });
    assert.equal(await told('BILLING.SUBSCRIPTION.CANCELLED'), 'failed');
  });

  it('cancels once, and only what this instance made', options, async () => {
    const bench = await start();
    const other = await createBench({ mode: 'subscription' }, { fake: bench.fake });
    const id = await subscribed(bench);
    const cancel = (from: Bench, externalId: string) =>
      extension.cancelSubscription({ externalId }, from.context());
    assert.deepEqual(await cancel(other, id), { cancelled: false });
    assert.equal(bench.fake.state.subscriptions.get(id)?.['status'], 'ACTIVE');
    assert.deepEqual(await cancel(bench, id), { cancelled: true });
    assert.deepEqual(await cancel(bench, id), { cancelled: true });
    assert.deepEqual(await cancel(bench, 'I-NOTTHERE'), { cancelled: false });
    assert.deepEqual(await cancel(bench, 'sub_1'), { cancelled: false });
  });

  it('refunds a payment of a subscription, and reads it back', options, async () => {
    const bench = await start();
    const id = await subscribed(bench);
    const { id: externalId } = saleOf(bench, id, 0);
    const amount = { amountMinor: 1000, currency: 'EUR' };
    const transaction = { externalId, invoiceId: '42', amount };
    const result = await extension.refund({ transaction, amount }, bench.context());
    assert.equal(result.status, 'done');
    const refund = { id: 'R1', amount: { total: '-10.00', currency: 'EUR' }, sale_id: externalId };
    const [fact] = await bench.deliver('PAYMENT.SALE.REFUNDED', refund);
    assert.deepEqual([fact?.amountMinor, fact?.relatedExternalId], [1000, externalId]);
    const { facts } = await extension.reconcile({ externalId: id }, bench.context());
    assert.deepEqual(
      facts.map(({ kind }) => kind),
      ['token', 'payment'],
    );
  });

  const both: Invoice = {
    ...invoiceOf(2000),
    items: [...renewing(invoiceOf(1000)).items, ...invoiceOf(1000).items],
  };
  for (const [what, invoice, part] of [
    ['renews only in part', both, undefined],
    ['renews at a time that PayPal does not have', renewing(invoiceOf(1000), 'year', 2), undefined],
    ['is paid in part', renewing(invoiceOf(1000)), 400],
    ['does not renew', invoiceOf(1000), undefined],
  ] as const) {
    it(`takes an invoice once that ${what}`, options, async () => {
      const bench = await start();
      const id = await openPage(bench, invoice, part);
      assert.ok(bench.fake.state.orders.has(id));
    });
  }
});
