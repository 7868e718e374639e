// Stripe's minor units against ISO 4217's: every amount goes out exactly or not at all.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';
import { isFailure } from 'cofferdam/sdk';

import { invoiceOf, paymentOf } from '../../contract/money.ts';
import {
  findObstacle,
  fromStripeAmount,
  fromStripeFee,
  toStripeAmount,
} from '../../../plugins/gateways/stripe/currency.ts';
import { extension, startBench } from '../../vendors/stripe/setup.ts';

const options = { timeout: 10_000 };

describe('stripe currency', () => {
  for (const [amountMinor, currency, amount] of [
    [1999, 'EUR', 1999],
    [500, 'JPY', 500],
    [5120, 'KWD', 5120],
    [5, 'ISK', 500],
    [5, 'UGX', 500],
    [1500, 'MGA', 15],
    [1999, 'HUF', 1999],
  ] as const) {
    it(
      `sends ${amountMinor} minor units of ${currency} as ${amount} and reads them back`,
      options,
      () => {
        const sent = toStripeAmount({ amountMinor, currency });
        assert.deepEqual(sent, { amount, currency: currency.toLowerCase() });
        assert.deepEqual(fromStripeAmount(sent.amount, sent.currency), { amountMinor, currency });
      },
    );
  }

  for (const [amountMinor, currency] of [
    [5124, 'KWD'],
    [1550, 'MGA'],
    [1000, 'IQD'],
    [1000, 'CLF'],
  ] as const) {
    it(
      `refuses ${amountMinor} minor units of ${currency}, which Stripe cannot take`,
      options,
      () => {
        assert.throws(
          () => toStripeAmount({ amountMinor, currency }),
          (error) => isFailure(error, 'unsupported'),
        );
      },
    );
  }

  it('loses nothing on the way there and back, for any amount', options, () => {
    const currencies = fc.constantFrom(
      'EUR',
      'JPY',
      'KWD',
      'ISK',
      'UGX',
      'MGA',
      'BHD',
      'USD',
      'TND',
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99_999_999 }), currencies, (amountMinor, currency) => {
        const money = { amountMinor, currency };
        try {
          const sent = toStripeAmount(money);
          assert.ok(Number.isSafeInteger(sent.amount));
          assert.deepEqual(fromStripeAmount(sent.amount, sent.currency), money);
        } catch (error) {
          if (!isFailure(error, 'unsupported')) throw error;
          assert.ok(['KWD', 'BHD', 'TND', 'MGA'].includes(currency));
        }
      }),
    );
  });

  it('rounds a fee that has decimals where payments have none', options, () => {
    assert.equal(fromStripeFee(2345, 'isk'), 23);
    assert.equal(fromStripeFee(85, 'eur'), 85);
  });

  it('says before the sale that an amount is too small', options, () => {
    assert.equal(
      findObstacle({ amountMinor: 49, currency: 'EUR' }),
      'Stripe takes at least 0.50 EUR',
    );
    assert.equal(findObstacle({ amountMinor: 50, currency: 'EUR' }), undefined);
    assert.equal(
      findObstacle({ amountMinor: 49, currency: 'JPY' }),
      'Stripe takes at least 50 JPY',
    );
  });

  it('answers canUse for amounts and currencies that Stripe does not take', options, async () => {
    const bench = await startBench();
    const canUse = (amountMinor: number, currency: string) =>
      extension.canUse({ amount: { amountMinor, currency } }, bench.context());
    assert.deepEqual(await canUse(1999, 'EUR'), { ok: true });
    assert.equal((await canUse(10, 'USD')).ok, false);
    assert.equal((await canUse(5124, 'KWD')).ok, false);
    assert.equal((await canUse(5120, 'IQD')).ok, false);
    assert.deepEqual(bench.fake.requests, []);
  });

  for (const [amountMinor, currency, sent] of [
    [500, 'JPY', 500],
    [5, 'ISK', 500],
    [5120, 'KWD', 5120],
  ] as const) {
    it(
      `takes ${amountMinor} ${currency} through page, webhook and refund unchanged`,
      options,
      async () => {
        const bench = await startBench();
        const invoice = invoiceOf(amountMinor, currency);
        const page = await extension.pay(paymentOf(invoice), bench.context());
        assert.ok(page.kind === 'redirect' && page.externalId);
        const session = bench.fake.completeCheckout(page.externalId);
        assert.equal(session['amount_total'], sent);
        const [fact] = await bench.deliver('checkout.session.completed', session);
        assert.deepEqual([fact?.amountMinor, fact?.currency], [amountMinor, currency]);
        const externalId = fact?.externalId ?? '';
        const transaction = { externalId, invoiceId: '42', amount: invoice.total };
        const result = await extension.refund(
          { transaction, amount: invoice.total },
          bench.context(),
        );
        assert.ok(result.status === 'done');
        assert.deepEqual(
          [result.facts[0]?.amountMinor, bench.fake.all('refund')[0]?.['amount']],
          [amountMinor, sent],
        );
      },
    );
  }
});
