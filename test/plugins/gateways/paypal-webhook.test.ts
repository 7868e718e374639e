// PayPal's webhook: which deliveries are believed, and what each event means for the ledger.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { WebhookRequest } from 'cofferdam/sdk';

import { failedWith, invoiceOf } from '../../contract/money.ts';
import {
  createBench,
  extension,
  openPage,
  payOnPage,
  startBench,
  WEBHOOK_ID,
} from '../../vendors/paypal/setup.ts';
import type { Bench } from '../../vendors/paypal/setup.ts';

const options = { timeout: 10_000 };

async function captured(bench: Bench): Promise<{ id: string; event: WebhookRequest }> {
  const { externalId: id } = await payOnPage(bench, invoiceOf(1999));
  const capture = bench.fake.state.captures.get(id) ?? {};
  return { id, event: bench.fake.event('PAYMENT.CAPTURE.COMPLETED', capture, WEBHOOK_ID) };
}

describe('paypal webhook verification', () => {
  it('hands PayPal the very bytes that came', options, async () => {
    const bench = await startBench();
    const { id, event } = await captured(bench);
    assert.notEqual(event.body, JSON.stringify(JSON.parse(event.body)));
    const { facts } = await extension.webhook(event, bench.context());
    assert.deepEqual(facts[0]?.externalId, id);
  });

  for (const [what, change] of [
    ['a changed amount', (e: WebhookRequest) => ({ body: e.body.replaceAll('19.99', '1.00') })],
    ['one more space', (e: WebhookRequest) => ({ body: `${e.body} ` })],
    ['a body that is no object', () => ({ body: '[]' })],
    ['a body that is no JSON', () => ({ body: '{"id":' })],
    ['a body that closes the request early', () => ({ body: '{}, "webhook_id": "X"' })],
    [
      'a binary body',
      (e: WebhookRequest) => ({
        body: btoa(e.body.replace('{', '{"\xff":0,')),
        bodyEncoding: 'base64',
      }),
    ],
    ['no signature', (e: WebhookRequest) => header(e, 'paypal-transmission-sig', '')],
    [
      'another time',
      (e: WebhookRequest) => header(e, 'paypal-transmission-time', '2020-01-01T00:00:00Z'),
    ],
    [
      'a certificate of an attacker',
      (e: WebhookRequest) => header(e, 'paypal-cert-url', 'https://evil.example/cert.pem'),
    ],
    [
      'a certificate of a look-alike',
      (e: WebhookRequest) => header(e, 'paypal-cert-url', 'https://api.paypal.com.evil.example/c'),
    ],
    [
      'a certificate behind an @',
      (e: WebhookRequest) => header(e, 'paypal-cert-url', 'https://api.paypal.com@evil.example/c'),
    ],
    [
      'a certificate that PayPal does not know',
      (e: WebhookRequest) => header(e, 'paypal-cert-url', 'https://www.paypal.com/c'),
    ],
    [
      'a header with a line of JSON',
      (e: WebhookRequest) => header(e, 'paypal-auth-algo', 'a","webhook_event":{},"x":"'),
    ],
  ] as const) {
    it(`refuses ${what}`, options, async () => {
      const bench = await startBench();
      const { event } = await captured(bench);
      const request = { ...event, ...change(event) } as WebhookRequest;
      await failedWith(extension.webhook(request, bench.context()), 'unauthorized');
      const asked = new Set(bench.fake.requests.map(({ headers }) => headers['host']));
      assert.deepEqual([...asked], [new URL(bench.fake.origin).host]);
    });
  }

  it('refuses an event that was signed for another webhook', options, async () => {
    const bench = await startBench();
    const event = bench.fake.event('PAYMENT.CAPTURE.COMPLETED', {}, 'WHOTHER');
    await failedWith(extension.webhook(event, bench.context()), 'unauthorized');
  });

  it('believes nothing without a webhook id, and asks nobody', options, async () => {
    const bench = await startBench({ webhookId: '' });
    const event = bench.fake.event('PAYMENT.CAPTURE.COMPLETED', {}, '');
    const { remedy } = await failedWith(extension.webhook(event, bench.context()), 'unauthorized');
    assert.match(remedy ?? '', /Enter the id of the webhook/);
    assert.deepEqual(bench.fake.requests, []);
  });

  it('asks to be told again when PayPal cannot be asked', options, async () => {
    const bench = await startBench();
    const { event } = await captured(bench);
    bench.fake.answerNext(/verify-webhook/, { status: 503, html: '<html>down</html>' });
    const delivery = extension.webhook(event, bench.context());
    await assert.rejects(delivery, { code: 'REMOTE_UNREACHABLE' });
  });

  it('refuses an event whose resource is not what its type promises', options, async () => {
    const bench = await startBench();
    const event = bench.fake.event('PAYMENT.CAPTURE.COMPLETED', { id: 'X' }, WEBHOOK_ID);
    const { message } = await failedWith(
      extension.webhook(event, bench.context()),
      'invalid_response',
    );
    assert.match(message, /PAYMENT.CAPTURE.COMPLETED has no usable "status"/);
  });

  it('knows no fact in an event that it does not know', options, async () => {
    const bench = await startBench();
    assert.deepEqual(await bench.deliver('INVOICING.INVOICE.PAID', { id: 'INV' }), []);
  });
});

function header(event: WebhookRequest, name: string, value: string): Partial<WebhookRequest> {
  return { headers: { ...event.headers, [name]: value } };
}

describe('paypal webhook facts', () => {
  it(
    'captures an approved order once, however often and in what order it is told',
    options,
    async () => {
      const bench = await startBench();
      const order = bench.fake.approve(await openPage(bench, invoiceOf(1999)));
      const event = bench.fake.event('CHECKOUT.ORDER.APPROVED', order, WEBHOOK_ID);
      const [first, second] = await Promise.all([
        extension.webhook(event, bench.context()),
        extension.webhook(event, bench.context()),
      ]);
      const third = await extension.webhook(event, bench.context());
      assert.equal(bench.fake.state.captures.size, 1);
      assert.deepEqual([second.facts, third.facts], [first.facts, first.facts]);
      assert.deepEqual(
        [first.facts[0]?.kind, first.facts[0]?.state, first.facts[0]?.invoiceId],
        ['payment', 'succeeded', '42'],
      );
    },
  );

  it('captures only what PayPal itself calls approved', options, async () => {
    const bench = await startBench();
    const order = await openPage(bench, invoiceOf(1999));
    const told = { ...bench.fake.state.orders.get(order), status: 'APPROVED' };
    assert.deepEqual(await bench.deliver('CHECKOUT.ORDER.APPROVED', told), []);
    assert.equal(bench.fake.state.captures.size, 0);
  });

  it('leaves alone the orders of another shop on the same account', options, async () => {
    const bench = await startBench();
    const other = await createBench({}, { fake: bench.fake });
    const order = bench.fake.approve(await openPage(other, invoiceOf(1999)));
    assert.deepEqual(await bench.deliver('CHECKOUT.ORDER.APPROVED', order), []);
    const [fact] = await other.deliver('CHECKOUT.ORDER.APPROVED', order);
    const capture = bench.fake.state.captures.get(fact?.externalId ?? '') ?? {};
    assert.deepEqual(await bench.deliver('PAYMENT.CAPTURE.COMPLETED', capture), []);
    const dispute = bench.fake.openDispute(fact?.externalId ?? '');
    assert.deepEqual(await bench.deliver('CUSTOMER.DISPUTE.CREATED', dispute), []);
    assert.equal((await other.deliver('CUSTOMER.DISPUTE.CREATED', dispute)).length, 1);
  });

  for (const [status, state] of [
    ['PENDING', 'processing'],
    ['DECLINED', 'failed'],
    ['SOMETHING_NEW', 'processing'],
  ] as const) {
    it(`tells a capture that is ${status} as ${state}`, options, async () => {
      const bench = await startBench();
      const { id } = await captured(bench);
      const capture = { ...bench.fake.state.captures.get(id), status };
      const [fact] = await bench.deliver('PAYMENT.CAPTURE.PENDING', capture);
      assert.deepEqual([fact?.externalId, fact?.state], [id, state]);
    });
  }

  it(
    'tells a part given back as a refund, and the payment when nothing is left',
    options,
    async () => {
      const bench = await startBench();
      const { externalId: id, ...rest } = await payOnPage(bench, invoiceOf(1999));
      const refund = async (amountMinor: number) => {
        const amount = { amountMinor, currency: 'EUR' };
        const input = { transaction: { externalId: id, ...rest }, amount };
        const result = await extension.refund(input, bench.context());
        assert.ok(result.status === 'done');
        const told = bench.fake.state.refunds.get(result.externalId) ?? {};
        return await bench.deliver('PAYMENT.CAPTURE.REFUNDED', told);
      };
      const [part, ...more] = await refund(999);
      assert.deepEqual(more, []);
      assert.deepEqual(
        [part?.kind, part?.state, part?.amountMinor, part?.relatedExternalId],
        ['refund', 'refunded', 999, id],
      );
      const [, payment] = await refund(1000);
      assert.deepEqual(
        [payment?.kind, payment?.state, payment?.amountMinor, payment?.externalId],
        ['payment', 'refunded', 1999, id],
      );
    },
  );

  it(
    'tells money that PayPal took back as a dispute of the payment, not as a refund',
    options,
    async () => {
      const bench = await startBench();
      const { externalId: id } = await payOnPage(bench, invoiceOf(1999));
      const reversal = {
        id: 'REVERSAL',
        status: 'COMPLETED',
        amount: { currency_code: 'EUR', value: '19.99' },
        links: [{ rel: 'up', href: `https://api-m.sandbox.paypal.com/v2/payments/captures/${id}` }],
      };
      const facts = await bench.deliver('PAYMENT.CAPTURE.REVERSED', reversal);
      assert.deepEqual(
        facts.map((fact) => [fact.kind, fact.externalId, fact.state, fact.amountMinor]),
        [['payment', id, 'disputed', 1999]],
      );
    },
  );

  for (const [what, values, state] of [
    ['asked about', { dispute_life_cycle_stage: 'INQUIRY' }, 'processing'],
    ['opened', {}, 'disputed'],
    [
      'lost',
      { status: 'RESOLVED', dispute_outcome: { outcome_code: 'RESOLVED_BUYER_FAVOUR' } },
      'disputed',
    ],
    [
      'won',
      { status: 'RESOLVED', dispute_outcome: { outcome_code: 'RESOLVED_SELLER_FAVOUR' } },
      'failed',
    ],
    [
      'withdrawn',
      { status: 'RESOLVED', dispute_outcome: { outcome_code: 'CANCELED_BY_BUYER' } },
      'failed',
    ],
  ] as const) {
    it(`tells a dispute that is ${what} as ${state}`, options, async () => {
      const bench = await startBench();
      const { externalId: id } = await payOnPage(bench, invoiceOf(1999));
      const dispute = bench.fake.openDispute(id, values);
      assert.deepEqual(await bench.deliver('CUSTOMER.DISPUTE.UPDATED', dispute), [
        {
          externalId: dispute['dispute_id'],
          kind: 'dispute',
          state,
          amountMinor: 1999,
          currency: 'EUR',
          relatedExternalId: id,
          invoiceId: '42',
        },
      ]);
    });
  }
});

describe('paypal webhook endpoint', () => {
  const webhookUrl = 'https://panel.example/hooks/gateways/paypal/default';

  it(
    'makes the webhook on enabling, keeps it in step, and removes it on disabling',
    options,
    async () => {
      const bench = await startBench({ webhookId: '' });
      await extension.onEnable(bench.context({ webhookUrl }));
      const [made] = bench.fake.state.webhooks.values();
      assert.equal(made?.['url'], webhookUrl);
      assert.ok(made?.['event_types'].length > 20);
      const event = bench.fake.event('INVOICING.INVOICE.PAID', { id: 'INV' }, made?.['id']);
      assert.deepEqual(await extension.webhook(event, bench.context()), { facts: [] });
      const moved = 'https://new.example/hooks/gateways/paypal/default';
      await extension.onConfigChange({}, bench.context({ webhookUrl: moved }));
      assert.deepEqual(
        [...bench.fake.state.webhooks.values()].map(({ id, url }) => [id, url]),
        [[made?.['id'], moved]],
      );
      await extension.onDisable(bench.context());
      await extension.onDisable(bench.context());
      assert.equal(bench.fake.state.webhooks.size, 0);
    },
  );

  it('takes over the webhook that an earlier life of this instance left', options, async () => {
    const bench = await startBench({ webhookId: '' });
    await extension.onEnable(bench.context({ webhookUrl }));
    bench.storage.delete('webhook');
    await extension.onEnable(bench.context({ webhookUrl }));
    assert.equal(bench.fake.state.webhooks.size, 1);
    assert.equal(bench.storage.get('webhook'), [...bench.fake.state.webhooks.keys()][0]);
  });

  it(
    'makes none without a public address, and drops its own for one made by hand',
    options,
    async () => {
      const bench = await startBench({ webhookId: '' });
      await extension.onEnable(bench.context());
      assert.equal(bench.fake.state.webhooks.size, 0);
      await extension.onEnable(bench.context({ webhookUrl }));
      const byHand = await createBench({}, { fake: bench.fake, storage: bench.storage });
      await extension.onConfigChange({}, byHand.context({ webhookUrl }));
      assert.equal(bench.fake.state.webhooks.size, 0);
    },
  );
});
