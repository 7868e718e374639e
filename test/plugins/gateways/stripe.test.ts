// Stripe: what goes out for payments, subscriptions, stored methods and refunds, and what comes back.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { FailureCode, Invoice, JsonObject, MoneyResult, Transaction } from 'cofferdam/sdk';

import manifest from '../../../plugins/gateways/stripe/manifest.json' with { type: 'json' };
import { manifestSchema } from '../../../sdk/manifest.ts';
import { NARROW_KEY, SECRET_KEY } from '../../vendors/stripe/fake.ts';
import { makePaymentMethod } from '../../vendors/stripe/objects.ts';
import {
  extension,
  invoiceOf,
  paymentOf,
  SIGNING_SECRET,
  startBench,
  USER,
} from '../../vendors/stripe/setup.ts';
import type { Bench } from '../../vendors/stripe/setup.ts';

const options = { timeout: 10_000 };

function posted(bench: Bench, path: string): JsonObject[] {
  return bench.fake.requests
    .filter((request) => request.method === 'POST' && request.path === path)
    .map(({ params }) => params);
}

async function failureOf(promise: Promise<unknown>, code: FailureCode): Promise<string> {
  const error = await promise.then(
    (value) => assert.fail(`resolved with ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  assert.ok(isFailure(error, code), String(error));
  return error.failure.message;
}

/** Pays an invoice on the page, and tells the transaction that the panel keeps of it. */
async function payOnPage(
  bench: Bench,
  invoice: Invoice,
  outcome?: 'paid' | 'unpaid' | 'authorised',
): Promise<Transaction> {
  const page = await extension.pay(paymentOf(invoice), bench.context());
  assert.ok(page.kind === 'redirect' && page.externalId);
  const session = bench.fake.completeCheckout(page.externalId, outcome);
  await bench.deliver('checkout.session.completed', session);
  const externalId = String(session['payment_intent']);
  return { externalId, invoiceId: invoice.id, amount: invoice.total };
}

function agreement(bench: Bench, id: string, type = 'card') {
  bench.fake.add({ id: 'cus_1', object: 'customer', metadata: {} });
  bench.fake.add(makePaymentMethod(id, 'cus_1', type));
  return { externalId: id, customerId: 'cus_1', label: 'Visa 4242', type: 'card' as const };
}

describe('stripe manifest and config', () => {
  it('asks for one host and keeps the signing secret from leaving at all', options, () => {
    const { capabilities, secrets } = manifestSchema.parse(manifest);
    assert.deepEqual(capabilities?.fetch?.hosts, ['api.stripe.com']);
    assert.deepEqual(secrets, {
      secretKey: { hosts: ['api.stripe.com'], in: ['header'] },
      webhookSecret: { hosts: [], in: [] },
    });
  });

  it('takes a placeholder for a key: the host checks what it begins with', options, () => {
    assert.equal(extension.config.safeParse({ secretKey: 'sealed:abc' }).success, true);
    assert.deepEqual(extension.config.shape.secretKey.meta()?.['startsWith'], ['sk_', 'rk_']);
  });
});

describe('stripe pay', () => {
  it(
    'opens a page over the exact amount and marks everything with the invoice',
    options,
    async () => {
      const bench = await startBench({ saveCustomers: false });
      const ctx = bench.context({ operationId: 'op-1' });
      const result = await extension.pay(paymentOf(invoiceOf(1999)), ctx);
      const [session] = bench.fake.all('checkout.session');
      assert.deepEqual(result, {
        kind: 'redirect',
        url: session?.['url'],
        externalId: session?.id,
      });
      const marks = {
        invoice_id: '42',
        user_id: '7',
        cofferdam_instance: bench.storage.get('instance'),
        cofferdam_operation: 'op-1',
      };
      assert.deepEqual(posted(bench, '/v1/checkout/sessions'), [
        {
          mode: 'payment',
          line_items: [
            {
              quantity: '1',
              price_data: {
                currency: 'eur',
                unit_amount: '1999',
                product_data: { name: 'Invoice 42' },
              },
            },
          ],
          client_reference_id: '42',
          success_url: 'https://panel.example/invoices/42',
          cancel_url: 'https://panel.example/invoices/42?cancelled',
          metadata: marks,
          adaptive_pricing: { enabled: 'false' },
          payment_intent_data: { metadata: marks, description: 'Invoice 42' },
          customer_email: 'ada@example.com',
        },
      ]);
    },
  );

  it('sends the key in the header only, with the pinned API version', options, async () => {
    const bench = await startBench();
    await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    for (const { headers, params, path } of bench.fake.requests) {
      assert.equal(headers['authorization'], `Bearer ${SECRET_KEY}`);
      assert.equal(headers['stripe-version'], '2026-10-28.endive');
      assert.ok(!JSON.stringify([params, path]).includes('sk_test'));
    }
  });

  it('repeats with the same idempotency keys when an operation is repeated', options, async () => {
    const bench = await startBench();
    const call = { operationId: 'op-7' };
    bench.fake.beforeNext(() => undefined);
    bench.fake.loseNextReply();
    await failureOf(extension.pay(paymentOf(invoiceOf(1999)), bench.context(call)), 'unavailable');
    const result = await extension.pay(paymentOf(invoiceOf(1999)), bench.context(call));
    assert.equal(result.kind, 'redirect');
    assert.equal(bench.fake.all('checkout.session').length, 1);
    const keys = bench.fake.requests
      .filter(({ path }) => path === '/v1/checkout/sessions')
      .map(({ headers }) => headers['idempotency-key']);
    assert.deepEqual(keys, ['op-7:checkout', 'op-7:checkout']);
  });

  it(
    'shows the same page on every visit instead of starting another payment',
    options,
    async () => {
      const bench = await startBench();
      const first = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
      const second = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
      assert.deepEqual(second, first);
      assert.equal(bench.fake.all('checkout.session').length, 1);
    },
  );

  it('closes the page of an amount that changed before it opens the next', options, async () => {
    const bench = await startBench();
    await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    await extension.pay(paymentOf(invoiceOf(2999)), bench.context());
    assert.deepEqual(
      bench.fake
        .all('checkout.session')
        .map((session) => [session['amount_total'], session['status']]),
      [
        [1999, 'expired'],
        [2999, 'open'],
      ],
    );
  });

  it(
    'reports a payment whose webhook has not come instead of taking it twice',
    options,
    async () => {
      const bench = await startBench();
      const page = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
      assert.ok(page.kind === 'redirect' && page.externalId);
      const session = bench.fake.completeCheckout(page.externalId);
      assert.deepEqual(await extension.pay(paymentOf(invoiceOf(1999)), bench.context()), {
        kind: 'done',
        facts: [
          {
            externalId: session['payment_intent'],
            kind: 'payment',
            state: 'succeeded',
            amountMinor: 1999,
            currency: 'EUR',
            invoiceId: '42',
          },
        ],
      });
    },
  );

  it('reports the payment made while it closed the page', options, async () => {
    const bench = await startBench();
    const page = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    const { externalId } = page;
    bench.fake.beforeNext(() => undefined);
    bench.fake.beforeNext(() => void bench.fake.completeCheckout(externalId));
    const result = await extension.pay(paymentOf(invoiceOf(2999)), bench.context());
    assert.ok(result.kind === 'done');
    assert.equal(result.facts?.[0]?.amountMinor, 1999);
  });

  it('takes the second part of an invoice after the first was reported', options, async () => {
    const bench = await startBench();
    const page = await extension.pay(paymentOf(invoiceOf(2000), 1000), bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    const session = bench.fake.completeCheckout(page.externalId);
    await bench.deliver('checkout.session.completed', session);
    const second = await extension.pay(paymentOf(invoiceOf(2000), 1000), bench.context());
    assert.ok(second.kind === 'redirect' && second.externalId !== page.externalId);
  });

  it('leaves one open page when two visits come at once', options, async () => {
    const bench = await startBench({ saveCustomers: false });
    const [first, second] = await Promise.all([
      extension.pay(paymentOf(invoiceOf(1999)), bench.context()),
      extension.pay(paymentOf(invoiceOf(1999)), bench.context()),
    ]);
    assert.deepEqual(second, first);
    const open = bench.fake.all('checkout.session').filter(({ status }) => status === 'open');
    assert.equal(open.length, 1);
  });

  it('keeps one customer per user', options, async () => {
    const bench = await startBench();
    await extension.pay(paymentOf(invoiceOf(1999, 'EUR', '1')), bench.context());
    await extension.pay(paymentOf(invoiceOf(1999, 'EUR', '2')), bench.context());
    const customers = bench.fake.all('customer');
    assert.deepEqual(
      customers.map(({ email, name }) => [email, name]),
      [['ada@example.com', 'Ada Lovelace']],
    );
    const used = bench.fake.all('checkout.session').map(({ customer }) => customer);
    assert.deepEqual(used, [customers[0]?.id, customers[0]?.id]);
  });

  it('makes a customer again that was deleted at Stripe', options, async () => {
    const bench = await startBench();
    await extension.pay(paymentOf(invoiceOf(1999, 'EUR', '1')), bench.context());
    for (const { id } of bench.fake.all('customer')) bench.fake.objects.delete(id);
    const result = await extension.pay(paymentOf(invoiceOf(1999, 'EUR', '2')), bench.context());
    assert.equal(result.kind, 'redirect');
    assert.equal(bench.fake.all('customer').length, 1);
  });

  it('authorises only when the admin chose to capture by hand', options, async () => {
    const bench = await startBench({ capture: 'manual' });
    await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    const [params] = posted(bench, '/v1/checkout/sessions');
    assert.equal((params?.['payment_intent_data'] as JsonObject)['capture_method'], 'manual');
  });

  for (const amountMinor of [0, -100]) {
    it(`refuses to start a payment over ${amountMinor}`, options, async () => {
      const bench = await startBench();
      await failureOf(
        extension.pay(paymentOf(invoiceOf(amountMinor)), bench.context()),
        'invalid_input',
      );
      assert.deepEqual(bench.fake.requests, []);
    });
  }
});

describe('stripe subscriptions', () => {
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

describe('stripe charge', () => {
  const charge = (bench: Bench, id: string, type?: string): Promise<MoneyResult> => {
    const invoice = invoiceOf(1999);
    const input = { invoice, amount: invoice.total, agreement: agreement(bench, id, type) };
    return extension.charge(input, bench.context());
  };

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
    const bench = await startBench();
    const result = await charge(bench, 'pm_card_authenticationRequired');
    const [intent] = bench.fake.all('payment_intent');
    assert.deepEqual(result, {
      status: 'requires_action',
      externalId: intent?.id,
      clientSecret: intent?.['client_secret'],
    });
  });

  it('cancels a charge that waits before the invoice is paid on the page', options, async () => {
    const bench = await startBench();
    await charge(bench, 'pm_card_authenticationRequired');
    const result = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    assert.equal(result.kind, 'redirect');
    assert.equal(bench.fake.all('payment_intent')[0]?.['status'], 'canceled');
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
    const input = { user: USER, returnUrl: 'https://panel.example/account', currency: 'EUR' };
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
      const input = { user: USER, returnUrl: 'https://panel.example/account', currency: 'EUR' };
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

describe('stripe connection and failures', () => {
  it('tells test mode from live mode', options, async () => {
    const bench = await startBench();
    const result = await extension.testConnection(bench.context());
    assert.deepEqual(result, { ok: true, message: 'Connected to Stripe in test mode' });
  });

  for (const [key, pattern, remedy] of [
    ['sk_test_wrong', /Invalid API Key/, /valid secret key/],
    [NARROW_KEY, /required permissions/, /restricted key/],
  ] as const) {
    it(
      `answers a test with ${key.slice(0, 13)}… by a remedy, not an exception`,
      options,
      async () => {
        const bench = await startBench({}, { key });
        const result = await extension.testConnection(bench.context());
        assert.equal(result.ok, false);
        assert.match(result.message ?? '', pattern);
        assert.match(result.remedy ?? '', remedy);
      },
    );
  }

  for (const [what, answer, code] of [
    ['an HTML 502 page', { status: 502, text: '<html>Bad gateway</html>' }, 'unavailable'],
    [
      'too many requests',
      {
        status: 429,
        body: {
          error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Slow down' },
        },
        headers: { 'retry-after': '3' },
      },
      'rate_limited',
    ],
    [
      'a lock',
      {
        status: 409,
        body: {
          error: { type: 'idempotency_error', code: 'idempotency_key_in_use', message: 'In use' },
        },
      },
      'locked',
    ],
    [
      'a fault of its own',
      { status: 500, body: { error: { type: 'api_error', message: 'Sorry' } } },
      'unavailable',
    ],
  ] as const) {
    it(`reports ${what} as ${code}, to be repeated`, options, async () => {
      const bench = await startBench();
      bench.fake.answerNext(answer);
      const transaction = { externalId: 'pi_1', invoiceId: '42', amount: invoiceOf(1999).total };
      const input = { transaction, amount: transaction.amount };
      const error = await extension
        .refund(input, bench.context())
        .catch((reason: unknown) => reason);
      assert.ok(isFailure(error, code), String(error));
      assert.equal(error.failure.retriable, true);
      if (code === 'rate_limited') assert.equal(error.failure.retryAfterMs, 3_000);
    });
  }

  it('passes on what the host refused, word for word', options, async () => {
    const bench = await startBench();
    const refusal = Object.assign(new Error('Host not granted'), { code: 'EGRESS_NOT_GRANTED' });
    const ctx = { ...bench.context(), fetch: () => Promise.reject(refusal) };
    await assert.rejects(extension.testConnection(ctx), (error) => error === refusal);
  });

  it('puts neither key nor placeholder in a failure or a log line', options, async () => {
    const bench = await startBench();
    const ctx = bench.context();
    const transaction = { externalId: 'pi_none', invoiceId: '42', amount: invoiceOf(1999).total };
    const message = await failureOf(
      extension.refund({ transaction, amount: transaction.amount }, ctx),
      'not_found',
    );
    const seen = JSON.stringify([message, ctx.logs]);
    assert.ok(
      ![SECRET_KEY, SIGNING_SECRET, ctx.config.secretKey].some((text) => seen.includes(text)),
    );
  });
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
