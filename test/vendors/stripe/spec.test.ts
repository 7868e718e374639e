// The extension's requests and the fake's objects against Stripe's own descriptions.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { TestContext } from 'node:test';

import { ADA, invoiceOf, paymentOf } from '../../contract/money.ts';
import { makeDispute } from './objects.ts';
import type { StripeObject } from './objects.ts';
import { agreement, extension, payOnPage, startBench } from './setup.ts';
import type { Bench } from './setup.ts';
import { loadFieldCheck, loadRequestCheck } from './spec.ts';

const options = { timeout: 60_000 };
const webhookUrl = 'https://panel.example/hooks/gateways/stripe/default';

/** Makes the extension send one of every request that it can send. */
async function sendEverything(): Promise<Bench[]> {
  const user = {
    ...ADA,
    phone: '+4420',
    locale: 'en-GB',
    address: { line1: '1 Main Street', city: 'London', postcode: 'N1', country: 'GB' },
  };
  const plain = await startBench({ webhookSecret: '' });
  const context = () => plain.context({ webhookUrl });
  await extension.onEnable(context());
  await extension.onConfigChange({}, context());
  await extension.testConnection(context());
  await extension.pay({ ...paymentOf(invoiceOf(1999)), user }, context());
  await extension.pay(paymentOf(invoiceOf(2999)), context());
  const setup = { user, returnUrl: 'https://panel.example/account', currency: 'EUR' };
  const page = await extension.createBillingAgreement(setup, context());
  assert.ok(page.kind === 'redirect' && page.externalId);
  plain.fake.completeCheckout(page.externalId);
  await extension.reconcile({ externalId: page.externalId }, context());
  const method = agreement(plain, 'pm_card_visa');
  const invoice = invoiceOf(500, 'EUR', '50');
  await extension.charge({ invoice, amount: invoice.total, agreement: method }, context());
  await extension.cancelBillingAgreement({ agreement: method }, context());
  await extension.reconcile({ since: '2026-01-01T00:00:00Z' }, context());
  await extension.onDisable(context());

  const manual = await startBench({ capture: 'manual', saveCustomers: false });
  const transaction = await payOnPage(manual, invoiceOf(1999), 'authorised');
  await extension.capture({ transaction }, manual.context());
  const amount = { amountMinor: 500, currency: 'EUR' };
  await extension.refund({ transaction, amount, reason: 'duplicate' }, manual.context());
  await extension.refund({ transaction, amount, reason: 'because' }, manual.context());
  const voided = await payOnPage(manual, invoiceOf(1999, 'EUR', '43'), 'authorised');
  await extension.void({ transaction: voided }, manual.context());
  manual.fake.add(makeDispute(manual.fake.all('charge')[0] ?? assert.fail('no charge'), 'lost'));

  const renewing = await startBench({ mode: 'subscription' });
  const items = invoiceOf(1000).items.map((item) => ({
    ...item,
    recurring: { interval: 'month', count: 1 } as const,
  }));
  const first = await extension.pay(paymentOf({ ...invoiceOf(1000), items }), renewing.context());
  assert.ok(first.kind === 'redirect' && first.externalId);
  const id = String(renewing.fake.completeCheckout(first.externalId)['subscription']);
  await extension.cancelSubscription({ externalId: id, atPeriodEnd: true }, renewing.context());
  await extension.cancelSubscription({ externalId: id }, renewing.context());
  return [plain, manual, renewing];
}

function skip(test: TestContext, file: string): void {
  console.log(`skip: ../shared/specs/${file} is absent`);
  test.skip();
}

describe('stripe against its own descriptions', () => {
  it('sends only requests that Stripe describes', options, async (test) => {
    const check = loadRequestCheck();
    if (check === undefined) return skip(test, 'stripe-spec3-2023.yaml');
    const requests = (await sendEverything()).flatMap(({ fake }) => fake.requests);
    assert.deepEqual(requests.flatMap(check), []);
    assert.ok(new Set(requests.map(({ method, path }) => `${method} ${path}`)).size > 20);
  });

  it('would notice a parameter that Stripe does not know, or of a wrong type', options, (test) => {
    const check = loadRequestCheck();
    if (check === undefined) return skip(test, 'stripe-spec3-2023.yaml');
    const post = (path: string, params: Parameters<typeof check>[0]['params']): number =>
      check({ method: 'POST', path, params, headers: {} }).length;
    const intent = { amount: '1999', currency: 'eur' };
    assert.deepEqual(
      [
        post('/v1/payment_intents', intent),
        post('/v1/payment_intents', { ...intent, amout: '1' }),
        post('/v1/payment_intents', { ...intent, amount: '19.99' }),
        post('/v1/payment_intents', { ...intent, automatic_payment_methods: { on: 'true' } }),
        post('/v1/payment_intent', intent),
      ].map((problems) => problems > 0),
      [false, true, true, true, true],
    );
  });

  it('is tried on objects that have only fields of Stripe’s', options, async (test) => {
    const check = loadFieldCheck();
    if (check === undefined) return skip(test, 'stripe-fixtures3.json');
    const objects = (await sendEverything()).flatMap(({ fake }) => [...fake.objects.values()]);
    const problems = new Set(objects.flatMap((object: StripeObject) => check(object)));
    assert.deepEqual([...problems], []);
  });
});
