// Customers and their mandates: one Mollie customer per user of the panel, made when first needed.
// A mandate comes from a first payment that the customer makes, here over nothing.

import { fail, isFailure } from 'cofferdam/sdk';
import type { AgreementWish, BillingAgreement, PayResult, User } from 'cofferdam/sdk';

import { idOf, markUser, toMollie } from './api.ts';
import type { Mollie } from './api.ts';
import type { MollieContext } from './config.ts';
import { pageOf } from './payments.ts';
import * as shapes from './shapes.ts';
import type { Mandate } from './shapes.ts';

/** Opens the page on which a customer allows later charges. */
export async function startAgreement(
  mollie: Mollie,
  input: AgreementWish,
  ctx: MollieContext,
): Promise<PayResult> {
  const { user, returnUrl, currency = 'EUR' } = input;
  const amount = toMollie({ amountMinor: 0, currency });
  const metadata = await markUser(ctx.storage, user.id);
  const { webhookUrl } = ctx.call;
  const open = (customerId: string, step: string) =>
    mollie.ask(shapes.payment, ['POST', '/v2/payments'], {
      step,
      json: {
        amount,
        customerId,
        sequenceType: 'first',
        description: 'Storing a payment method',
        redirectUrl: returnUrl,
        metadata,
        ...(webhookUrl === undefined ? {} : { webhookUrl }),
      },
    });
  const key = `customer:${user.id}`;
  const stored = await ctx.storage.get<string>(key);
  try {
    const customer = stored ?? (await createCustomer(mollie, user, ctx));
    const payment = await open(customer, 'first');
    return { kind: 'redirect', url: pageOf(payment), externalId: payment.id };
  } catch (error) {
    // Deleted in the dashboard, or of the profile of an earlier key: Mollie says 404 or 410.
    if (stored === null || !isFailure(error, 'not_found')) throw error;
    await ctx.storage.delete(key);
    const payment = await open(await createCustomer(mollie, user, ctx), 'first-again');
    return { kind: 'redirect', url: pageOf(payment), externalId: payment.id };
  }
}

/** The customer whose mandate it is. @throws `not_found` when nobody has told us */
export async function ownerOf(
  { externalId, customerId }: BillingAgreement,
  { storage }: MollieContext,
): Promise<string> {
  const owner = customerId ?? (await storage.get<string>(`mandate:${externalId}`));
  if (owner) return idOf('cst', owner);
  throw fail('not_found', `Mandate "${externalId}" has no customer that is known here`, {
    remedy: 'Ask the customer to add the payment method again',
  });
}

/** Takes a mandate back. One that is gone can no longer be charged: that is what was wanted. */
export async function dropAgreement(
  mollie: Mollie,
  agreement: BillingAgreement,
  ctx: MollieContext,
): Promise<{ readonly cancelled: boolean }> {
  const mandate = idOf('mdt', agreement.externalId);
  const path = `/v2/customers/${await ownerOf(agreement, ctx)}/mandates/${mandate}`;
  await mollie.send('DELETE', path, { accept: [404, 410] });
  return { cancelled: true };
}

/** The mandate of a first payment, as the panel keeps it; undefined while there is none. */
export async function readAgreement(
  mollie: Mollie,
  owner: { readonly customerId: string; readonly mandateId: string },
): Promise<BillingAgreement> {
  const path = `/v2/customers/${idOf('cst', owner.customerId)}/mandates/${idOf('mdt', owner.mandateId)}`;
  return describe(await mollie.ask(shapes.mandate, ['GET', path]), owner.customerId);
}

function describe(mandate: Mandate, customerId: string): BillingAgreement {
  const { cardLabel, cardNumber, cardExpiryDate, consumerAccount } = mandate.details ?? {};
  const common = { externalId: mandate.id, customerId };
  if (mandate.method === 'creditcard') {
    return {
      ...common,
      type: 'card',
      label: `${cardLabel ?? 'Card'} ${cardNumber ?? ''}`.trim(),
      ...(cardExpiryDate ? { expiresAt: cardExpiryDate } : {}),
    };
  }
  if (mandate.method !== 'directdebit') return { ...common, type: 'wallet', label: mandate.method };
  // The last four are enough to know one's own account by.
  return {
    ...common,
    type: 'bank',
    label: `Direct debit ${consumerAccount?.slice(-4) ?? ''}`.trim(),
  };
}

async function createCustomer(mollie: Mollie, user: User, ctx: MollieContext): Promise<string> {
  const name = user.companyName ?? [user.firstName, user.lastName].filter(Boolean).join(' ');
  const { id } = await mollie.ask(shapes.made, ['POST', '/v2/customers'], {
    step: 'customer',
    json: {
      email: user.email,
      metadata: await markUser(ctx.storage, user.id),
      ...(name === '' ? {} : { name }),
    },
  });
  const key = `customer:${user.id}`;
  if (await ctx.storage.compareAndSet(key, null, id)) return id;
  // Another call was faster: its customer is the one that keeps the mandates.
  return (await ctx.storage.get<string>(key)) ?? id;
}
