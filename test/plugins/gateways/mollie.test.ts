// Mollie: its pages, what its webhook means for the ledger, the connection, and how failures are told.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import manifest from '../../../plugins/gateways/mollie/manifest.json' with { type: 'json' };
import { manifestSchema } from '../../../sdk/manifest.ts';
import { failedWith, invoiceOf, paymentOf } from '../../contract/money.ts';
import { API_KEY, loadMollieCheck, webhookRequest } from '../../vendors/mollie/fake.ts';
import {
  action,
  createBench,
  extension,
  openPage,
  payOnPage,
  startBench,
  WEBHOOK_URL,
} from '../../vendors/mollie/setup.ts';
import type { Bench } from '../../vendors/mollie/setup.ts';

const options = { timeout: 20_000 };
const posts = (bench: Bench, path: string) =>
  bench.fake.requests.filter((request) => request.method === 'POST' && request.path === path);

describe('mollie manifest and requests', () => {
  it('asks for one host, and lets the key out in a header only', options, () => {
    const { capabilities, secrets } = manifestSchema.parse(manifest);
    assert.deepEqual(capabilities?.fetch?.hosts, ['api.mollie.com']);
    assert.deepEqual(secrets, { apiKey: { hosts: ['api.mollie.com'], in: ['header'] } });
    assert.deepEqual(extension.config.shape.apiKey.meta()?.['startsWith'], ['test_', 'live_']);
  });

  it('is tried against Mollie’s own description, which notices mistakes', options, (test) => {
    const check = loadMollieCheck();
    if (check === undefined) {
      console.log('skip: ../shared/specs/mollie.yaml is absent');
      return test.skip();
    }
    const problems = (method: string, path: string, json?: unknown, query = ''): number =>
      check({
        ...{ method, path, json, body: JSON.stringify(json) ?? '', headers: {} },
        query: new URLSearchParams(query),
      }).length;
    const payment = {
      amount: { currency: 'EUR', value: '19.99' },
      description: 'x',
      redirectUrl: 'https://panel.example',
    };
    assert.deepEqual(
      [
        problems('POST', '/v2/payments', payment),
        problems('POST', '/v2/payments', { ...payment, amount: { currency: 'EUR', value: 19.99 } }),
        problems('POST', '/v2/payments', { ...payment, webhook: 'https://panel.example' }),
        problems('POST', '/v2/payment', payment),
        problems('GET', '/v2/methods', undefined, 'amount[value]=1.00&amount[currency]=EUR'),
        problems('GET', '/v2/methods', undefined, 'amount[vale]=1.00'),
        problems('GET', '/v2/payments', undefined, 'limit=251'),
      ].map((count) => count > 0),
      [false, true, true, true, false, true, true],
    );
  });
});

describe('mollie pay', () => {
  it('opens a page over the exact amount, marked with the invoice', options, async () => {
    const bench = await startBench();
    const result = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    const [id] = bench.fake.state.payments.keys();
    assert.deepEqual(result, {
      kind: 'redirect',
      url: `https://www.mollie.com/checkout/select-method/${id}`,
      externalId: id,
    });
    assert.deepEqual(posts(bench, '/v2/payments')[0]?.json, {
      amount: { currency: 'EUR', value: '19.99' },
      description: 'Invoice 42',
      metadata: { cofferdam: `${String(bench.storage.get('instance'))}.42` },
      webhookUrl: WEBHOOK_URL,
      redirectUrl: 'https://panel.example/invoices/42',
      cancelUrl: 'https://panel.example/invoices/42?cancelled',
    });
  });

  for (const [amountMinor, currency, value] of [
    [500, 'JPY', '500'],
    [500, 'ISK', '500'],
    [50_050, 'HUF', '500.50'],
    [1, 'EUR', '0.01'],
    [9_007_199_254_740_991, 'USD', '90071992547409.91'],
  ] as const) {
    it(`writes ${amountMinor} minor units of ${currency} as ${value}`, options, async () => {
      const bench = await startBench();
      const id = await openPage(bench, invoiceOf(amountMinor, currency));
      assert.deepEqual(bench.fake.state.payments.get(id)?.['amount'], { currency, value });
      bench.fake.pay(id);
      const [fact] = await bench.deliver(id);
      assert.deepEqual([fact?.amountMinor, fact?.currency], [amountMinor, currency]);
    });
  }

  for (const currency of ['KWD', 'CLF', 'INR']) {
    it(`refuses ${currency} before it asks Mollie`, options, async () => {
      const bench = await startBench();
      const payment = paymentOf(invoiceOf(1_234, currency));
      await failedWith(extension.pay(payment, bench.context()), 'unsupported');
      const { ok } = await extension.canUse({ amount: payment.amount }, bench.context());
      assert.equal(ok, false);
      assert.deepEqual(bench.fake.requests, []);
    });
  }

  it('says before the sale when no method takes the amount', options, async () => {
    const bench = await startBench();
    const ask = (currency: string, recurring: boolean) =>
      extension.canUse({ amount: { amountMinor: 1000, currency }, recurring }, bench.context());
    assert.deepEqual(await ask('EUR', true), { ok: true });
    assert.deepEqual(await ask('BRL', false), {
      ok: false,
      reason: 'No method of this Mollie profile takes 10.00 BRL',
    });
    assert.equal(bench.fake.requests[0]?.query.get('sequenceType'), 'first');
  });

  it('repeats under the same idempotency key when an operation is repeated', options, async () => {
    const bench = await startBench();
    const call = { operationId: 'op-7' };
    bench.fake.loseReply(/POST \/v2\/payments$/);
    const payment = paymentOf(invoiceOf(1999));
    await failedWith(extension.pay(payment, bench.context(call)), 'unavailable');
    assert.equal((await extension.pay(payment, bench.context(call))).kind, 'redirect');
    assert.equal(bench.fake.state.payments.size, 1);
    const [first, second] = posts(bench, '/v2/payments');
    assert.equal(first?.headers['idempotency-key'], second?.headers['idempotency-key']);
  });

  it('leaves one open page when two visits come at once', options, async () => {
    const bench = await startBench();
    const pay = () => extension.pay(paymentOf(invoiceOf(1999)), bench.context());
    const [first, second] = await Promise.all([pay(), pay()]);
    assert.deepEqual(second, first);
    const open = [...bench.fake.state.payments.values()].filter(({ status }) => status === 'open');
    assert.equal(open.length, 1);
  });

  it('closes the page of an amount that changed before it opens the next', options, async () => {
    const bench = await startBench();
    const old = await openPage(bench, invoiceOf(1999));
    await openPage(bench, invoiceOf(2999));
    assert.equal(bench.fake.state.payments.get(old)?.['status'], 'canceled');
  });

  it('opens no second page beside one that cannot be cancelled', options, async () => {
    const bench = await startBench();
    bench.fake.state.isCancelable = false;
    await openPage(bench, invoiceOf(1999));
    const { remedy } = await failedWith(
      extension.pay(paymentOf(invoiceOf(2999)), bench.context()),
      'locked',
    );
    assert.match(remedy ?? '', /expires/);
    assert.equal(bench.fake.state.payments.size, 1);
  });

  it('reports the payment made while it closed the page', options, async () => {
    const bench = await startBench();
    const old = await openPage(bench, invoiceOf(1999));
    bench.fake.beforeNext(/DELETE/, () => void bench.fake.pay(old));
    const result = await extension.pay(paymentOf(invoiceOf(2999)), bench.context());
    assert.ok(result.kind === 'done');
    assert.equal(result.facts?.[0]?.amountMinor, 1999);
  });

  for (const status of ['failed', 'canceled', 'expired'] as const) {
    it(`opens a new page after one that ${status}`, options, async () => {
      const bench = await startBench();
      const old = await openPage(bench, invoiceOf(1999));
      bench.fake.end(old, status);
      assert.notEqual(await openPage(bench, invoiceOf(1999)), old);
    });
  }

  it(
    'reports a payment whose webhook has not come instead of taking it twice',
    options,
    async () => {
      const bench = await startBench();
      const id = await openPage(bench, invoiceOf(1999));
      bench.fake.pay(id);
      assert.deepEqual(await extension.pay(paymentOf(invoiceOf(1999)), bench.context()), {
        kind: 'done',
        facts: [
          {
            externalId: id,
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

  for (const amountMinor of [0, -100]) {
    it(`refuses to start a payment over ${amountMinor}`, options, async () => {
      const bench = await startBench();
      const payment = paymentOf(invoiceOf(amountMinor));
      await failedWith(extension.pay(payment, bench.context()), 'invalid_input');
      assert.deepEqual(bench.fake.requests, []);
    });
  }
});

describe('mollie webhook', () => {
  for (const [what, body, encoding] of [
    ['a way out of the path', 'id=../customers', 'utf8'],
    ['an encoded way out', 'id=tr_1%2F..%2F..%2Fcustomers', 'utf8'],
    ['a query', 'id=tr_1?embed=x', 'utf8'],
    ['another kind of object', 'id=cst_8wmqcHMN4U', 'utf8'],
    ['two ids', 'id=tr_1&id=tr_2', 'utf8'],
    ['nothing', '', 'utf8'],
    ['no form', '{"id":"tr_1"}', 'utf8'],
    ['a long id', `id=tr_${'a'.repeat(61)}`, 'utf8'],
    ['a long body', `id=tr_1&x=${'a'.repeat(200)}`, 'utf8'],
    ['a binary body', btoa('id=tr_1\xff'), 'base64'],
  ] as const) {
    it(`refuses ${what}, and asks nobody`, options, async () => {
      const bench = await startBench();
      const request = webhookRequest(body, { bodyEncoding: encoding });
      await failedWith(extension.webhook(request, bench.context()), 'unauthorized');
      assert.deepEqual(bench.fake.requests, []);
    });
  }

  it('believes what Mollie says of a payment, not what the delivery says', options, async () => {
    const bench = await startBench();
    const id = await openPage(bench, invoiceOf(1999));
    const forged = webhookRequest(`id=${id}&status=paid&amount=1.00`);
    assert.deepEqual(await extension.webhook(forged, bench.context()), { facts: [] });
  });

  it('answers unknown ids and payments of another shop alike: with nothing', options, async () => {
    const bench = await startBench();
    const other = await createBench({}, { fake: bench.fake });
    const { externalId } = await payOnPage(other, invoiceOf(1999));
    bench.fake.state.payments.set('tr_plain', {
      ...bench.fake.state.payments.get(externalId),
      id: 'tr_plain',
      metadata: { invoice_id: '42' },
    });
    for (const id of [externalId, 'tr_plain', 'tr_unknown']) {
      assert.deepEqual(await bench.deliver(id), [], id);
    }
  });

  it('asks to be told again when Mollie cannot be asked', options, async () => {
    const bench = await startBench();
    const id = await openPage(bench, invoiceOf(1999));
    bench.fake.answerNext(/GET \/v2\/payments/, { status: 502, html: '<html>down</html>' });
    const delivery = extension.webhook(webhookRequest(`id=${id}`), bench.context());
    await assert.rejects(delivery, { code: 'REMOTE_UNREACHABLE' });
  });

  for (const [status, state] of [
    ['pending', 'processing'],
    ['failed', 'failed'],
    ['canceled', 'failed'],
    ['expired', 'failed'],
  ] as const) {
    it(`tells a payment that is ${status} as ${state}`, options, async () => {
      const bench = await startBench();
      const id = await openPage(bench, invoiceOf(1999));
      bench.fake.end(id, status);
      assert.deepEqual(
        (await bench.deliver(id)).map((fact) => fact.state),
        [state],
      );
    });
  }

  it('tells refunds and chargebacks with the payment they belong to', options, async () => {
    const bench = await startBench();
    const transaction = await payOnPage(bench, invoiceOf(1999));
    const { externalId: id } = transaction;
    const refund = async (amountMinor: number) =>
      extension.refund({ transaction, amount: { amountMinor, currency: 'EUR' } }, bench.context());
    const told = async () =>
      (await bench.deliver(id)).map((fact) => [fact.kind, fact.state, fact.amountMinor]);
    assert.equal((await refund(999)).status, 'pending');
    assert.deepEqual(await told(), [
      ['payment', 'succeeded', 1999],
      ['refund', 'processing', 999],
    ]);
    bench.fake.sendRefunds();
    await refund(1000);
    bench.fake.sendRefunds();
    assert.deepEqual(await told(), [
      ['payment', 'refunded', 1999],
      ['refund', 'refunded', 999],
      ['refund', 'refunded', 1000],
    ]);
    const chargeback = bench.fake.chargeback(id);
    assert.deepEqual((await told()).at(-1), ['dispute', 'disputed', 1999]);
    chargeback['reversedAt'] = '2026-11-24T00:00:00Z';
    assert.deepEqual((await told()).at(-1), ['dispute', 'failed', 1999]);
    const facts = await bench.deliver(id);
    assert.ok(
      facts.slice(1).every((fact) => fact.relatedExternalId === id && fact.invoiceId === '42'),
    );
  });

  it('refuses an amount that is none', options, async () => {
    const bench = await startBench();
    const id = await openPage(bench, invoiceOf(1999));
    bench.fake.pay(id);
    Object.assign(bench.fake.state.payments.get(id) ?? {}, {
      amount: { currency: 'EUR', value: '19.999' },
    });
    await failedWith(bench.deliver(id), 'invalid_response');
  });
});

describe('mollie connection', () => {
  it('counts the methods of the profile, and shows them', options, async () => {
    const bench = await startBench();
    const good = { ok: true, message: 'Connected to Mollie with 3 payment methods' };
    assert.deepEqual(await extension.testConnection(bench.context()), good);
    const subject = invoiceOf(1);
    const shown = await action('methods').run({ subject, values: {} }, bench.context());
    assert.deepEqual(shown, {
      data: [
        { id: 'creditcard', name: 'Card' },
        { id: 'ideal', name: 'iDEAL' },
        { id: 'directdebit', name: 'SEPA' },
      ],
    });
  });

  it('sends the key in the header and nowhere else', options, async () => {
    const bench = await startBench();
    await payOnPage(bench, invoiceOf(1999));
    for (const { headers, path, body, query } of bench.fake.requests) {
      assert.equal(headers['authorization'], `Bearer ${API_KEY}`);
      assert.ok(!`${path} ${query.toString()} ${body}`.includes(API_KEY));
    }
  });

  it('names the field that Mollie refuses', options, async () => {
    const bench = await startBench();
    bench.fake.answerNext(/POST \/v2\/payments/, {
      status: 422,
      json: { status: 422, title: 'Unprocessable Entity', detail: 'Bad URL', field: 'webhookUrl' },
    });
    const { message } = await failedWith(
      extension.pay(paymentOf(invoiceOf(1999)), bench.context()),
      'rejected',
    );
    assert.match(message, /Bad URL, field webhookUrl/);
  });
});
