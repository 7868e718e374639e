// The till of the demo: payments on the four gateways' fakes, their webhooks late, twice and in any order,
// and the books that the host's ledger is held against at the end.

import type { WebhookRequest } from 'cofferdam/sdk';

import { invoiceOf, paymentOf } from '../contract/money.ts';
import type { TestHost } from '../helpers/host.ts';
import { ADMIN_TOKEN } from '../helpers/host.ts';
import { PAYPAL_WEBHOOK_ID, STRIPE_SIGNING_SECRET } from '../vendors/fakes.ts';
import type { Fakes } from '../vendors/fakes.ts';
import { webhookRequest } from '../vendors/mollie/fake.ts';
import { signEvent } from '../vendors/stripe/fake.ts';

/** The four that take money here. */
export const GATEWAYS = ['stripe', 'paypal', 'mollie', 'paypal-ipn'] as const;

/** One of them. */
export type Gateway = (typeof GATEWAYS)[number];

/** A fact of the ledger, as far as the demo looks at it. */
export type LedgerFact = {
  readonly externalId: string;
  readonly kind: string;
  readonly state: string;
  readonly amountMinor: number;
  readonly invoiceId: string | null;
};

/** What the company does with money. */
export type Till = ReturnType<typeof createTill>;

const WAIT_MS = 30_000;
const LOOK_MS = 100;
const PAGES_MAX = 1_000;

/** Opens it. Every message of a vendor waits in a queue until `deliver`. */
export function createTill(host: TestHost, fakes: Fakes, random: () => number) {
  const waiting: { gateway: Gateway; request: WebhookRequest }[] = [];
  const paid = new Map<string, number>();
  const returned = new Map<string, number>();
  const disputed = new Map<string, number>();
  const orders = new Map<string, { gateway: Gateway; told: WebhookRequest | undefined }>();
  let failures = 0;
  let sent = 0;

  const call = async (gateway: Gateway, handler: string, input: unknown): Promise<any> => {
    const { status, body } = await host.call(`gateways/${gateway}`, handler, input);
    if (status === 200) return body.result;
    throw new Error(`${gateway} ${handler}: ${JSON.stringify(body)}`);
  };
  const queue = (gateway: Gateway, request: WebhookRequest): void => {
    const times = random() < 0.3 ? 2 : 1;
    for (let count = 0; count < times; count += 1) waiting.push({ gateway, request });
  };
  const stripeEvent = (type: string, object: object): Promise<WebhookRequest> =>
    signEvent({ type, object: structuredClone(object) }, { secret: STRIPE_SIGNING_SECRET });

  async function pay(gateway: Gateway, invoiceId: string, amountMinor: number): Promise<void> {
    const page = await call(gateway, 'pay', paymentOf(invoiceOf(amountMinor, 'EUR', invoiceId)));
    let told: WebhookRequest | undefined;
    if (gateway === 'stripe') {
      const session = fakes.stripe.completeCheckout(page.externalId);
      const intent = fakes.stripe.object('payment_intent', session['payment_intent']);
      queue(gateway, await stripeEvent('payment_intent.succeeded', intent));
      told = await stripeEvent('checkout.session.completed', session);
    } else if (gateway === 'paypal') {
      const order = fakes.paypal.approve(page.externalId);
      told = fakes.paypal.event('CHECKOUT.ORDER.APPROVED', order, PAYPAL_WEBHOOK_ID);
    } else if (gateway === 'mollie') {
      fakes.mollie.pay(page.externalId);
      told = webhookRequest(`id=${page.externalId}`);
    } else {
      told = fakes.ipn.pay(page.url);
    }
    queue(gateway, told);
    paid.set(invoiceId, amountMinor);
    orders.set(invoiceId, { gateway, told });
  }

  /** A card that its bank refuses. Only Mollie's fake can end a page like that. */
  async function payInVain(invoiceId: string, amountMinor: number): Promise<void> {
    const page = await call('mollie', 'pay', paymentOf(invoiceOf(amountMinor, 'EUR', invoiceId)));
    fakes.mollie.end(page.externalId, 'failed');
    queue('mollie', webhookRequest(`id=${page.externalId}`));
    failures += 1;
  }

  async function facts(): Promise<LedgerFact[]> {
    const all: LedgerFact[] = [];
    let after = '0';
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const reply = await fetch(`${host.url}/api/v1/facts?after=${after}`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      const body: any = await reply.json();
      all.push(...body.facts);
      if (body.facts.length === 0 || body.next === after) return all;
      after = body.next;
    }
    throw new Error('The ledger has no end');
  }

  async function giveBack(invoiceId: string): Promise<void> {
    const { gateway, told } = orders.get(invoiceId) ?? { gateway: 'stripe', told: undefined };
    const payment = (await facts()).find(
      (fact) => fact.invoiceId === invoiceId && fact.kind === 'payment',
    );
    if (payment === undefined) throw new Error(`The ledger has no payment of invoice ${invoiceId}`);
    const amount = { amountMinor: payment.amountMinor, currency: 'EUR' };
    const { externalId } = payment;
    if (gateway === 'paypal-ipn') {
      if (told === undefined) throw new Error(`PayPal knows nothing of invoice ${invoiceId}`);
      const mc_gross = `-${(amount.amountMinor / 100).toFixed(2)}`;
      queue(gateway, fakes.ipn.follow(told, { payment_status: 'Refunded', mc_gross }));
    } else {
      const transaction = { externalId, invoiceId, amount };
      const made = await call(gateway, 'refund', { transaction, amount });
      if (gateway === 'stripe') {
        const refund = fakes.stripe.object('refund', made.externalId);
        queue(gateway, await stripeEvent('refund.created', refund));
      } else if (gateway === 'paypal') {
        const refund = fakes.paypal.state.refunds.get(made.externalId) ?? {};
        const type = 'PAYMENT.CAPTURE.REFUNDED';
        queue(gateway, fakes.paypal.event(type, structuredClone(refund), PAYPAL_WEBHOOK_ID));
      } else {
        fakes.mollie.sendRefunds();
        queue(gateway, webhookRequest(`id=${externalId}`));
      }
    }
    returned.set(invoiceId, amount.amountMinor);
  }

  /** A bank takes a payment back. Only Mollie's fake has banks. */
  async function dispute(invoiceId: string): Promise<void> {
    const payment = (await facts()).find(
      (fact) => fact.invoiceId === invoiceId && fact.kind === 'payment',
    );
    if (payment === undefined) throw new Error(`The ledger has no payment of invoice ${invoiceId}`);
    fakes.mollie.chargeback(payment.externalId);
    queue('mollie', webhookRequest(`id=${payment.externalId}`));
    disputed.set(invoiceId, payment.amountMinor);
  }

  /** Sends everything that waits, in any order, until the ledger has what was paid. */
  async function deliver(): Promise<void> {
    while (waiting.length > 0) {
      const [next] = waiting.splice(Math.floor(random() * waiting.length), 1);
      if (next === undefined) break;
      const { method, headers, body } = next.request;
      const reply = await fetch(`${host.url}/hooks/gateways/${next.gateway}/default`, {
        method,
        headers: { ...headers },
        body,
      });
      if (reply.status >= 300) throw new Error(`${next.gateway}: ${await reply.text()}`);
      sent += 1;
    }
    const untilMs = performance.now() + WAIT_MS;
    while ((await compare()).length > 0 && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Where the ledger differs from the books; nothing when they agree to the cent. */
  async function compare(): Promise<string[]> {
    const all = await facts();
    const sums = (kind: string, states: readonly string[]): Map<string, number> => {
      const found = new Map<string, number>();
      for (const { kind: is, state, amountMinor, invoiceId } of all) {
        if (is !== kind || !states.includes(state)) continue;
        found.set(invoiceId ?? '', (found.get(invoiceId ?? '') ?? 0) + amountMinor);
      }
      return found;
    };
    return [
      ...differences('paid', paid, sums('payment', ['succeeded', 'refunded', 'disputed'])),
      ...differences(
        'given back',
        returned,
        sums('refund', ['processing', 'succeeded', 'refunded']),
      ),
      ...differences(
        'disputed',
        disputed,
        sums('dispute', ['processing', 'succeeded', 'disputed']),
      ),
    ];
  }

  const total = (book: ReadonlyMap<string, number>): string =>
    `${([...book.values()].reduce((sum, each) => sum + each, 0) / 100).toFixed(2)} EUR`;
  const summary = (): string =>
    `${paid.size} payments of ${total(paid)}, ${failures} failed, ${returned.size} given back ` +
    `(${total(returned)}), ${disputed.size} disputed, ${sent} webhooks`;
  return { pay, payInVain, giveBack, dispute, deliver, compare, summary };
}

function differences(
  what: string,
  wanted: ReadonlyMap<string, number>,
  found: ReadonlyMap<string, number>,
): string[] {
  const invoices = new Set([...wanted.keys(), ...found.keys()]);
  return [...invoices]
    .filter((invoice) => (wanted.get(invoice) ?? 0) !== (found.get(invoice) ?? 0))
    .map(
      (invoice) =>
        `invoice ${invoice}: ${wanted.get(invoice) ?? 0} ${what}, ledger ${found.get(invoice) ?? 0}`,
    );
}
