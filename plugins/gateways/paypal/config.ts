// What an admin enters for one PayPal app, and the context type that follows from it.

import { secret, z } from 'cofferdam/sdk';
import type { Context } from 'cofferdam/sdk';

/** The config form. The client id is public (PayPal puts it into pages); the secret is a placeholder. */
export const config = z.object({
  environment: z
    .enum(['live', 'sandbox'])
    .default('live')
    .meta({ label: 'Environment', description: 'An app belongs to one of the two' }),
  clientId: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\w-]+$/, 'must be the client id of a PayPal app')
    .meta({ label: 'Client ID' }),
  clientSecret: secret({ label: 'Client secret', minLength: 1, maxLength: 200 }),
  webhookId: z
    .string()
    .regex(/^[A-Za-z0-9]{0,50}$/, 'must be the id of a webhook, not its address')
    .default('')
    .meta({
      label: 'Webhook ID',
      description: 'Of a webhook made by hand; empty: the webhook is made on enabling',
    }),
  mode: z
    .enum(['payment', 'subscription'])
    .default('payment')
    .meta({ label: 'Mode', description: 'subscription: PayPal renews recurring items by itself' }),
  capture: z
    .enum(['automatic', 'manual'])
    .default('automatic')
    .meta({ label: 'Capture', description: 'manual: authorise now, capture later' }),
  brandName: z.string().max(127).default('').meta({
    label: 'Brand name',
    description: 'Shown on PayPal’s pages; empty: that of the account',
  }),
});

/** The context of every handler of this extension. */
export type PayPalContext = Context<Config>;

/** The parsed config; the client secret is a placeholder. */
export type Config = ReturnType<typeof config.parse>;
