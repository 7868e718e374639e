// What customers and their banks do at the gateways' fakes, and what the vendors tell the panel of it.
// For the table of vendors, the demo, and whoever plays with `cofferdam dev --with-fakes`.

import type { WebhookRequest } from 'cofferdam/sdk';

import { PAYPAL_WEBHOOK_ID, STRIPE_SIGNING_SECRET } from './fakes.ts';
import type { Fakes } from './fakes.ts';
import { webhookRequest } from './mollie/fake.ts';
import { signEvent } from './stripe/fake.ts';

/** Gateways that tell by webhook. */
export const GATEWAYS = ['stripe', 'paypal', 'mollie', 'paypal-ipn'] as const;

/** One of them. */
export type Gateway = (typeof GATEWAYS)[number];

/** A page that `pay` opened. */
export type OpenPage = { readonly url: string; readonly externalId?: string };

/** Deliveries in the order in which the vendor makes them. */
export type Told = readonly WebhookRequest[];

/** The customer and the bank at one gateway; what is absent cannot happen there. */
export type Payer = {
  /** The customer pays on the page. */
  pay(page: OpenPage): Promise<Told>;
  /** The customer's card is refused. */
  decline?(page: OpenPage): Promise<Told>;
  /** Money goes back. @param refundId What `refund` said; a vendor without one is told to do it by hand */
  giveBack(
    payment: { readonly externalId: string; readonly amountMinor: number },
    refundId?: string,
  ): Promise<Told>;
  /** The bank takes the payment back. */
  dispute(paymentId: string): Promise<Told>;
  /** The bank gives a payment that it took back to us. */
  win(paymentId: string): Promise<Told>;
};

/** Everybody who pays, by gateway. */
export function createPayers(fakes: Fakes): Readonly<Record<Gateway, Payer>> {
  return {
    stripe: stripePayer(fakes),
    paypal: paypalPayer(fakes),
    mollie: molliePayer(fakes),
    'paypal-ipn': ipnPayer(fakes),
  };
}

function idOf({ externalId = '' }: OpenPage): string {
  return externalId;
}

function stripePayer({ stripe }: Fakes): Payer {
  const told = async (type: string, object: object): Promise<Told> => [
    await signEvent({ type, object: structuredClone(object) }, { secret: STRIPE_SIGNING_SECRET }),
  ];
  return {
    async pay(page) {
      const session = stripe.completeCheckout(idOf(page));
      const intent = stripe.object('payment_intent', session['payment_intent']);
      return [
        ...(await told('payment_intent.succeeded', intent)),
        ...(await told('checkout.session.completed', session)),
      ];
    },
    decline: (page) => told('payment_intent.payment_failed', stripe.declineCheckout(idOf(page))),
    giveBack: (_payment, refundId) => told('refund.created', stripe.object('refund', refundId)),
    dispute: (id) => told('charge.dispute.created', stripe.dispute(id)),
    win: (id) => told('charge.dispute.closed', stripe.dispute(id, 'won')),
  };
}

function paypalPayer({ paypal }: Fakes): Payer {
  const told = async (type: string, object: object): Promise<Told> => [
    paypal.event(type, structuredClone(object), PAYPAL_WEBHOOK_ID),
  ];
  return {
    pay: (page) => told('CHECKOUT.ORDER.APPROVED', paypal.approve(idOf(page))),
    giveBack: (_payment, refundId = '') =>
      told('PAYMENT.CAPTURE.REFUNDED', paypal.state.refunds.get(refundId) ?? {}),
    dispute: (id) => told('CUSTOMER.DISPUTE.CREATED', paypal.openDispute(id)),
    async win(id) {
      const dispute = [...paypal.state.disputes.values()].find(
        (each) => each['disputed_transactions'][0].seller_transaction_id === id,
      );
      const won = {
        status: 'RESOLVED',
        dispute_outcome: { outcome_code: 'RESOLVED_SELLER_FAVOUR' },
      };
      return await told('CUSTOMER.DISPUTE.RESOLVED', Object.assign(dispute ?? {}, won));
    },
  };
}

function molliePayer({ mollie }: Fakes): Payer {
  const told = async (id: string): Promise<Told> => [webhookRequest(`id=${id}`)];
  return {
    async pay(page) {
      mollie.pay(idOf(page));
      return await told(idOf(page));
    },
    async decline(page) {
      mollie.end(idOf(page), 'failed');
      return await told(idOf(page));
    },
    async giveBack({ externalId }) {
      mollie.sendRefunds();
      return await told(externalId);
    },
    async dispute(id) {
      mollie.chargeback(id);
      return await told(id);
    },
    async win(id) {
      for (const each of mollie.state.chargebacks.values()) {
        if (each['paymentId'] === id) each['reversedAt'] = new Date().toISOString();
      }
      return await told(id);
    },
  };
}

/** Its refunds and reversals are made at PayPal, and name the notification of the payment. */
function ipnPayer({ ipn }: Fakes): Payer {
  const payments = new Map<string, WebhookRequest>();
  const follow = async (id: string, values: Readonly<Record<string, string>>): Promise<Told> => {
    const payment = payments.get(id);
    if (payment === undefined) throw new TypeError(`PayPal has no transaction "${id}"`);
    return [ipn.follow(payment, values)];
  };
  return {
    async pay({ url }) {
      const told = ipn.pay(url);
      payments.set(new URLSearchParams(told.body).get('txn_id') ?? '', told);
      return [told];
    },
    giveBack: ({ externalId, amountMinor }) =>
      follow(externalId, {
        payment_status: 'Refunded',
        mc_gross: `-${(amountMinor / 100).toFixed(2)}`,
      }),
    dispute: (id) => follow(id, { payment_status: 'Reversed' }),
    win: (id) => follow(id, { payment_status: 'Canceled_Reversal' }),
  };
}
