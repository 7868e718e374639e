// The account that customers pay to, and the context type that follows from it. No secret, no network.

import { z } from 'cofferdam/sdk';
import type { Context } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  holder: z.string().min(1).max(70).meta({ label: 'Account holder' }),
  iban: z
    .string()
    .regex(/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/, 'must be an IBAN in capitals without spaces')
    .meta({ label: 'IBAN' }),
  bic: z
    .string()
    .regex(/^(?:[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)?$/, 'must be a BIC of 8 or 11 characters')
    .default('')
    .meta({ label: 'BIC' }),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as EUR')
    .default('EUR')
    .meta({ label: 'Currency of the account' }),
  note: z
    .string()
    .max(500)
    .default('')
    .meta({ label: 'Note to the customer', description: 'Such as how long a transfer takes' }),
});

/** The context of every handler of this extension. */
export type BankContext = Context<Config>;

/** The parsed config. */
export type Config = ReturnType<typeof config.parse>;
