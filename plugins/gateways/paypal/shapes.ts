// The parts of PayPal's objects that this extension reads, checked on arrival.
// https://developer.paypal.com/docs/api/orders/v2/ and its neighbours, read 2026-11

import { z } from 'cofferdam/sdk';

const id = z.string().min(1).max(255);
const amount = z.object({ currency_code: z.string(), value: z.string() });

/** Links of an object; looked up by `rel`, never by position. */
export const links = z.array(z.object({ href: z.string(), rel: z.string() })).default([]);

const related = z
  .object({ related_ids: z.object({ order_id: z.string().optional() }).optional() })
  .optional();

/** A payment that was taken. Refunds name it in their link `up`. */
export const capture = z.object({
  id,
  status: z.string(),
  amount,
  custom_id: z.string().optional(),
  seller_receivable_breakdown: z.object({ paypal_fee: amount.optional() }).optional(),
  supplementary_data: related,
  links,
});

/** Money held for us, to be captured or voided. */
export const authorization = z.object({
  id,
  status: z.string(),
  amount,
  custom_id: z.string().optional(),
  supplementary_data: related,
  links,
});

export const refund = z.object({
  id,
  status: z.string(),
  amount,
  custom_id: z.string().optional(),
  links,
});

/** An order; one purchase unit, because this extension makes no others. */
export const order = z.object({
  id,
  status: z.string(),
  intent: z.string().optional(),
  purchase_units: z
    .array(
      z.object({
        amount,
        custom_id: z.string().optional(),
        payments: z
          .object({
            captures: z.array(capture).default([]),
            authorizations: z.array(authorization).default([]),
          })
          .optional(),
      }),
    )
    .default([]),
  links,
});

export const setupToken = z.object({ id, status: z.string().default('CREATED'), links });

/** A stored payment method. */
export const paymentToken = z.object({
  id,
  customer: z.object({ id: z.string().optional() }).optional(),
  payment_source: z
    .object({
      card: z
        .object({
          brand: z.string().optional(),
          last_digits: z.string().optional(),
          expiry: z.string().optional(),
        })
        .optional(),
      paypal: z.object({ email_address: z.string().optional() }).optional(),
    })
    .optional(),
});

export const subscription = z.object({
  id,
  status: z.string(),
  custom_id: z.string().optional(),
  create_time: z.string().optional(),
  billing_info: z
    .object({ outstanding_balance: amount.optional(), next_billing_time: z.string().optional() })
    .optional(),
  links,
});

/** The payments of a subscription. */
export const subscriptionPayments = z.object({
  transactions: z
    .array(
      z.object({
        id,
        status: z.string(),
        time: z.string(),
        amount_with_breakdown: z.object({ gross_amount: amount, fee_amount: amount.optional() }),
      }),
    )
    .default([]),
});

/** A payment of a subscription as its event carries it (the older payments API). */
export const sale = z.object({
  id,
  state: z.string().optional(),
  amount: z.object({ total: z.string(), currency: z.string() }),
  transaction_fee: z.object({ value: z.string(), currency: z.string() }).optional(),
  billing_agreement_id: z.string().optional(),
  /** Of refunds: the payment that was given back. */
  sale_id: z.string().optional(),
});

export const dispute = z.object({
  dispute_id: id,
  status: z.string(),
  dispute_amount: amount,
  dispute_life_cycle_stage: z.string().optional(),
  dispute_outcome: z.object({ outcome_code: z.string().optional() }).optional(),
  disputed_transactions: z
    .array(
      z.object({ seller_transaction_id: z.string().optional(), custom: z.string().optional() }),
    )
    .default([]),
});

export const made = z.object({ id });
export const token = z.object({ access_token: z.string().min(1), expires_in: z.int().min(0) });
export const verification = z.object({ verification_status: z.string() });
export const webhook = z.object({ id, url: z.string() });
export const webhooks = z.object({ webhooks: z.array(webhook).default([]) });
export const disputes = z.object({
  items: z.array(z.object({ dispute_id: id })).default([]),
  links,
});

/** An event. What is in `resource` depends on its type. */
export const event = z.object({ id, event_type: z.string(), resource: z.unknown() });

export type Amount = z.infer<typeof amount>;
export type Authorization = z.infer<typeof authorization>;
export type Capture = z.infer<typeof capture>;
export type Dispute = z.infer<typeof dispute>;
export type Event = z.infer<typeof event>;
export type Links = z.infer<typeof links>;
export type Order = z.infer<typeof order>;
export type PaymentToken = z.infer<typeof paymentToken>;
export type Refund = z.infer<typeof refund>;
export type Sale = z.infer<typeof sale>;
export type Subscription = z.infer<typeof subscription>;
export type SubscriptionPayment = z.infer<typeof subscriptionPayments>['transactions'][number];
