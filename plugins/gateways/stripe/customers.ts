// One Stripe customer per user of the panel: made when first needed, remembered, made again when it was
// deleted at Stripe. Matching is by the panel's user id, never by e-mail.

import type { User } from 'cofferdam/sdk';
import type Stripe from 'stripe';

import { ask, isMissing, stripeErrorOf } from './api.ts';
import type { StripeContext } from './config.ts';
import { makeMarks } from './ownership.ts';

/**
 * Does something for which Stripe needs the user's customer.
 *
 * @param use Runs again with a new customer when Stripe no longer knows the remembered one; `suffix`
 *   makes the second try's idempotency keys differ from the first's
 */
export async function withCustomer<T>(
  stripe: Stripe,
  user: User,
  ctx: StripeContext,
  use: (customer: string, suffix: string) => Promise<T>,
): Promise<T> {
  const key = `customer:${user.id}`;
  const stored = await ctx.storage.get<string>(key);
  if (stored === null) return await use(await createCustomer(stripe, user, ctx), '');
  try {
    return await use(stored, '');
  } catch (error) {
    if (!isMissing(error) || stripeErrorOf(error)?.param !== 'customer') throw error;
    ctx.log.warn('The Stripe customer of a user was deleted at Stripe; making a new one', {
      userId: user.id,
    });
    await ctx.storage.delete(key);
    return await use(await createCustomer(stripe, user, ctx), ':again');
  }
}

async function createCustomer(stripe: Stripe, user: User, ctx: StripeContext): Promise<string> {
  const { line1, line2, city, state, postcode, country } = user.address ?? {};
  const name = user.companyName ?? [user.firstName, user.lastName].filter(Boolean).join(' ');
  const address = { line1, line2, city, state, postal_code: postcode, country };
  const { id } = await ask(
    'Cannot create the customer at Stripe',
    stripe.customers.create(
      {
        email: user.email,
        metadata: await makeMarks(ctx, { userId: user.id }),
        ...(name === '' ? {} : { name }),
        ...(user.phone === undefined ? {} : { phone: user.phone }),
        ...(user.locale === undefined ? {} : { preferred_locales: [user.locale] }),
        ...(user.address === undefined ? {} : { address: dropAbsent(address) }),
      },
      { idempotencyKey: `${ctx.call.operationId}:customer` },
    ),
  );
  const key = `customer:${user.id}`;
  if (await ctx.storage.compareAndSet(key, null, id)) return id;
  // Another call was faster: its customer is the one that keeps the payment methods.
  return (await ctx.storage.get<string>(key)) ?? id;
}

function dropAbsent(values: { [name: string]: string | undefined }): { [name: string]: string } {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
