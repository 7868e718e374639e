// One PayPal IPN extension with a fake PayPal of its own, for the tests of the extension.

import assert from 'node:assert/strict';
import { after } from 'node:test';

import type { Fact, Invoice, Json, JsonObject, WebhookRequest } from 'cofferdam/sdk';

import definition from '../../../plugins/gateways/paypal-ipn/extension.ts';
import { paymentOf } from '../../contract/money.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { EMAIL, startFakeIpn } from './fake.ts';
import type { FakeIpn } from './fake.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

/** What its handlers get as `config`. */
export type IpnConfig = Parameters<typeof extension.testConnection>[0]['config'];

export const WEBHOOK_URL = 'https://panel.example/hooks/gateways/paypal-ipn/default?a=1&b=2';

/** The running pair. `context()` makes a call; all calls share one storage. */
export type Bench = AsyncDisposable & {
  readonly fake: FakeIpn;
  context(call?: {
    readonly operationId?: string;
    readonly signal?: AbortSignal;
  }): TestContext<IpnConfig>;
  deliver(request: WebhookRequest): Promise<readonly Fact[]>;
};

/** Starts the pair; whoever starts it ends it. */
export async function createBench(
  values: JsonObject = {},
  options: { readonly fake?: FakeIpn } = {},
): Promise<Bench> {
  const config = extension.config.parse({ email: EMAIL, environment: 'sandbox', ...values });
  const fake = options.fake ?? (await startFakeIpn());
  const storage = new Map<string, Json>();
  const fetch = createVendorFetch({
    origins: { 'https://ipnpb.sandbox.paypal.com': fake.origin },
  });
  const context: Bench['context'] = (call = {}) =>
    createTestContext({ config, fetch, storage, call: { webhookUrl: WEBHOOK_URL, ...call } });
  return {
    fake,
    context,
    deliver: async (request) => (await extension.webhook(request, context())).facts,
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

/** Starts the pair; it ends with the test that started it. */
export async function startBench(values: JsonObject = {}): Promise<Bench> {
  const bench = await createBench(values);
  after(() => bench[Symbol.asyncDispose]());
  return bench;
}

/** The address of the page on which an invoice is paid. */
export async function openPage(bench: Bench, invoice: Invoice): Promise<string> {
  const page = await extension.pay(paymentOf(invoice), bench.context());
  assert.ok(page.kind === 'redirect', JSON.stringify(page));
  return page.url;
}
