// One Mollie extension with a fake Mollie of its own, for the tests of the extension.

import assert from 'node:assert/strict';
import { after } from 'node:test';

import type { BillingAgreement, Fact, Invoice, Json, JsonObject, Transaction } from 'cofferdam/sdk';

import definition from '../../../plugins/gateways/mollie/extension.ts';
import { ADA, paymentOf } from '../../contract/money.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { createTestWebhooks } from '../../helpers/webhooks.ts';
import { API_KEY, startFakeMollie, webhookRequest } from './fake.ts';
import type { FakeMollie } from './fake.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

/** One of its actions. */
export function action(name: string): NonNullable<(typeof extension.actions)[string]> {
  const found = extension.actions[name];
  assert.ok(found, `The extension has no action "${name}"`);
  return found;
}

/** What its handlers get as `config`. */
export type MollieConfig = Parameters<typeof extension.testConnection>[0]['config'];

export const SEALED = 'sealed:2e8a6c4f1d3b5970';
export const WEBHOOK_URL = 'https://panel.example/hooks/gateways/mollie/default';

/** The running pair. `context()` makes a call; all calls share one storage. */
export type Bench = AsyncDisposable & {
  readonly fake: FakeMollie;
  readonly storage: Map<string, Json>;
  context(call?: {
    readonly operationId?: string;
    readonly signal?: AbortSignal;
  }): TestContext<MollieConfig>;
  /** Mollie names a payment; returns what the extension made of it. */
  deliver(id: string): Promise<readonly Fact[]>;
};

/** Starts the pair; whoever starts it ends it. */
export async function createBench(
  values: JsonObject = {},
  options: { readonly key?: string; readonly fake?: FakeMollie } = {},
): Promise<Bench> {
  const config = extension.config.parse({ apiKey: SEALED, ...values });
  const fake = options.fake ?? (await startFakeMollie());
  const storage = new Map<string, Json>();
  const fetch = createVendorFetch({
    origins: { 'https://api.mollie.com': fake.origin },
    sealed: { [SEALED]: options.key ?? API_KEY },
  });
  const webhooks = createTestWebhooks(fetch);
  const context: Bench['context'] = (call = {}) =>
    createTestContext({
      config,
      fetch,
      storage,
      webhooks,
      call: { webhookUrl: WEBHOOK_URL, ...call },
    });
  return {
    fake,
    storage,
    context,
    async deliver(id) {
      return (await extension.webhook(webhookRequest(`id=${id}`), context())).facts;
    },
    async [Symbol.asyncDispose]() {
      await fake[Symbol.asyncDispose]();
      assert.deepEqual(fake.problems, [], 'Mollie’s own description refuses requests');
    },
  };
}

/** Starts the pair; it ends with the test that started it. */
export async function startBench(values: JsonObject = {}): Promise<Bench> {
  const bench = await createBench(values);
  after(() => bench[Symbol.asyncDispose]());
  return bench;
}

/** Opens the page of an invoice and returns the id of its payment. */
export async function openPage(bench: Bench, invoice: Invoice, part?: number): Promise<string> {
  const page = await extension.pay(paymentOf(invoice, part), bench.context());
  assert.ok(page.kind === 'redirect' && page.externalId, JSON.stringify(page));
  return page.externalId;
}

/** Pays an invoice on the page, and tells the transaction that the panel keeps of it. */
export async function payOnPage(bench: Bench, invoice: Invoice): Promise<Transaction> {
  const externalId = await openPage(bench, invoice);
  bench.fake.pay(externalId);
  await bench.deliver(externalId);
  return { externalId, invoiceId: invoice.id, amount: invoice.total };
}

/** Stores a method on the page, and tells the agreement that the panel keeps of it. */
export async function storeMethod(bench: Bench): Promise<BillingAgreement> {
  const input = { user: ADA, returnUrl: 'https://panel.example/account' };
  const page = await extension.createBillingAgreement(input, bench.context());
  assert.ok(page.kind === 'redirect' && page.externalId);
  bench.fake.pay(page.externalId);
  const [fact] = await bench.deliver(page.externalId);
  assert.ok(fact?.kind === 'token');
  return { externalId: fact.externalId, label: 'Visa 4242', type: 'card' };
}
