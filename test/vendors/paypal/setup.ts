// One PayPal extension with a fake PayPal of its own, for the tests of the extension.

import assert from 'node:assert/strict';
import { after } from 'node:test';

import type { Fact, Invoice, Json, JsonObject, Transaction } from 'cofferdam/sdk';

import definition from '../../../plugins/gateways/paypal/extension.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { createTestWebhooks } from '../../helpers/webhooks.ts';
import { paymentOf } from '../../contract/money.ts';
import { CLIENT_ID, CLIENT_SECRET, startFakePayPal } from './fake.ts';
import type { FakePayPal } from './fake.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

/** What its handlers get as `config`. */
export type PayPalConfig = Parameters<typeof extension.testConnection>[0]['config'];

export const SEALED = 'sealed:7c1d5e9a3b2f4608';
export const WEBHOOK_ID = 'WH1234567890ABCDE';

/** The running pair. `context()` makes a call; all calls share one storage. */
export type Bench = AsyncDisposable & {
  readonly fake: FakePayPal;
  readonly storage: Map<string, Json>;
  context(call?: {
    readonly operationId?: string;
    readonly webhookUrl?: string;
    readonly signal?: AbortSignal;
  }): TestContext<PayPalConfig>;
  /** Sends an event about an object, signed, and returns what the extension made of it. */
  deliver(type: string, resource: object): Promise<readonly Fact[]>;
};

/** Starts the pair; whoever starts it ends it. */
export async function createBench(
  values: JsonObject = {},
  options: {
    readonly secret?: string;
    readonly fake?: FakePayPal;
    storage?: Map<string, Json>;
  } = {},
): Promise<Bench> {
  const form = {
    environment: 'sandbox',
    clientId: CLIENT_ID,
    clientSecret: SEALED,
    webhookId: WEBHOOK_ID,
  };
  const config = extension.config.parse({ ...form, ...values });
  const fake = options.fake ?? (await startFakePayPal());
  const storage = options.storage ?? new Map<string, Json>();
  const fetch = createVendorFetch({
    origins: { 'https://api-m.sandbox.paypal.com': fake.origin },
    sealed: { [SEALED]: options.secret ?? CLIENT_SECRET },
  });
  const webhooks = createTestWebhooks(fetch);
  const context: Bench['context'] = (call = {}) =>
    createTestContext({ config, fetch, storage, webhooks, call });
  return {
    fake,
    storage,
    context,
    async deliver(type, resource) {
      return (await extension.webhook(fake.event(type, resource, WEBHOOK_ID), context())).facts;
    },
    async [Symbol.asyncDispose]() {
      await fake[Symbol.asyncDispose]();
      assert.deepEqual(fake.problems, [], 'PayPal’s own description refuses requests');
    },
  };
}

/** Starts the pair; it ends with the test that started it. */
export async function startBench(values: JsonObject = {}): Promise<Bench> {
  const bench = await createBench(values);
  after(() => bench[Symbol.asyncDispose]());
  return bench;
}

/** Opens the page of an invoice and returns the id of its order or subscription. */
export async function openPage(bench: Bench, invoice: Invoice, part?: number): Promise<string> {
  const page = await extension.pay(paymentOf(invoice, part), bench.context());
  assert.ok(page.kind === 'redirect' && page.externalId, JSON.stringify(page));
  return page.externalId;
}

/** Pays an invoice on the page, and tells the transaction that the panel keeps of it. */
export async function payOnPage(bench: Bench, invoice: Invoice): Promise<Transaction> {
  const order = bench.fake.approve(await openPage(bench, invoice));
  const [fact] = await bench.deliver('CHECKOUT.ORDER.APPROVED', order);
  assert.ok(fact, 'an approved order gave no fact');
  if (fact.kind === 'payment') {
    const capture = bench.fake.state.captures.get(fact.externalId) ?? {};
    await bench.deliver('PAYMENT.CAPTURE.COMPLETED', capture);
  }
  return { externalId: fact.externalId, invoiceId: invoice.id, amount: invoice.total };
}
