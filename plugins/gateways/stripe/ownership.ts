// The marks that this instance leaves on Stripe's objects, so that a webhook can tell its own payments
// from those of another shop, or of another panel, on the same Stripe account.

import { instanceName } from 'cofferdam/sdk';

import type { StripeContext } from './config.ts';

/** Metadata of one of our objects. `invoice_id` is the panel's; older panels left only that one. */
export type Marks = {
  readonly invoice_id?: string;
  readonly user_id?: string;
  readonly cofferdam_instance?: string;
  readonly cofferdam_operation?: string;
};

type Metadata = { readonly [name: string]: string } | null | undefined;

/** The marks for what this call makes. */
export async function makeMarks(
  ctx: StripeContext,
  about: { readonly invoiceId?: string; readonly userId?: string },
): Promise<Record<string, string>> {
  return {
    ...(about.invoiceId === undefined ? {} : { invoice_id: about.invoiceId }),
    ...(about.userId === undefined ? {} : { user_id: about.userId }),
    cofferdam_instance: await instanceName(ctx.storage),
    cofferdam_operation: ctx.call.operationId,
  };
}

/** The marks when they are this instance's; undefined for anything of somebody else's. */
export function readMarks(metadata: Metadata, instance: string): Marks | undefined {
  const owner = metadata?.['cofferdam_instance'];
  if (owner !== undefined ? owner !== instance : metadata?.['invoice_id'] === undefined) {
    return undefined;
  }
  return metadata ?? undefined;
}
