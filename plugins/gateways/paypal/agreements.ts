// Stored payment methods (PayPal's vault): the customer approves a setup token, which is exchanged once
// for a payment token that can be charged later.

import { fail, isFailure, pathId } from 'cofferdam/sdk';
import type { AgreementWish, BillingAgreement, Fact, PayResult } from 'cofferdam/sdk';

import { linkOf } from './api.ts';
import type { PayPal } from './api.ts';
import type { PayPalContext } from './config.ts';
import { tokenFact } from './facts.ts';
import * as shapes from './shapes.ts';
import type { PaymentToken } from './shapes.ts';

/** How long PayPal keeps a setup token, and so do we. */
const SETUP_MS = 3 * 24 * 60 * 60 * 1_000;

type Made = { readonly agreement: BillingAgreement; readonly facts: readonly Fact[] };

/** Opens the page for storing a method, or stores the one that was approved on it. */
export async function startAgreement(
  paypal: PayPal,
  input: AgreementWish,
  ctx: PayPalContext,
): Promise<PayResult & { readonly agreement?: BillingAgreement }> {
  const { user, returnUrl } = input;
  const key = `setup-of:${user.id}`;
  const stored = await ctx.storage.get<string>(key);
  const earlier = stored === null ? undefined : await readSetup(paypal, stored);
  if (earlier?.status === 'APPROVED') {
    const made = await exchange(paypal, earlier.id, ctx);
    await ctx.storage.delete(key);
    return { kind: 'done', ...made };
  }
  const { brandName } = ctx.config;
  const experience = {
    return_url: returnUrl,
    cancel_url: returnUrl,
    shipping_preference: 'NO_SHIPPING',
    ...(brandName === '' ? {} : { brand_name: brandName }),
  };
  const setup = await paypal.ask(shapes.setupToken, ['POST', '/v3/vault/setup-tokens'], {
    step: 'setup',
    json: {
      payment_source: { paypal: { usage_type: 'MERCHANT', experience_context: experience } },
    },
  });
  const url = linkOf(setup, 'approve', 'payer-action');
  if (url === undefined) {
    throw fail(
      'invalid_response',
      `PayPal gave setup token "${setup.id}" no page to approve it on`,
    );
  }
  await ctx.storage.set(key, setup.id, { ttlMs: SETUP_MS });
  await ctx.storage.set(`setup:${setup.id}`, user.id, { ttlMs: SETUP_MS });
  return { kind: 'redirect', url, externalId: setup.id };
}

/** The facts about a setup token of this instance; undefined when it made no such one. */
export async function settleSetup(
  paypal: PayPal,
  id: string,
  ctx: PayPalContext,
): Promise<readonly Fact[] | undefined> {
  if ((await ctx.storage.get<string>(`setup:${id}`)) === null) return undefined;
  const setup = await readSetup(paypal, id);
  // Exchanged before, and the answer lost: the same exchange tells the same payment token again.
  const isApproved = ['APPROVED', 'VAULTED', 'TOKENIZED'].includes(setup?.status ?? '');
  return isApproved ? (await exchange(paypal, id, ctx)).facts : [];
}

/** What an event about a stored method means; nothing for methods of somebody else. */
export async function onPaymentToken(
  id: string,
  state: 'succeeded' | 'failed',
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const setup = await ctx.storage.get<string>(`vaulted:${id}`);
  return setup === null ? [] : [tokenFact(id, state, setup)];
}

/** Forgets a stored method. One that is gone can no longer be charged: that is what was wanted. */
export async function dropAgreement(
  paypal: PayPal,
  { externalId: id }: BillingAgreement,
): Promise<{ readonly cancelled: boolean }> {
  const path = `/v3/vault/payment-tokens/${pathId(id, 'PayPal')}`;
  await paypal.send('DELETE', path, { accept: [404] });
  return { cancelled: true };
}

async function readSetup(
  paypal: PayPal,
  id: string,
): Promise<{ readonly id: string; readonly status: string } | undefined> {
  try {
    return await paypal.find(shapes.setupToken, `/v3/vault/setup-tokens/${pathId(id, 'PayPal')}`);
  } catch (error) {
    // PayPal answers 422 for one that is over its time.
    if (isFailure(error, 'rejected')) return undefined;
    throw error;
  }
}

async function exchange(paypal: PayPal, setup: string, ctx: PayPalContext): Promise<Made> {
  const token = await paypal.ask(shapes.paymentToken, ['POST', '/v3/vault/payment-tokens'], {
    once: `exchange:${setup}`,
    json: { payment_source: { token: { id: setup, type: 'SETUP_TOKEN' } } },
  });
  await ctx.storage.set(`vaulted:${token.id}`, setup);
  return { agreement: describe(token), facts: [tokenFact(token.id, 'succeeded', setup)] };
}

function describe({ id, customer, payment_source: source }: PaymentToken): BillingAgreement {
  const { card, paypal } = source ?? {};
  const label = card
    ? `${card.brand ?? 'Card'} ${card.last_digits ?? ''}`.trim()
    : `PayPal ${paypal?.email_address ?? ''}`.trim();
  return {
    externalId: id,
    label,
    type: card ? 'card' : 'wallet',
    ...(customer?.id === undefined ? {} : { customerId: customer.id }),
    ...(card?.expiry === undefined ? {} : { expiresAt: lastDayOf(card.expiry) }),
  };
}

/** `2027-02` → `2027-02-28`: a card is good to the end of its month. */
function lastDayOf(expiry: string): string {
  const [year = 0, month = 1] = expiry.split('-').map(Number);
  return new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
}
