// Stripe's webhook: which deliveries are believed, and what each event means for the ledger.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';
import type { WebhookRequest } from 'cofferdam/sdk';

import { invoiceOf, paymentOf } from '../../contract/money.ts';
import { signEvent, webhookRequest } from '../../vendors/stripe/fake.ts';
import {
  makeBalanceTransaction,
  makeCharge,
  makeDispute,
  makeIntent,
  makeRefund,
} from '../../vendors/stripe/objects.ts';
import type { StripeObject } from '../../vendors/stripe/objects.ts';
import { extension, SIGNING_SECRET, startBench } from '../../vendors/stripe/setup.ts';
import type { Bench } from '../../vendors/stripe/setup.ts';

const options = { timeout: 10_000 };
const MINUTE = 60_000;

function intentOf(values: object = {}): StripeObject {
  const metadata = { invoice_id: '42' };
  return { ...makeIntent({ amount: 1999, currency: 'eur', metadata }), ...values };
}

async function refusalOf(bench: Bench, request: WebhookRequest): Promise<string> {
  const error = await bench.webhook(request).then(
    ({ facts }) => assert.fail(`believed: ${JSON.stringify(facts)}`),
    (reason: unknown) => reason,
  );
  assert.ok(isFailure(error, 'unauthorized'), String(error));
  assert.deepEqual(bench.fake.requests, []);
  return error.failure.message;
}

describe('stripe webhook verification', () => {
  const paid = {
    type: 'payment_intent.succeeded',
    object: intentOf({ status: 'succeeded', amount_received: 1999 }),
  };

  it('believes an event that the official SDK signed', options, async () => {
    const bench = await startBench();
    const { facts } = await bench.webhook(await signEvent(paid, { secret: SIGNING_SECRET }));
    assert.deepEqual(facts, [
      {
        externalId: paid.object.id,
        kind: 'payment',
        state: 'succeeded',
        amountMinor: 1999,
        currency: 'EUR',
        invoiceId: '42',
      },
    ]);
  });

  it('believes a header with two v1 signatures while the secret is rotated', options, async () => {
    const bench = await startBench();
    const request = await signEvent(paid, { secret: SIGNING_SECRET });
    const [time, right] = (request.headers['stripe-signature'] ?? '').split(',');
    for (const pair of [
      [right, `v1=${'0'.repeat(64)}`],
      [`v1=${'0'.repeat(64)}`, right],
    ]) {
      const headers = {
        ...request.headers,
        'stripe-signature': [time, ...pair, 'v0=abc'].join(','),
      };
      assert.equal((await bench.webhook({ ...request, headers })).facts.length, 1);
    }
  });

  it('believes a delivery that waited in the queue for an hour', options, async () => {
    const bench = await startBench();
    const hourAgo = Date.now() - 60 * MINUTE;
    const how = { secret: SIGNING_SECRET, signedAt: hourAgo, receivedAt: hourAgo + 1_000 };
    assert.equal((await bench.webhook(await signEvent(paid, how))).facts.length, 1);
  });

  it('refuses one that was signed ten minutes before it came in', options, async () => {
    const bench = await startBench();
    const how = {
      secret: SIGNING_SECRET,
      signedAt: Date.now() - 10 * MINUTE,
      receivedAt: Date.now(),
    };
    assert.match(await refusalOf(bench, await signEvent(paid, how)), /too old/);
  });

  it('refuses everything while there is no signing secret', options, async () => {
    for (const webhookSecret of ['', '   ']) {
      const bench = await startBench({ webhookSecret });
      const request = await signEvent(paid, { secret: webhookSecret || 'x' });
      assert.match(await refusalOf(bench, request), /no signing secret/);
    }
  });

  it('refuses an event without a signature, or signed with another secret', options, async () => {
    const bench = await startBench();
    const { body } = await signEvent(paid, { secret: 'whsec_other' });
    await refusalOf(bench, webhookRequest(body, undefined, Date.now()));
    await refusalOf(bench, webhookRequest(body, 't=1,v1=', Date.now()));
    await refusalOf(bench, webhookRequest(body, 'v1', Date.now()));
    await refusalOf(bench, await signEvent(paid, { secret: 'whsec_other' }));
    await refusalOf(bench, await signEvent(paid, { secret: `${SIGNING_SECRET} ` }));
  });

  it('refuses a body in which one byte was changed', options, async () => {
    const bench = await startBench();
    const request = await signEvent(paid, { secret: SIGNING_SECRET });
    await refusalOf(bench, { ...request, body: request.body.replace('1999', '9999') });
    await refusalOf(bench, { ...request, body: `${request.body}\n` });
  });

  const signed = async (content: object): Promise<WebhookRequest> => {
    const request = await signEvent(paid, { secret: SIGNING_SECRET });
    const { default: Stripe } = await import('stripe');
    const payload = JSON.stringify(content);
    const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
      payload,
      secret: SIGNING_SECRET,
    });
    return { ...request, body: payload, headers: { 'stripe-signature': signature } };
  };

  it('says that thin events are of no use to it', options, async () => {
    const bench = await startBench();
    const thin = await signed({ object: 'v2.core.event', id: 'evt_1' });
    await assert.rejects(bench.webhook(thin), (error) => isFailure(error, 'invalid_input'));
  });

  it('acknowledges what is no event: Stripe would send it for days', options, async () => {
    const bench = await startBench();
    assert.deepEqual(await bench.webhook(await signed({ id: 'evt_1', type: 'x' })), { facts: [] });
  });
});

describe('stripe webhook facts', () => {
  it('tells a finished page as paid only when Stripe says it is paid', options, async () => {
    for (const [outcome, state] of [
      ['paid', 'succeeded'],
      ['unpaid', 'processing'],
    ] as const) {
      const bench = await startBench();
      const page = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
      assert.ok(page.kind === 'redirect' && page.externalId);
      const session = bench.fake.completeCheckout(page.externalId, outcome);
      assert.deepEqual(await bench.deliver('checkout.session.completed', session), [
        {
          externalId: session['payment_intent'],
          kind: 'payment',
          state,
          amountMinor: 1999,
          currency: 'EUR',
          invoiceId: '42',
        },
      ]);
    }
  });

  it('follows a bank payment to its end, late or lost', options, async () => {
    for (const [event, status, state] of [
      ['checkout.session.async_payment_succeeded', 'paid', 'succeeded'],
      ['checkout.session.async_payment_failed', 'unpaid', 'failed'],
    ] as const) {
      const bench = await startBench();
      const page = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
      assert.ok(page.kind === 'redirect' && page.externalId);
      const session = bench.fake.completeCheckout(page.externalId, 'unpaid');
      const facts = await bench.deliver(event, { ...session, payment_status: status });
      assert.deepEqual(
        facts.map((fact) => fact.state),
        [state],
      );
    }
  });

  for (const [type, values, state] of [
    ['payment_intent.processing', { status: 'processing' }, 'processing'],
    ['payment_intent.amount_capturable_updated', { status: 'requires_capture' }, 'processing'],
    [
      'payment_intent.payment_failed',
      { status: 'requires_payment_method', last_payment_error: { code: 'card_declined' } },
      'failed',
    ],
    ['payment_intent.canceled', { status: 'canceled' }, 'failed'],
  ] as const) {
    it(`tells ${type} as ${state}`, options, async () => {
      const bench = await startBench();
      const facts = await bench.deliver(type, intentOf(values));
      assert.deepEqual(
        facts.map((fact) => [fact.state, fact.amountMinor]),
        [[state, 1999]],
      );
    });
  }

  it('tells the same fact for an event that comes twice', options, async () => {
    const bench = await startBench();
    const event = {
      id: 'evt_same',
      type: 'payment_intent.processing',
      object: intentOf({ status: 'processing' }),
    };
    const request = await signEvent(event, { secret: SIGNING_SECRET });
    assert.deepEqual(await bench.webhook(request), await bench.webhook(request));
  });

  it(
    'tells a processing event that comes late under the id of the payment it follows',
    options,
    async () => {
      const bench = await startBench();
      const intent = intentOf({ status: 'processing' });
      const paid = { ...intent, status: 'succeeded', amount_received: 1999 };
      const [first] = await bench.deliver('payment_intent.succeeded', paid);
      const [late] = await bench.deliver('payment_intent.processing', intent);
      // One id, one amount: the host, whose ledger only moves forward, keeps the first.
      assert.deepEqual({ ...late, state: 'succeeded' }, first);
    },
  );

  it('ignores a payment method that was stored for another instance', options, async () => {
    const bench = await startBench();
    const metadata = { user_id: '7', cofferdam_instance: 'another' };
    const setup = {
      id: 'seti_1',
      object: 'setup_intent',
      status: 'succeeded',
      payment_method: 'pm_1',
    };
    const facts = await bench.deliver('setup_intent.succeeded', { ...setup, metadata });
    assert.deepEqual(facts, []);
  });

  it('tells what was received, not what was asked for', options, async () => {
    const bench = await startBench();
    const intent = intentOf({ status: 'succeeded', amount_received: 1500 });
    const [fact] = await bench.deliver('payment_intent.succeeded', intent);
    assert.equal(fact?.amountMinor, 1500);
  });

  it('brings the fee along, and later when it comes later', options, async () => {
    const bench = await startBench();
    const intent = bench.fake.add(intentOf({ status: 'succeeded', amount_received: 1999 }));
    const charge = bench.fake.add(makeCharge(intent, true));
    intent['latest_charge'] = charge.id;
    const [early] = await bench.deliver('payment_intent.succeeded', intent);
    assert.equal(early?.feeMinor, undefined);
    const transaction = makeBalanceTransaction(charge, { amount: 85, currency: 'eur' });
    charge['balance_transaction'] = bench.fake.add(transaction).id;
    const [late] = await bench.deliver('charge.updated', charge);
    assert.deepEqual(late, { ...early, feeMinor: 85 });
  });

  it('leaves out a fee in another currency', options, async () => {
    const bench = await startBench();
    const intent = bench.fake.add(intentOf({ status: 'succeeded', amount_received: 1999 }));
    const charge = bench.fake.add(makeCharge(intent, true));
    const transaction = makeBalanceTransaction(charge, { amount: 85, currency: 'usd' });
    charge['balance_transaction'] = bench.fake.add(transaction).id;
    intent['latest_charge'] = charge.id;
    const [fact] = await bench.deliver('payment_intent.succeeded', intent);
    assert.equal(fact?.feeMinor, undefined);
  });

  it('does not lose a payment because its fee cannot be read', options, async () => {
    const bench = await startBench();
    bench.fake.answerNext({
      status: 500,
      body: { error: { type: 'api_error', message: 'Sorry' } },
    });
    const intent = intentOf({ status: 'succeeded', amount_received: 1999 });
    const facts = await bench.deliver('payment_intent.succeeded', intent);
    assert.deepEqual(
      facts.map(({ state }) => state),
      ['succeeded'],
    );
  });

  it(
    'tells a part given back as a refund, and the payment as refunded at the last of it',
    options,
    async () => {
      const bench = await startBench();
      const charge = makeCharge(intentOf(), true);
      const part = makeRefund(charge, { amount: '500' }, 'succeeded');
      assert.deepEqual(await bench.deliver('refund.created', part), [
        {
          externalId: part.id,
          kind: 'refund',
          state: 'refunded',
          amountMinor: 500,
          currency: 'EUR',
          relatedExternalId: charge['payment_intent'],
        },
      ]);
      assert.deepEqual(
        await bench.deliver('charge.refunded', { ...charge, amount_refunded: 500 }),
        [],
      );
      const whole = { ...charge, amount_refunded: 1999, refunded: true };
      assert.deepEqual(await bench.deliver('charge.refunded', whole), [
        {
          externalId: charge['payment_intent'],
          kind: 'payment',
          state: 'refunded',
          amountMinor: 1999,
          currency: 'EUR',
          invoiceId: '42',
        },
      ]);
    },
  );

  for (const [status, state] of [
    ['pending', 'processing'],
    ['requires_action', 'processing'],
    ['failed', 'failed'],
    ['canceled', 'failed'],
  ] as const) {
    it(`tells a refund that is ${status} as ${state}`, options, async () => {
      const bench = await startBench();
      const refund = makeRefund(makeCharge(intentOf(), true), {}, status);
      const facts = await bench.deliver('refund.updated', refund);
      assert.deepEqual(
        facts.map((fact) => fact.state),
        [state],
      );
    });
  }

  for (const [type, status, state] of [
    ['charge.dispute.created', 'needs_response', 'disputed'],
    ['charge.dispute.created', 'warning_needs_response', 'processing'],
    ['charge.dispute.closed', 'lost', 'disputed'],
    ['charge.dispute.closed', 'won', 'failed'],
    ['charge.dispute.closed', 'warning_closed', 'failed'],
  ] as const) {
    it(`tells ${type} with "${status}" as ${state}`, options, async () => {
      const bench = await startBench();
      const charge = makeCharge(intentOf(), true);
      const dispute = makeDispute(charge, status);
      assert.deepEqual(await bench.deliver(type, dispute), [
        {
          externalId: dispute.id,
          kind: 'dispute',
          state,
          amountMinor: 1999,
          currency: 'EUR',
          relatedExternalId: charge['payment_intent'],
        },
      ]);
    });
  }

  it(
    'ignores the payments of another shop and another panel on the same account',
    options,
    async () => {
      const bench = await startBench();
      const status = { status: 'succeeded', amount_received: 1999 };
      const shop = intentOf({ ...status, metadata: { order: '1' } });
      const panel = intentOf({
        ...status,
        metadata: { invoice_id: '42', cofferdam_instance: 'another' },
      });
      for (const intent of [shop, panel]) {
        assert.deepEqual(await bench.deliver('payment_intent.succeeded', intent), []);
      }
    },
  );

  for (const type of ['customer.created', 'payout.paid', 'something.new']) {
    it(`answers ${type} without a fact`, options, async () => {
      const bench = await startBench();
      assert.deepEqual(await bench.deliver(type, { id: 'x', object: 'customer' }), []);
    });
  }
});
