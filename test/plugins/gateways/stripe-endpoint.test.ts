// Stripe: the webhook endpoint that the extension keeps, and the events of subscriptions.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { JsonObject } from 'cofferdam/sdk';

import { invoiceOf, paymentOf } from '../../contract/money.ts';
import { signEvent } from '../../vendors/stripe/fake.ts';
import { makeIntent } from '../../vendors/stripe/objects.ts';
import type { StripeObject } from '../../vendors/stripe/objects.ts';
import { endpointSecret } from '../../vendors/stripe/routes.ts';
import { extension, startBench } from '../../vendors/stripe/setup.ts';
import type { Bench } from '../../vendors/stripe/setup.ts';

const options = { timeout: 10_000 };

describe('stripe webhook for subscriptions', () => {
  const monthly = { interval: 'month', count: 1 } as const;

  async function subscribe(bench: Bench): Promise<StripeObject> {
    const invoice = invoiceOf(1000);
    const items = invoice.items.map((item) => ({ ...item, recurring: monthly }));
    const page = await extension.pay(paymentOf({ ...invoice, items }), bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    return bench.fake.completeCheckout(page.externalId);
  }

  it('tells the subscription and its first payment with the invoice', options, async () => {
    const bench = await startBench({ mode: 'subscription' });
    const session = await subscribe(bench);
    const facts = await bench.deliver('checkout.session.completed', session);
    const [intent] = bench.fake.all('payment_intent');
    const about = { amountMinor: 1000, currency: 'EUR', invoiceId: '42', state: 'succeeded' };
    assert.deepEqual(facts, [
      {
        ...about,
        externalId: session['subscription'],
        kind: 'token',
        relatedExternalId: session.id,
      },
      {
        ...about,
        externalId: intent?.id,
        kind: 'payment',
        relatedExternalId: session['subscription'],
      },
    ]);
    const invoice = bench.fake.object('invoice', session['invoice']);
    assert.deepEqual(await bench.deliver('invoice.paid', invoice), facts.slice(1));
  });

  it('tells a renewal by its subscription, not by the first invoice', options, async () => {
    const bench = await startBench({ mode: 'subscription' });
    const session = await subscribe(bench);
    const renewal = bench.fake.renewSubscription(String(session['subscription']), 1000, 'eur');
    const [fact] = await bench.deliver('invoice.paid', renewal);
    assert.deepEqual(fact, {
      externalId: bench.fake.all('payment_intent').at(-1)?.id,
      kind: 'payment',
      state: 'succeeded',
      amountMinor: 1000,
      currency: 'EUR',
      relatedExternalId: session['subscription'],
    });
  });

  it('tells nothing for an invoice over nothing, or of another shop', options, async () => {
    const bench = await startBench({ mode: 'subscription' });
    const session = await subscribe(bench);
    const invoice = bench.fake.object('invoice', session['invoice']);
    assert.deepEqual(await bench.deliver('invoice.paid', { ...invoice, amount_paid: 0 }), []);
    assert.deepEqual(await bench.deliver('invoice.paid', { ...invoice, parent: null }), []);
  });
});

describe('stripe webhook endpoint', () => {
  const intent = makeIntent({ amount: 1999, currency: 'eur', metadata: { invoice_id: '42' } });
  const processing = { ...intent, status: 'processing' };
  const webhookUrl = 'https://panel.example/hooks/gateways/stripe/default';
  const manual = { webhookSecret: '' };

  it('makes the endpoint on enabling, and believes what it then sends', options, async () => {
    const bench = await startBench(manual);
    await extension.onEnable(bench.context({ webhookUrl }));
    const [endpoint] = bench.fake.all('webhook_endpoint');
    assert.deepEqual(
      [endpoint?.['url'], endpoint?.['api_version']],
      [webhookUrl, '2026-10-28.endive'],
    );
    const event = { type: 'payment_intent.processing', object: processing };
    const secret = endpointSecret(endpoint?.id ?? '');
    assert.equal((await bench.webhook(await signEvent(event, { secret }))).facts.length, 1);
  });

  it('asks Stripe for every event that it reads', options, async () => {
    const bench = await startBench(manual);
    await extension.onEnable(bench.context({ webhookUrl }));
    const [endpoint] = bench.fake.all('webhook_endpoint');
    const events = endpoint?.['enabled_events'] as string[];
    for (const type of [
      'checkout.session.completed',
      'charge.dispute.created',
      'refund.failed',
      'invoice.paid',
    ]) {
      assert.ok(events.includes(type), type);
    }
  });

  it(
    'keeps one endpoint however often it is enabled, beyond the first page of the list',
    options,
    async () => {
      const bench = await startBench(manual);
      await extension.onEnable(bench.context({ webhookUrl }));
      const [first] = bench.fake.all('webhook_endpoint');
      for (let count = 0; count < 120; count += 1) {
        bench.fake.add({
          id: `we_other${count}`,
          object: 'webhook_endpoint',
          metadata: {},
          created: 9e9,
        });
      }
      await extension.onEnable(bench.context({ webhookUrl: `${webhookUrl}2` }));
      await extension.onConfigChange({}, bench.context({ webhookUrl: `${webhookUrl}2` }));
      const ours = bench.fake
        .all('webhook_endpoint')
        .filter(({ id }) => !id.startsWith('we_other'));
      assert.deepEqual(
        ours.map(({ id, url }) => [id, url]),
        [[first?.id, `${webhookUrl}2`]],
      );
    },
  );

  it('replaces an endpoint of its own whose secret is lost, and no other', options, async () => {
    const bench = await startBench(manual);
    await extension.onEnable(bench.context({ webhookUrl }));
    bench.fake.add({
      id: 'we_shop',
      object: 'webhook_endpoint',
      metadata: {},
      url: 'https://shop.example',
    });
    bench.storage.delete('endpoint');
    await extension.onEnable(bench.context({ webhookUrl }));
    const left = bench.fake.all('webhook_endpoint');
    assert.deepEqual(left.map(({ url }) => url).toSorted(), [webhookUrl, 'https://shop.example']);
    const stored = bench.storage.get('endpoint') as JsonObject;
    assert.ok(left.some(({ id }) => id === stored['id']));
  });

  it('removes on disabling what it made, also when it is gone already', options, async () => {
    const bench = await startBench(manual);
    await extension.onEnable(bench.context({ webhookUrl }));
    const [endpoint] = bench.fake.all('webhook_endpoint');
    bench.fake.objects.delete(endpoint?.id ?? '');
    await extension.onDisable(bench.context());
    await extension.onDisable(bench.context());
    assert.deepEqual(bench.fake.all('webhook_endpoint'), []);
  });

  it(
    'makes none without a public address, or when the admin entered a secret',
    options,
    async () => {
      const bench = await startBench(manual);
      await extension.onEnable(bench.context());
      const byHand = await startBench();
      await extension.onEnable(byHand.context({ webhookUrl }));
      assert.deepEqual([bench.fake.requests, byHand.fake.requests], [[], []]);
    },
  );
});
