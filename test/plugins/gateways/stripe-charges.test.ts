// Stripe: money moved without a page, and back: charges, captures, refunds, stored methods, reading back.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { JsonObject, MoneyResult } from 'cofferdam/sdk';

import { ADA, invoiceOf, paymentOf } from '../../contract/money.ts';
import {
  agreement,
  extension,
  failureOf,
  payOnPage,
  startBench,
} from '../../vendors/stripe/setup.ts';
import type { Bench } from '../../vendors/stripe/setup.ts';

const options = { timeout: 10_000 };

const charge = (bench: Bench, id: string, type?: string): Promise<MoneyResult> => {
  const invoice = invoiceOf(1999);
  const input = { invoice, amount: invoice.total, agreement: agreement(bench, id, type) };
  return extension.charge(input, bench.context());
};

describe('stripe charge', () => {
  it('reports a payment with its fee', options, async () => {
    const bench = await startBench();
    const result = await charge(bench, 'pm_card_visa');
    const [intent] = bench.fake.all('payment_intent');
    assert.deepEqual(result, {
      status: 'done',
      externalId: intent?.id,
      facts: [
        {
          externalId: intent?.id,
          kind: 'payment',
          state: 'succeeded',
          amountMinor: 1999,
          currency: 'EUR',
          invoiceId: '42',
          feeMinor: 65,
        },
      ],
    });
  });

  it('does not call a bank payment on its way done', options, async () => {
    const bench = await startBench();
    const result = await charge(bench, 'pm_bank', 'us_bank_account');
    assert.ok(result.status === 'pending');
    assert.deepEqual(
      result.facts.map(({ state }) => state),
      ['processing'],
    );
  });

  it('asks for the customer when the bank wants a confirmation', options, async () => {
    const bench = await startBench({ publishableKey: 'pk_test_1' });
    const result = await charge(bench, 'pm_card_authenticationRequired');
    const [intent] = bench.fake.all('payment_intent');
    assert.deepEqual(result, {
      status: 'requires_action',
      externalId: intent?.id,
      clientSecret: intent?.['client_secret'],
      publishableKey: 'pk_test_1',
    });
  });

  it('says the same of a charge that waits when its operation is repeated', options, async () => {
    const bench = await startBench();
    const invoice = invoiceOf(1999);
    const waiting = agreement(bench, 'pm_card_authenticationRequired');
    const input = { invoice, amount: invoice.total, agreement: waiting };
    const run = () => extension.charge(input, bench.context({ operationId: 'op' }));
    assert.deepEqual(
      [await run(), await run()].map(({ status }) => status),
      ['requires_action', 'requires_action'],
    );
    assert.notEqual(bench.fake.all('payment_intent')[0]?.['status'], 'canceled');
  });

  it('cancels a charge that waits before the invoice is paid on the page', options, async () => {
    const bench = await startBench();
    await charge(bench, 'pm_card_authenticationRequired');
    const result = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    assert.equal(result.kind, 'redirect');
    assert.equal(bench.fake.all('payment_intent')[0]?.['status'], 'canceled');
  });

  it('takes the money once when two operations charge at once', options, async () => {
    const bench = await startBench();
    const both = await Promise.allSettled([
      charge(bench, 'pm_card_visa'),
      charge(bench, 'pm_card_visa'),
    ]);
    const refused = both.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    assert.equal(refused.length, 1);
    assert.ok(isFailure(refused[0], 'locked'));
    assert.equal(bench.fake.all('payment_intent').length, 1);
  });

  it('leaves the invoice free when the charge was refused', options, async () => {
    const bench = await startBench();
    const wrong = {
      externalId: 'pm_nobody',
      customerId: 'cus_nobody',
      label: 'x',
      type: 'card',
    } as const;
    const invoice = invoiceOf(1999);
    const input = { invoice, amount: invoice.total, agreement: wrong };
    await assert.rejects(extension.charge(input, bench.context()), (error) => isFailure(error));
    const page = await extension.pay(paymentOf(invoice), bench.context());
    assert.equal(page.kind, 'redirect');
  });

  it('closes the open page before it charges', options, async () => {
    const bench = await startBench();
    await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    const result = await charge(bench, 'pm_card_visa');
    assert.equal(result.status, 'done');
    assert.equal(bench.fake.all('checkout.session')[0]?.['status'], 'expired');
  });

  it('does not charge an invoice that was just paid on the page', options, async () => {
    const bench = await startBench();
    const page = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    const session = bench.fake.completeCheckout(page.externalId);
    const result = await charge(bench, 'pm_card_visa');
    assert.ok(result.status === 'done');
    assert.equal(result.externalId, session['payment_intent']);
    assert.equal(bench.fake.all('payment_intent').length, 1);
  });

  it('tells a decline as a failed payment that nobody should repeat', options, async () => {
    const bench = await startBench();
    const result = await charge(bench, 'pm_card_chargeDeclined');
    assert.ok(result.status === 'failed');
    assert.deepEqual(
      [result.error.code, result.error.retriable, result.facts?.map(({ state }) => state)],
      ['declined', false, ['failed']],
    );
    assert.match(
      result.error.message,
      /Your card was declined \(card_declined, generic_decline, request req_/,
    );
  });

  it(
    'takes the money once when the reply is lost and the operation repeated',
    options,
    async () => {
      const bench = await startBench();
      const invoice = invoiceOf(1999);
      const input = { invoice, amount: invoice.total, agreement: agreement(bench, 'pm_card_visa') };
      const call = { operationId: 'op-9' };
      bench.fake.loseNextReply();
      await failureOf(extension.charge(input, bench.context(call)), 'unavailable');
      const result = await extension.charge(input, bench.context(call));
      assert.equal(result.status, 'done');
      assert.equal(bench.fake.all('payment_intent').length, 1);
    },
  );

  it('finds the customer of a stored method by itself', options, async () => {
    const bench = await startBench();
    const { customerId: _none, ...method } = agreement(bench, 'pm_card_visa');
    const invoice = invoiceOf(1999);
    const input = { invoice, amount: invoice.total, agreement: method };
    assert.equal((await extension.charge(input, bench.context())).status, 'done');
  });
});

describe('stripe refund, capture and void', () => {
  it('gives a part back, then the rest', options, async () => {
    const bench = await startBench();
    const transaction = await payOnPage(bench, invoiceOf(1999));
    const refund = (amountMinor: number, reason?: string): Promise<MoneyResult> => {
      const amount = { amountMinor, currency: 'EUR' };
      return extension.refund(
        { transaction, amount, ...(reason ? { reason } : {}) },
        bench.context(),
      );
    };
    const first = await refund(500, 'requested_by_customer');
    await refund(1499, 'Server was down');
    const [one, two] = bench.fake.all('refund');
    assert.deepEqual(first, {
      status: 'done',
      externalId: one?.id,
      facts: [
        {
          externalId: one?.id,
          kind: 'refund',
          state: 'refunded',
          amountMinor: 500,
          currency: 'EUR',
          relatedExternalId: transaction.externalId,
          invoiceId: '42',
        },
      ],
    });
    assert.equal(one?.['reason'], 'requested_by_customer');
    assert.equal((two?.['metadata'] as JsonObject)['reason'], 'Server was down');
    const again = await failureOf(refund(1), 'conflict');
    assert.match(again, /has already been refunded \(charge_already_refunded/);
  });

  it('finds the payment behind a session, an invoice or a charge', options, async () => {
    const bench = await startBench();
    const transaction = await payOnPage(bench, invoiceOf(4000));
    const [session] = bench.fake.all('checkout.session');
    const [charge] = bench.fake.all('charge');
    for (const externalId of [session?.id, charge?.id, transaction.externalId]) {
      const amount = { amountMinor: 1000, currency: 'EUR' };
      const input = { transaction: { ...transaction, externalId: externalId ?? '' }, amount };
      assert.equal((await extension.refund(input, bench.context())).status, 'done');
    }
    assert.equal(charge?.['amount_refunded'], 3000);
  });

  it('gives back once when the reply is lost and the operation repeated', options, async () => {
    const bench = await startBench();
    const transaction = await payOnPage(bench, invoiceOf(1999));
    const input = { transaction, amount: { amountMinor: 500, currency: 'EUR' } };
    bench.fake.loseNextReply();
    const call = { operationId: 'op-r' };
    await failureOf(extension.refund(input, bench.context(call)), 'unavailable');
    await extension.refund(input, bench.context(call));
    assert.equal(bench.fake.all('refund').length, 1);
  });

  for (const [what, amount] of [
    ['more than was paid', { amountMinor: 2000, currency: 'EUR' }],
    ['nothing', { amountMinor: 0, currency: 'EUR' }],
    ['another currency', { amountMinor: 100, currency: 'USD' }],
  ] as const) {
    it(`refuses to give back ${what} without asking Stripe`, options, async () => {
      const bench = await startBench();
      const transaction = { externalId: 'pi_1', invoiceId: '42', amount: invoiceOf(1999).total };
      await failureOf(extension.refund({ transaction, amount }, bench.context()), 'invalid_input');
      assert.deepEqual(bench.fake.requests, []);
    });
  }

  it(
    'captures a part of what was authorised; doing it again changes nothing',
    options,
    async () => {
      const bench = await startBench({ capture: 'manual' });
      const transaction = await payOnPage(bench, invoiceOf(1999), 'authorised');
      const input = { transaction, amount: { amountMinor: 1500, currency: 'EUR' } };
      const first = await extension.capture(input, bench.context());
      const second = await extension.capture(input, bench.context());
      assert.ok(first.status === 'done' && second.status === 'done');
      assert.deepEqual(second.facts, first.facts);
      assert.deepEqual([first.facts[0]?.state, first.facts[0]?.amountMinor], ['succeeded', 1500]);
    },
  );

  it('voids what was authorised; doing it again changes nothing', options, async () => {
    const bench = await startBench({ capture: 'manual' });
    const transaction = await payOnPage(bench, invoiceOf(1999), 'authorised');
    for (const _ of [1, 2]) {
      const result = await extension.void({ transaction }, bench.context());
      assert.ok(result.status === 'done');
      assert.equal(result.facts[0]?.state, 'failed');
    }
  });

  it('does not void what was captured', options, async () => {
    const bench = await startBench();
    const transaction = await payOnPage(bench, invoiceOf(1999));
    await failureOf(extension.void({ transaction }, bench.context()), 'conflict');
  });
});

describe('stripe stored methods', () => {
  it('stores a method on a page and forgets it again', options, async () => {
    const bench = await startBench();
    const input = { user: ADA, returnUrl: 'https://panel.example/account', currency: 'EUR' };
    const page = await extension.createBillingAgreement(input, bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    const session = bench.fake.completeCheckout(page.externalId);
    const facts = await bench.deliver('checkout.session.completed', session);
    const method = bench.fake.all('payment_method')[0];
    assert.deepEqual(facts, [
      {
        externalId: method?.id,
        kind: 'token',
        state: 'succeeded',
        amountMinor: 0,
        currency: 'EUR',
        relatedExternalId: page.externalId,
      },
    ]);
    const stored = { externalId: method?.id ?? '', label: 'Visa', type: 'card' as const };
    for (const _ of [1, 2]) {
      const result = await extension.cancelBillingAgreement({ agreement: stored }, bench.context());
      assert.deepEqual(result, { cancelled: true });
    }
    assert.equal(method?.['customer'], null);
  });

  it(
    'keeps the SEPA mandate that an iDEAL set-up made, not the iDEAL method',
    options,
    async () => {
      const bench = await startBench();
      const input = { user: ADA, returnUrl: 'https://panel.example/account', currency: 'EUR' };
      const page = await extension.createBillingAgreement(input, bench.context());
      assert.ok(page.kind === 'redirect' && page.externalId);
      const session = bench.fake.completeCheckout(page.externalId);
      const details = { type: 'ideal', ideal: { generated_sepa_debit: 'pm_sepa' } };
      const attempt = { id: 'setatt_1', object: 'setup_attempt', payment_method_details: details };
      bench.fake.add(attempt);
      bench.fake.object('setup_intent', session['setup_intent'])['latest_attempt'] = 'setatt_1';
      const facts = await bench.deliver('checkout.session.completed', session);
      assert.deepEqual(
        facts.map(({ externalId }) => externalId),
        ['pm_sepa'],
      );
    },
  );
});

describe('stripe reconcile', () => {
  it(
    'reads back every payment, refund and dispute of this instance since a time',
    options,
    async () => {
      const bench = await startBench();
      const since = new Date(Date.now() - 60_000).toISOString();
      const transaction = await payOnPage(bench, invoiceOf(1999));
      const amount = { amountMinor: 500, currency: 'EUR' };
      await extension.refund({ transaction, amount }, bench.context());
      for (let count = 0; count < 130; count += 1) {
        bench.fake.add({
          ...bench.fake.object('payment_intent', transaction.externalId),
          id: `pi_other${count}`,
          metadata: {},
        });
      }
      const { facts } = await extension.reconcile({ since }, bench.context());
      assert.deepEqual(
        facts.map(({ kind, state, amountMinor }) => [kind, state, amountMinor]),
        [
          ['payment', 'succeeded', 1999],
          ['refund', 'refunded', 500],
        ],
      );
      assert.equal(
        bench.fake.requests.filter(
          ({ path, method }) => method === 'GET' && path === '/v1/payment_intents',
        ).length,
        2,
      );
    },
  );

  it('reads one payment by its session as well as by its own id', options, async () => {
    const bench = await startBench();
    const { externalId } = await payOnPage(bench, invoiceOf(1999));
    const [session] = bench.fake.all('checkout.session');
    const byIntent = await extension.reconcile({ externalId }, bench.context());
    const bySession = await extension.reconcile({ externalId: session?.id ?? '' }, bench.context());
    assert.deepEqual(bySession, byIntent);
    assert.equal(byIntent.facts[0]?.state, 'succeeded');
  });

  it('refuses an id that is none of a payment', options, async () => {
    const bench = await startBench();
    await failureOf(
      extension.reconcile({ externalId: '../customers' }, bench.context()),
      'invalid_input',
    );
  });
});
