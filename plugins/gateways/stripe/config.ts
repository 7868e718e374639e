// What an admin enters for one Stripe account, and the context type that follows from it.

import { secret, z } from 'cofferdam/sdk';
import type { Context } from 'cofferdam/sdk';

/** The config form. Keys are checked by the host: the guest only ever has a placeholder. */
export const config = z.object({
  secretKey: secret({
    label: 'Secret key',
    description: 'sk_… or, better, a restricted key rk_… with the permissions of the README',
    startsWith: ['sk_', 'rk_'],
    maxLength: 300,
  }),
  publishableKey: z
    .string()
    .max(300)
    .regex(/^(?:pk_\w+)?$/, 'must start with "pk_"')
    .default('')
    .meta({ label: 'Publishable key', description: 'For payments that a browser must confirm' }),
  webhookSecret: secret({
    label: 'Webhook signing secret',
    description: 'whsec_… of an endpoint made by hand; empty: the endpoint is made on enabling',
    startsWith: 'whsec_',
    maxLength: 300,
  }).optional(),
  mode: z
    .enum(['payment', 'subscription'])
    .default('payment')
    .meta({ label: 'Mode', description: 'subscription: Stripe renews recurring items by itself' }),
  capture: z
    .enum(['automatic', 'manual'])
    .default('automatic')
    .meta({ label: 'Capture', description: 'manual: authorise now, capture later' }),
  saveCustomers: z
    .boolean()
    .default(true)
    .meta({ label: 'Create customers', description: 'One Stripe customer per user of the panel' }),
});

/** The context of every handler of this extension. */
export type StripeContext = Context<Config>;

/** The parsed config; both secrets are placeholders. */
export type Config = ReturnType<typeof config.parse>;
