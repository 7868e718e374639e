// Stripe: the pages that take payments, the connection, and how failures are told.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { JsonObject } from 'cofferdam/sdk';

import { failedWith, invoiceOf, paymentOf } from '../../contract/money.ts';
import manifest from '../../../plugins/gateways/stripe/manifest.json' with { type: 'json' };
import { manifestSchema } from '../../../sdk/manifest.ts';
import { NARROW_KEY, SECRET_KEY } from '../../vendors/stripe/fake.ts';
import {
  extension,
  failureOf,
  posted,
  SIGNING_SECRET,
  startBench,
} from '../../vendors/stripe/setup.ts';

const options = { timeout: 10_000 };

describe('stripe manifest and config', () => {
  it('asks for one host and keeps signing secrets from leaving at all', options, () => {
    const { capabilities, secrets } = manifestSchema.parse(manifest);
    assert.deepEqual(capabilities?.fetch?.hosts, ['api.stripe.com']);
    assert.deepEqual(secrets, {
      secretKey: { hosts: ['api.stripe.com'], in: ['header'] },
      webhookSecret: { hosts: [], in: [] },
      endpointSecret: {
        hosts: [],
        in: [],
        earned: {
          path: '/v1/webhook_endpoints',
          method: 'POST',
          json: 'secret',
          from: ['api.stripe.com'],
        },
      },
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

describe('stripe connection and failures', () => {
  it('tells test mode from live mode', options, async () => {
    const bench = await startBench();
    const result = await extension.testConnection(bench.context());
    assert.deepEqual(result, { ok: true, message: 'Connected to Stripe in test mode' });
  });

  it('notices keys of different modes', options, async () => {
    const bench = await startBench({ publishableKey: 'pk_live_1' });
    const { ok, remedy } = await extension.testConnection(bench.context());
    assert.deepEqual([ok, /same|both/i.test(remedy ?? '')], [false, true]);
  });

  for (const [key, pattern, remedy] of [
    ['sk_test_wrong', /Invalid API Key/, /valid secret key/],
    [NARROW_KEY, /required permissions/, /restricted key/],
  ] as const) {
    it(`says of a test with ${key.slice(0, 13)}… what to do`, options, async () => {
      const bench = await startBench({}, { key });
      const test = extension.testConnection(bench.context());
      const failure = await failedWith(test, ['unauthorized', 'forbidden']);
      assert.match(failure.message, pattern);
      assert.match(failure.remedy ?? '', remedy);
    });
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
