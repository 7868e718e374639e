// The claims about gateways, run for each that is shipped and has a vendor.

import assert from 'node:assert/strict';

import ipnDefinition from '../../../plugins/gateways/paypal-ipn/extension.ts';
import mollieDefinition from '../../../plugins/gateways/mollie/extension.ts';
import paypalDefinition from '../../../plugins/gateways/paypal/extension.ts';
import stripeDefinition from '../../../plugins/gateways/stripe/extension.ts';
import { claimGateway } from '../../contract/gateway.ts';
import { paymentOf, invoiceOf } from '../../contract/money.ts';
import type { GatewaySubject, ScriptedReply } from '../../contract/payer.ts';
import type { Vendor } from '../../contract/vendor.ts';
import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import { createTestWebhooks } from '../../helpers/webhooks.ts';
import * as mollie from '../../vendors/mollie/setup.ts';
import { API_KEY, webhookRequest as mollieRequest } from '../../vendors/mollie/fake.ts';
import { CLIENT_SECRET } from '../../vendors/paypal/fake.ts';
import * as paypal from '../../vendors/paypal/setup.ts';
import { deliveryOf } from '../../vendors/paypal-ipn/fake.ts';
import * as ipn from '../../vendors/paypal-ipn/setup.ts';
import { SECRET_KEY, signEvent, startFakeStripe } from '../../vendors/stripe/fake.ts';
import * as stripe from '../../vendors/stripe/setup.ts';

const SEALED_KEY = 'sealed:4b1f0d8c2e6a9735';
const text = (minor: number): string =>
  `${Math.trunc(minor / 100)}.${String(minor % 100).padStart(2, '0')}`;

/** Requests as text, without the header that carries the credentials. */
function seenBy(requests: Vendor['requests']): string[] {
  return requests.map(({ method, path, query, body, headers }) => {
    const { authorization: _credentials, ...rest } = headers;
    return `${method} ${path}?${query.toString()} ${JSON.stringify(rest)} ${body}`;
  });
}

const touchPay =
  (pay: (payment: any, context: any) => Promise<unknown>): GatewaySubject['touch'] =>
  (context) =>
    pay(paymentOf(invoiceOf(1999, 'EUR', 'touched')), context);

claimGateway({
  name: 'paypal',
  definition: paypalDefinition,
  secrets: [CLIENT_SECRET],
  async start() {
    const bench = await paypal.createBench({ webhookId: '' });
    const wrong = await paypal.createBench(
      { webhookId: '' },
      { fake: bench.fake, secret: 'wrong' },
    );
    bench.storage.set('webhook', paypal.WEBHOOK_ID);
    const { fake } = bench;
    const event = (type: string, resource: object) =>
      fake.event(type, structuredClone(resource), paypal.WEBHOOK_ID);
    return {
      context: ({ isWrong = false, ...call } = {}) => (isWrong ? wrong : bench).context(call),
      answerNext: (reply) => fake.answerNext(/./, reply),
      touch: touchPay(paypal.extension.pay),
      async payOnPage(page, paid) {
        assert.ok(page.kind === 'redirect' && page.externalId);
        const order = fake.approve(page.externalId);
        if (paid !== undefined) {
          const amount = { currency_code: paid.currency, value: text(paid.amountMinor) };
          order['purchase_units'][0].amount = amount;
        }
        const approved = event('CHECKOUT.ORDER.APPROVED', order);
        const { facts } = await paypal.extension.webhook(approved, bench.context());
        const capture = fake.state.captures.get(facts[0]?.externalId ?? '');
        return [approved, ...(capture ? [event('PAYMENT.CAPTURE.COMPLETED', capture)] : [])];
      },
      async giveBack({ externalId, invoiceId = '' }, amount) {
        const transaction = { externalId, invoiceId, amount };
        const made = await paypal.extension.refund({ transaction, amount }, bench.context());
        assert.ok(made.status === 'done');
        return [event('PAYMENT.CAPTURE.REFUNDED', fake.state.refunds.get(made.externalId) ?? {})];
      },
      forge: (genuine) => [
        { ...genuine, body: genuine.body.replace('"42"', '"43"').concat('\n') },
        { ...genuine, headers: { ...genuine.headers, 'paypal-transmission-sig': 'forged' } },
        { ...genuine, headers: { ...genuine.headers, 'paypal-cert-url': 'https://evil.example/' } },
        fake.event('CHECKOUT.ORDER.APPROVED', {}, 'ANOTHER'),
      ],
      seen: () => seenBy(fake.requests),
      [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
    };
  },
});

claimGateway({
  name: 'mollie',
  definition: mollieDefinition,
  secrets: [API_KEY],
  async start() {
    const bench = await mollie.createBench();
    const wrong = await mollie.createBench({}, { fake: bench.fake, key: 'test_wrong' });
    const { fake } = bench;
    return {
      context: ({ isWrong = false, ...call } = {}) => (isWrong ? wrong : bench).context(call),
      answerNext: (reply) => fake.answerNext(/./, reply),
      touch: touchPay(mollie.extension.pay),
      async payOnPage(page, paid) {
        assert.ok(page.kind === 'redirect' && page.externalId);
        const payment = fake.state.payments.get(page.externalId);
        assert.ok(payment);
        if (paid !== undefined) {
          payment['amount'] = { currency: paid.currency, value: text(paid.amountMinor) };
        }
        fake.pay(page.externalId);
        return [mollieRequest(`id=${page.externalId}`)];
      },
      async giveBack({ externalId, invoiceId = '' }, amount) {
        const transaction = { externalId, invoiceId, amount };
        await mollie.extension.refund({ transaction, amount }, bench.context());
        fake.sendRefunds();
        return [mollieRequest(`id=${externalId}`)];
      },
      forge: () => [
        mollieRequest('id=../customers'),
        mollieRequest('id=tr_unknown'),
        mollieRequest('id=tr_1&id=tr_2'),
      ],
      seen: () => seenBy(fake.requests),
      [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
    };
  },
});

claimGateway({
  name: 'paypal-ipn',
  definition: ipnDefinition,
  secrets: [],
  async start() {
    const bench = await ipn.createBench();
    const { fake } = bench;
    const payments = new Map<string, ReturnType<typeof fake.pay>>();
    return {
      context: ({ isWrong: _none, ...call } = {}) => bench.context(call),
      answerNext: (reply) => fake.answerNext(/./, reply),
      touch: (context) => ipn.extension.webhook(deliveryOf('txn_id=1'), context),
      async payOnPage(page, paid) {
        assert.ok(page.kind === 'redirect');
        const fields = paid && { mc_gross: text(paid.amountMinor), mc_currency: paid.currency };
        const fee = { mc_fee: '1' };
        const told = fake.pay(page.url, { ...fee, ...fields });
        const pending = fake.send(told.body.replace('Completed', 'Pending'));
        payments.set(new URLSearchParams(told.body).get('txn_id') ?? '', told);
        return [told, pending];
      },
      async giveBack({ externalId }, amount) {
        const payment = payments.get(externalId);
        assert.ok(payment);
        const mc_gross = `-${text(amount.amountMinor)}`;
        return [fake.follow(payment, { payment_status: 'Refunded', mc_gross })];
      },
      forge: (genuine) => [
        deliveryOf(genuine.body.replace('19.99', '1.00')),
        deliveryOf(`${genuine.body}&x=1`),
        deliveryOf(''),
      ],
      seen: () => seenBy(fake.requests),
      [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
    };
  },
});

claimGateway({
  name: 'stripe',
  definition: stripeDefinition,
  secrets: [SECRET_KEY],
  async start() {
    const fake = await startFakeStripe();
    const storage = new Map();
    const values = { secretKey: SEALED_KEY, webhookSecret: 'whsec_contract', saveCustomers: false };
    const config = stripe.extension.config.parse(values);
    const contextOf = (key: string, call = {}) => {
      const fetch = createVendorFetch({
        origins: { 'https://api.stripe.com': fake.origin },
        sealed: { [SEALED_KEY]: key },
      });
      const webhooks = createTestWebhooks(fetch);
      return createTestContext({ config, storage, call, fetch, webhooks });
    };
    const event = (type: string, object: object) =>
      signEvent({ type, object: structuredClone(object) }, { secret: 'whsec_contract' });
    return {
      context: ({ isWrong = false, ...call } = {}) =>
        contextOf(isWrong ? 'sk_test_wrong' : SECRET_KEY, call),
      answerNext: ({ status, json, html, headers }: ScriptedReply) =>
        fake.answerNext({
          status,
          // In Stripe's own shape: its SDK reads nothing else.
          ...(json === undefined
            ? {}
            : { body: { error: { type: 'api_error', message: 'Busy' } } }),
          ...(html === undefined ? {} : { text: html }),
          ...(headers === undefined ? {} : { headers: { ...headers } }),
        }),
      touch: touchPay(stripe.extension.pay),
      async payOnPage(page, paid) {
        assert.ok(page.kind === 'redirect' && page.externalId);
        const session = fake.object('checkout.session', page.externalId);
        if (paid !== undefined) {
          const currency = paid.currency.toLowerCase();
          Object.assign(session, { amount_total: paid.amountMinor, currency });
        }
        const done = fake.completeCheckout(page.externalId);
        const intent = fake.object('payment_intent', done['payment_intent']);
        return [
          await event('checkout.session.completed', done),
          await event('payment_intent.succeeded', intent),
        ];
      },
      async giveBack({ externalId, invoiceId = '' }, amount) {
        const transaction = { externalId, invoiceId, amount };
        const context = contextOf(SECRET_KEY);
        const made = await stripe.extension.refund({ transaction, amount }, context);
        assert.ok(made.status === 'done');
        return [await event('refund.created', fake.object('refund', made.externalId))];
      },
      forge: (genuine) => [
        { ...genuine, body: genuine.body.replace('1999', '1') },
        { ...genuine, headers: {} },
        { ...genuine, headers: { 'stripe-signature': 't=1,v1=00' } },
      ],
      seen: () =>
        fake.requests.map(({ method, path, params, headers }) => {
          const { authorization: _credentials, ...rest } = headers;
          return `${method} ${path} ${JSON.stringify([params, rest])}`;
        }),
      [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
    };
  },
});
