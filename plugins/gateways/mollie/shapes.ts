// The parts of Mollie's objects that this extension reads, checked on arrival.
// https://docs.mollie.com/reference/get-payment and its neighbours, read 2026-11

import { z } from 'cofferdam/sdk';

const id = z.string().min(1).max(100);
const amount = z.object({ currency: z.string(), value: z.string() });
const href = z.object({ href: z.string() }).nullish();

/** What this extension leaves on payments and refunds; others may leave anything. */
const metadata = z.unknown();

export const refund = z.object({ id, status: z.string(), amount, paymentId: id, metadata });

export const chargeback = z.object({
  id,
  amount,
  paymentId: id,
  reversedAt: z.string().nullish(),
});

/** A payment; the embedded lists are there when they were asked for. */
export const payment = z.object({
  id,
  status: z.string(),
  amount,
  amountCaptured: amount.nullish(),
  amountRefunded: amount.nullish(),
  createdAt: z.string().optional(),
  isCancelable: z.boolean().nullish(),
  sequenceType: z.string().nullish(),
  mandateId: z.string().nullish(),
  customerId: z.string().nullish(),
  metadata,
  details: z
    .object({ failureReason: z.string().nullish(), failureMessage: z.string().nullish() })
    .nullish(),
  _links: z.object({ checkout: href }).optional(),
  _embedded: z
    .object({ refunds: z.array(refund).default([]), chargebacks: z.array(chargeback).default([]) })
    .optional(),
});

export const mandate = z.object({
  id,
  status: z.string(),
  method: z.string(),
  details: z
    .object({
      cardLabel: z.string().nullish(),
      // The description calls it a text, its example shows a number.
      cardNumber: z.union([z.string(), z.number()]).nullish(),
      cardExpiryDate: z.string().nullish(),
      consumerAccount: z.string().nullish(),
    })
    .nullish(),
});

export const made = z.object({ id });

export const methods = z.object({
  _embedded: z.object({
    methods: z.array(z.object({ id, description: z.string(), status: z.string().nullish() })),
  }),
});

/** Lists name their items by the plural of their kind and link to the next page. */
const next = z.object({ next: href }).optional();
export const payments = z.object({
  _embedded: z.object({ payments: z.array(payment) }),
  _links: next,
});
export const refunds = z.object({
  _embedded: z.object({ refunds: z.array(refund.extend({ createdAt: z.string() })) }),
  _links: next,
});
export const chargebacks = z.object({
  _embedded: z.object({ chargebacks: z.array(chargeback.extend({ createdAt: z.string() })) }),
  _links: next,
});

export type Amount = z.infer<typeof amount>;
export type Chargeback = z.infer<typeof chargeback>;
export type MolliePayment = z.infer<typeof payment>;
export type MollieRefund = z.infer<typeof refund>;
export type Mandate = z.infer<typeof mandate>;
