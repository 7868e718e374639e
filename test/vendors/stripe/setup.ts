// One Stripe extension with a fake Stripe of its own, for the tests of the extension.

import assert from 'node:assert/strict';
import { after } from 'node:test';

import type {
  BillingAgreement,
  Fact,
  FailureCode,
  Invoice,
  Json,
  JsonObject,
  Transaction,
  WebhookResult,
} from 'cofferdam/sdk';

import definition from '../../../plugins/gateways/stripe/extension.ts';
import { failedWith, paymentOf } from '../../contract/money.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { createTestWebhooks } from '../../helpers/webhooks.ts';
import { SECRET_KEY, signEvent, startFakeStripe } from './fake.ts';
import type { FakeStripe } from './fake.ts';
import { makePaymentMethod } from './objects.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

/** What its handlers get as `config`. */
export type StripeConfig = Parameters<typeof extension.testConnection>[0]['config'];

const SEALED_KEY = 'sealed:9d2f6a01c4e8b735';
// In plain Node there are no host-held keys: the placeholder itself is what signs.
export const SIGNING_SECRET = 'whsec_1b7e44d09a6c2f58';

/** The running pair. `context()` makes a call; all calls share one storage. */
export type Bench = {
  readonly fake: FakeStripe;
  readonly storage: Map<string, Json>;
  context(call?: {
    readonly operationId?: string;
    readonly webhookUrl?: string;
  }): TestContext<StripeConfig>;
  /** Sends an event about an object, signed, and returns what the extension made of it. */
  deliver(type: string, object: unknown): Promise<readonly Fact[]>;
  webhook(request: Parameters<typeof extension.webhook>[0]): Promise<WebhookResult>;
};

/** Starts the pair; it ends with the test that started it. */
export async function startBench(
  values: JsonObject = {},
  options: { readonly key?: string } = {},
): Promise<Bench> {
  const fake = await startFakeStripe();
  after(() => fake[Symbol.asyncDispose]());
  const storage = new Map<string, Json>();
  const fetch = createVendorFetch({
    origins: { 'https://api.stripe.com': fake.origin },
    sealed: { [SEALED_KEY]: options.key ?? SECRET_KEY },
  });
  const form = { secretKey: SEALED_KEY, webhookSecret: SIGNING_SECRET, ...values };
  const config = extension.config.parse(form);
  const webhooks = createTestWebhooks(fetch);
  const context: Bench['context'] = (call = {}) =>
    createTestContext({ config, fetch, storage, webhooks, call });
  const webhook: Bench['webhook'] = (request) => extension.webhook(request, context());
  return {
    fake,
    storage,
    context,
    webhook,
    async deliver(type, object) {
      return (await webhook(await signEvent({ type, object }, { secret: SIGNING_SECRET }))).facts;
    },
  };
}

/** Parameters of every POST to a path, in order. */
export function posted(bench: Bench, path: string): JsonObject[] {
  return bench.fake.requests
    .filter((request) => request.method === 'POST' && request.path === path)
    .map(({ params }) => params);
}

/** The message of the failure that a call ends with; fails when it ends otherwise. */
export async function failureOf(promise: Promise<unknown>, code: FailureCode): Promise<string> {
  return (await failedWith(promise, code)).message;
}

/** Pays an invoice on the page, and tells the transaction that the panel keeps of it. */
export async function payOnPage(
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

/** A stored method of the customer `cus_1`. */
export function agreement(bench: Bench, id: string, type = 'card'): BillingAgreement {
  bench.fake.add({ id: 'cus_1', object: 'customer', metadata: {} });
  bench.fake.add(makePaymentMethod(id, 'cus_1', type));
  return { externalId: id, customerId: 'cus_1', label: 'Visa 4242', type: 'card' as const };
}
