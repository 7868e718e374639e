// What an admin enters for one PayPal account, and the context type that follows from it. No secret at all.

import { z } from 'cofferdam/sdk';
import type { Context } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  email: z.email().max(127).meta({
    label: 'PayPal e-mail',
    description: 'The primary address of the account that is paid',
  }),
  merchantId: z
    .string()
    .regex(/^[2-9A-HJ-NP-Z]{13}$|^$/, 'must be the 13 characters of a merchant ID')
    .default('')
    .meta({
      label: 'Merchant ID',
      description: 'Needed only when the address above is not the primary one of the account',
    }),
  environment: z
    .enum(['live', 'sandbox'])
    .default('live')
    .meta({ label: 'Environment', description: 'Where the account is' }),
});

/** The context of every handler of this extension. */
export type IpnContext = Context<Config>;

/** The parsed config. */
export type Config = ReturnType<typeof config.parse>;
