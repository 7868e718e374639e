// PayPal: the pages that take payments, the connection, and how failures are told.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import manifest from '../../../plugins/gateways/paypal/manifest.json' with { type: 'json' };
import { manifestSchema } from '../../../sdk/manifest.ts';
import { failedWith, invoiceOf, paymentOf } from '../../contract/money.ts';
import { CLIENT_ID, CLIENT_SECRET } from '../../vendors/paypal/fake.ts';
import {
  createBench,
  extension,
  openPage,
  payOnPage,
  startBench,
} from '../../vendors/paypal/setup.ts';
import { loadPayPalCheck } from '../../vendors/paypal/spec.ts';

const options = { timeout: 10_000 };

const sent = (requests: readonly { method: string; path: string }[], at: string) =>
  requests.filter(({ method, path }) => `${method} ${path}` === at);

describe('paypal manifest and requests', () => {
  it(
    'asks for PayPal’s two hosts, lets the secret out in Basic only, has its token sealed',
    options,
    () => {
      const { capabilities, secrets } = manifestSchema.parse(manifest);
      const hosts = ['api-m.paypal.com', 'api-m.sandbox.paypal.com'];
      assert.deepEqual(capabilities?.fetch?.hosts, hosts);
      const earned = {
        path: '/v1/oauth2/token',
        json: 'access_token',
        expiresIn: 'expires_in',
      };
      assert.deepEqual(secrets, {
        clientSecret: { hosts, in: ['basic'] },
        accessToken: { hosts, in: ['header'], earned },
      });
    },
  );

  it('is tried against PayPal’s own description, which notices mistakes', options, (test) => {
    const check = loadPayPalCheck();
    if (check === undefined) {
      console.log('skip: ../shared/specs/paypal is absent');
      return test.skip();
    }
    const problems = (path: string, json: unknown, query = ''): number =>
      check({
        ...{ method: 'POST', path, json, body: JSON.stringify(json), headers: {} },
        query: new URLSearchParams(query),
      }).length;
    const unit = { amount: { currency_code: 'EUR', value: '19.99' } };
    const order = { intent: 'CAPTURE', purchase_units: [unit] };
    assert.deepEqual(
      [
        problems('/v2/checkout/orders', order),
        problems('/v2/checkout/orders', { ...order, intent: 'TAKE' }),
        problems('/v2/checkout/orders', { ...order, purchase_units: [{ ...unit, custm_id: 'x' }] }),
        problems('/v2/checkout/orders', { ...order, purchase_units: [{ amount: { value: 1 } }] }),
        problems('/v2/checkout/order', order),
        problems('/v2/checkout/orders', order, 'fields=x'),
      ].map((count) => count > 0),
      [false, true, true, true, true, true],
    );
  });
});

describe('paypal pay', () => {
  it('opens a page over the exact amount, marked with the invoice', options, async () => {
    const bench = await startBench({ brandName: 'Dry Dock' });
    const result = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    const [request, ...others] = sent(bench.fake.requests, 'POST /v2/checkout/orders');
    assert.deepEqual(others, []);
    const [order] = bench.fake.state.orders.values();
    assert.deepEqual(result, {
      kind: 'redirect',
      url: `https://www.sandbox.paypal.com/checkoutnow?token=${order?.['id']}`,
      externalId: order?.['id'],
    });
    assert.deepEqual((request as { json?: unknown } | undefined)?.json, {
      intent: 'CAPTURE',
      purchase_units: [
        {
          custom_id: `${String(bench.storage.get('instance'))}.42`,
          description: 'Invoice 42',
          amount: { currency_code: 'EUR', value: '19.99' },
        },
      ],
      payment_source: {
        paypal: {
          experience_context: {
            shipping_preference: 'NO_SHIPPING',
            user_action: 'PAY_NOW',
            return_url: 'https://panel.example/invoices/42',
            cancel_url: 'https://panel.example/invoices/42?cancelled',
            brand_name: 'Dry Dock',
          },
        },
      },
    });
  });

  for (const [amountMinor, currency, value] of [
    [500, 'JPY', '500'],
    [1, 'EUR', '0.01'],
    [50_000, 'HUF', '500'],
    [10_000, 'TWD', '100'],
    [9_007_199_254_740_991, 'USD', '90071992547409.91'],
  ] as const) {
    it(`writes ${amountMinor} minor units of ${currency} as ${value}`, options, async () => {
      const bench = await startBench();
      const order = await openPage(bench, invoiceOf(amountMinor, currency));
      const [unit] = bench.fake.state.orders.get(order)?.['purchase_units'];
      assert.deepEqual(unit.amount, { currency_code: currency, value });
      const [fact] = await bench.deliver('CHECKOUT.ORDER.APPROVED', bench.fake.approve(order));
      assert.deepEqual([fact?.amountMinor, fact?.currency], [amountMinor, currency]);
    });
  }

  for (const [amountMinor, currency] of [
    [1_234, 'KWD'],
    [50_050, 'HUF'],
    [101, 'TWD'],
    [1_000, 'INR'],
  ] as const) {
    it(
      `refuses ${amountMinor} minor units of ${currency} before it asks PayPal`,
      options,
      async () => {
        const bench = await startBench();
        const amount = { amountMinor, currency };
        await failedWith(
          extension.pay(paymentOf(invoiceOf(amountMinor, currency)), bench.context()),
          'unsupported',
        );
        assert.equal((await extension.canUse({ amount }, bench.context())).ok, false);
        assert.deepEqual(bench.fake.requests, []);
      },
    );
  }

  it('repeats under the same request id when an operation is repeated', options, async () => {
    const bench = await startBench();
    const call = { operationId: 'op-7 with a name that is longer than thirty-six characters' };
    bench.fake.loseReply(/POST \/v2\/checkout\/orders/);
    const payment = paymentOf(invoiceOf(1999));
    await failedWith(extension.pay(payment, bench.context(call)), 'unavailable');
    const result = await extension.pay(payment, bench.context(call));
    assert.equal(result.kind, 'redirect');
    assert.equal(bench.fake.state.orders.size, 1);
    const ids = sent(bench.fake.requests, 'POST /v2/checkout/orders').map(
      (request) => (request as { headers?: any }).headers['paypal-request-id'],
    );
    assert.equal(ids.length, 2);
    assert.equal(ids[0], ids[1]);
    assert.match(ids[0], /^[0-9a-f]{32}$/);
  });

  it('shows the same page on every visit, one page to two at once', options, async () => {
    const bench = await startBench();
    const pay = () => extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    const [first, second] = await Promise.all([pay(), pay()]);
    assert.deepEqual(second, first);
    assert.deepEqual(await pay(), first);
  });

  it(
    'captures what was approved when the customer comes back before the event',
    options,
    async () => {
      const bench = await startBench();
      bench.fake.approve(await openPage(bench, invoiceOf(1999)));
      const result = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
      const [capture] = bench.fake.state.captures.values();
      assert.deepEqual(result, {
        kind: 'done',
        facts: [
          {
            externalId: capture?.['id'],
            kind: 'payment',
            state: 'succeeded',
            amountMinor: 1999,
            currency: 'EUR',
            invoiceId: '42',
            feeMinor: 100,
          },
        ],
      });
    },
  );

  it('never captures the page of an amount that has changed since', options, async () => {
    const bench = await startBench();
    const old = await openPage(bench, invoiceOf(1999));
    const current = await openPage(bench, invoiceOf(2999));
    assert.notEqual(current, old);
    const approved = bench.fake.approve(old);
    assert.deepEqual(await bench.deliver('CHECKOUT.ORDER.APPROVED', approved), []);
    assert.equal(bench.fake.state.captures.size, 0);
    const [fact] = await bench.deliver('CHECKOUT.ORDER.APPROVED', bench.fake.approve(current));
    assert.equal(fact?.amountMinor, 2999);
  });

  it('opens a new page when PayPal declined what was approved', options, async () => {
    const bench = await startBench();
    const first = await openPage(bench, invoiceOf(1999));
    bench.fake.approve(first);
    bench.fake.state.nextCapture = 'INSTRUMENT_DECLINED';
    assert.notEqual(await openPage(bench, invoiceOf(1999)), first);
  });

  it('takes the second part of an invoice after the first was reported', options, async () => {
    const bench = await startBench();
    const order = bench.fake.approve(await openPage(bench, invoiceOf(2000), 1000));
    const [fact] = await bench.deliver('CHECKOUT.ORDER.APPROVED', order);
    const capture = bench.fake.state.captures.get(fact?.externalId ?? '') ?? {};
    await bench.deliver('PAYMENT.CAPTURE.COMPLETED', capture);
    assert.notEqual(await openPage(bench, invoiceOf(2000), 1000), order['id']);
  });

  for (const amountMinor of [0, -100]) {
    it(`refuses to start a payment over ${amountMinor}`, options, async () => {
      const bench = await startBench();
      const payment = paymentOf(invoiceOf(amountMinor));
      await failedWith(extension.pay(payment, bench.context()), 'invalid_input');
      assert.deepEqual(bench.fake.requests, []);
    });
  }

  it('refuses an invoice id that its mark cannot carry', options, async () => {
    const bench = await startBench();
    for (const id of ['', 'x'.repeat(115), 'é']) {
      const payment = paymentOf(invoiceOf(1999, 'EUR', id));
      await failedWith(extension.pay(payment, bench.context()), 'invalid_input');
    }
    assert.equal((await openPage(bench, invoiceOf(1999, 'EUR', 'x'.repeat(114)))).length, 17);
  });
});

describe('paypal connection', () => {
  it('says that a good connection is good, and asks for a token to prove it', options, async () => {
    const bench = await startBench({ webhookId: '' });
    const good = { ok: true, message: 'Connected to PayPal (sandbox)' };
    assert.deepEqual(await extension.testConnection(bench.context()), good);
    assert.deepEqual(await extension.testConnection(bench.context()), good);
    assert.equal(sent(bench.fake.requests, 'POST /v1/oauth2/token').length, 2);
  });

  it('notices a webhook id that the app does not have', options, async () => {
    const bench = await startBench();
    const { ok, message } = await extension.testConnection(bench.context());
    assert.equal(ok, false);
    assert.match(message ?? '', /no webhook with the id "WH1234567890ABCDE"/);
  });

  it(
    'keeps one token for many calls, and gets one new one when PayPal ends it',
    options,
    async () => {
      const bench = await startBench();
      await payOnPage(bench, invoiceOf(1999, 'EUR', '1'));
      await payOnPage(bench, invoiceOf(1999, 'EUR', '2'));
      assert.equal(sent(bench.fake.requests, 'POST /v1/oauth2/token').length, 1);
      bench.fake.revokeTokens();
      await openPage(bench, invoiceOf(1999, 'EUR', '3'));
      assert.equal(sent(bench.fake.requests, 'POST /v1/oauth2/token').length, 2);
    },
  );

  it('does not use the token of other credentials', options, async () => {
    const bench = await startBench();
    await openPage(bench, invoiceOf(1999));
    const other = await createBench(
      { clientId: 'another' },
      { fake: bench.fake, storage: bench.storage },
    );
    const test = extension.testConnection(other.context());
    const { remedy } = await failedWith(test, 'unauthorized');
    assert.match(remedy ?? '', /client id and secret/);
  });

  it('puts the secret in Basic of the token request, and nowhere else', options, async () => {
    const bench = await startBench();
    const ctx = bench.context();
    await extension.pay(paymentOf(invoiceOf(1999)), ctx);
    for (const { path, headers, body } of bench.fake.requests) {
      const basic = `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}`;
      assert.equal(headers['authorization'] === basic, path === '/v1/oauth2/token');
      assert.ok(!`${path} ${body}`.includes(CLIENT_SECRET));
    }
  });

  it('passes on what the host refused, word for word', options, async () => {
    const bench = await startBench();
    const refusal = Object.assign(new Error('Host not granted'), { code: 'EGRESS_NOT_GRANTED' });
    const ctx = { ...bench.context(), fetch: () => Promise.reject(refusal) };
    await assert.rejects(extension.testConnection(ctx), (error) => error === refusal);
  });

  it('tells PayPal’s issue, its field and the debug id', options, async () => {
    const bench = await startBench();
    const transaction = { externalId: 'NONE', invoiceId: '42', amount: invoiceOf(1999).total };
    const input = { transaction, amount: transaction.amount };
    const { message } = await failedWith(extension.refund(input, bench.context()), 'not_found');
    assert.match(message, /404: INVALID_RESOURCE_ID.*debug id f0a1b2c3d4e5/);
  });
});
