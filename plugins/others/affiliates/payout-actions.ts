// What admins and affiliates do about money: releasing what is held, asking for a payout, deciding on one.

import { fail, isMoney, textOf } from 'cofferdam/sdk';
import type { ActionResult, Context, JsonObject } from 'cofferdam/sdk';

import type { Config } from './config.ts';
import { addCustomer } from './ledger.ts';
import { showPayout } from './payouts.ts';
import { movePayout, requestPayout } from './programme.ts';
import { demandAdmin, demandId, readAsker } from './show.ts';

type Input = { readonly values: JsonObject; readonly actor?: JsonObject };
type Ctx = Context<Config>;

const DECISIONS = ['approved', 'paid', 'rejected'] as const;
/** The field for a user of the panel. */
export const USER = { name: 'userId', label: 'User id', type: 'text', required: true } as const;
/** The field for an affiliate. */
export const AFFILIATE = {
  name: 'affiliateId',
  label: 'Affiliate',
  type: 'text',
  required: true,
} as const;

/** These actions by name. */
export const payoutActions = {
  clear: {
    label: 'Release the rewards that are held for a customer',
    audience: 'admin',
    fields: [USER],
    async run({ values, actor }: Input, ctx: Ctx): Promise<ActionResult> {
      demandAdmin(actor);
      await addCustomer(ctx.storage, demandId(values, 'userId'), { cleared: true });
      return { message: 'The rewards of this customer are not held any more' };
    },
  },

  requestPayout: {
    label: 'Ask for a payout',
    audience: 'customer',
    fields: [{ name: 'currency', label: 'Currency', type: 'text', required: true }],
    async run({ values, actor }: Input, ctx: Ctx): Promise<ActionResult> {
      const { id } = readAsker(actor);
      const amount = values['amount'];
      if (amount !== undefined && !isMoney(amount)) {
        throw fail('invalid_input', 'Field "amount" must be {"amountMinor", "currency"}');
      }
      const currency = isMoney(amount) ? amount.currency : textOf(values['currency']);
      if (currency === undefined || !/^[A-Z]{3}$/.test(currency)) {
        throw fail('invalid_input', 'Field "currency" must be an ISO 4217 code such as "EUR"');
      }
      const payout = await requestPayout(ctx, {
        id: ctx.call.operationId,
        affiliateId: id,
        currency,
        amountMinor: isMoney(amount) ? amount.amountMinor : undefined,
        nowMs: Date.now(),
      });
      return { message: 'The payout was asked for', data: showPayout(payout) };
    },
  },

  decidePayout: {
    label: 'Decide on a payout',
    audience: 'admin',
    confirm: 'A payout that is paid or rejected cannot be changed any more.',
    fields: [
      AFFILIATE,
      { name: 'payoutId', label: 'Payout', type: 'text', required: true },
      {
        name: 'state',
        label: 'Decision',
        type: 'select',
        required: true,
        options: DECISIONS.map((value) => ({ value, label: value })),
      },
      { name: 'reference', label: 'Reference', type: 'text' },
    ],
    async run({ values, actor }: Input, ctx: Ctx): Promise<ActionResult> {
      demandAdmin(actor);
      const state = DECISIONS.find((each) => each === values['state']);
      if (state === undefined) {
        throw fail('invalid_input', `Field "state" must be one of ${DECISIONS.join(', ')}`);
      }
      const payout = await movePayout(ctx, {
        affiliateId: demandId(values, 'affiliateId'),
        payoutId: textOf(values['payoutId']) ?? '',
        state,
        reference: textOf(values['reference'])?.slice(0, 200) ?? null,
        nowMs: Date.now(),
      });
      return { message: `The payout is ${payout.state}`, data: showPayout(payout) };
    },
  },
} as const;
