// One Stripe extension with a fake Stripe of its own, for the tests of the extension.

import { after } from 'node:test';

import type { Fact, Invoice, Json, JsonObject, Payment, User, WebhookResult } from 'cofferdam/sdk';

import definition from '../../../plugins/gateways/stripe/extension.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { SECRET_KEY, signEvent, startFakeStripe } from './fake.ts';
import type { FakeStripe } from './fake.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

/** What its handlers get as `config`. */
export type StripeConfig = Parameters<typeof extension.testConnection>[0]['config'];

const SEALED_KEY = 'sealed:9d2f6a01c4e8b735';
// In plain Node there are no host-held keys: the placeholder itself is what signs.
export const SIGNING_SECRET = 'sealed:1b7e44d09a6c2f58';

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
  const context: Bench['context'] = (call = {}) =>
    createTestContext({ config, fetch, storage, call });
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

/** A customer of the panel. */
export const USER: User = {
  id: '7',
  email: 'ada@example.com',
  firstName: 'Ada',
  lastName: 'Lovelace',
};

/** An invoice over one item. */
export function invoiceOf(amountMinor: number, currency = 'EUR', id = '42'): Invoice {
  const total = { amountMinor, currency };
  return { id, total, items: [{ id: '1', description: 'VPS small', quantity: 1, total }] };
}

/** The wish to pay an invoice, whole unless `part` says otherwise. */
export function paymentOf(invoice: Invoice, part?: number): Payment {
  return {
    invoice,
    amount: { ...invoice.total, amountMinor: part ?? invoice.total.amountMinor },
    user: USER,
    returnUrl: 'https://panel.example/invoices/42',
    cancelUrl: 'https://panel.example/invoices/42?cancelled',
  };
}
