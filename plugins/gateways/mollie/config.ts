// What an admin enters for one Mollie profile, and the context type that follows from it.

import { secret, z } from 'cofferdam/sdk';
import type { Context } from 'cofferdam/sdk';

/** The config form. The key says by itself whether it is for test or live payments. */
export const config = z.object({
  apiKey: secret({
    label: 'API key',
    description: 'Of the website profile: test_… or live_…',
    startsWith: ['test_', 'live_'],
    maxLength: 200,
  }),
  capture: z.enum(['automatic', 'manual']).default('automatic').meta({
    label: 'Capture',
    description: 'manual: authorise now, capture later; cards and Klarna',
  }),
});

/** The context of every handler of this extension. */
export type MollieContext = Context<Config>;

/** The parsed config; the key is a placeholder. */
export type Config = ReturnType<typeof config.parse>;
