// What an admin and a customer can start. Each may be started twice: the second time changes nothing.

import { fail, isMoney } from 'cofferdam/sdk';
import type { ActionResult, Context, JsonObject } from 'cofferdam/sdk';

import { toBasisPoints } from './config.ts';
import type { Config } from './config.ts';
import { objectAt, textOf } from './events.ts';
import { addCustomer } from './ledger.ts';
import { addAffiliate, changeAffiliate } from './members.ts';
import { showPayout } from './payouts.ts';
import { movePayout, requestPayout } from './programme.ts';
import { demandAdmin, demandId, readAsker, showAffiliate } from './show.ts';
import { addVisit } from './visits.ts';

type Input = { readonly values: JsonObject; readonly actor?: JsonObject };
type Ctx = Context<Config>;

const DECISIONS = ['approved', 'paid', 'rejected'] as const;
const USER = { name: 'userId', label: 'User id', type: 'text', required: true } as const;
const AFFILIATE = {
  name: 'affiliateId',
  label: 'Affiliate',
  type: 'text',
  required: true,
} as const;
const CODE = { name: 'code', label: 'Code', type: 'text' } as const;
const REWARD = {
  name: 'reward',
  label: 'Own reward in percent',
  type: 'number',
  min: 0,
  max: 100,
} as const;

/** The actions by name. */
export const actions = {
  visit: {
    label: 'Count a visit',
    audience: 'both',
    fields: [
      { ...CODE, required: true },
      { name: 'visitorId', label: 'Visitor', type: 'text' },
    ],
    async run({ values }: Input, { storage, config }: Ctx): Promise<ActionResult> {
      const visit = await addVisit(storage, values, Date.now());
      const { cookieDays, customerDiscount: discountPercent } = config;
      return { data: visit.valid ? { ...visit, cookieDays, discountPercent } : { valid: false } };
    },
  },

  join: {
    label: 'Become an affiliate',
    audience: 'customer',
    fields: [CODE],
    async run({ values, actor }: Input, ctx: Ctx): Promise<ActionResult> {
      const { id } = readAsker(actor);
      if (!ctx.config.openToCustomers) throw closed('Joining is for admins to decide');
      if (textOf(values['code']) !== undefined && ctx.config.codeType === 'random') {
        throw closed('Codes are chosen at random');
      }
      return await makeAffiliate(ctx, { userId: id, values, traits: actor ?? {} });
    },
  },

  create: {
    label: 'Make a user an affiliate',
    audience: 'admin',
    fields: [USER, CODE, REWARD],
    async run({ values, actor }: Input, ctx: Ctx): Promise<ActionResult> {
      demandAdmin(actor);
      const userId = demandId(values, 'userId');
      const traits = objectAt(values, 'user') ?? {};
      return await makeAffiliate(ctx, { userId, values, traits, reward: readReward(values) });
    },
  },

  update: {
    label: 'Change an affiliate',
    audience: 'admin',
    fields: [AFFILIATE, { name: 'enabled', label: 'Enabled', type: 'boolean' }, REWARD, CODE],
    async run({ values, actor }: Input, ctx: Ctx): Promise<ActionResult> {
      demandAdmin(actor);
      const enabled = values['enabled'];
      if (enabled !== undefined && typeof enabled !== 'boolean') {
        throw fail('invalid_input', 'Field "enabled" must be true or false');
      }
      const changed = await changeAffiliate(ctx.storage, demandId(values, 'affiliateId'), {
        at: new Date().toISOString(),
        enabled,
        rewardBasisPoints: values['reward'] === null ? null : readReward(values),
        code: textOf(values['code']),
      });
      return { message: 'Changed', data: showAffiliate(changed, ctx.config) };
    },
  },

  setPayoutTo: {
    label: 'Say where payouts go',
    audience: 'customer',
    fields: [{ name: 'payoutTo', label: 'Payouts go to', type: 'text', required: true }],
    async run({ values, actor }: Input, ctx: Ctx): Promise<ActionResult> {
      const { id } = readAsker(actor);
      const payoutTo = textOf(values['payoutTo']);
      if (payoutTo === undefined || payoutTo.length > 200) {
        throw fail('invalid_input', 'Field "payoutTo" must have 1 to 200 characters');
      }
      const at = new Date().toISOString();
      const changed = await changeAffiliate(ctx.storage, id, { at, payoutTo });
      return { message: 'Saved', data: showAffiliate(changed, ctx.config) };
    },
  },

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

async function makeAffiliate(
  ctx: Ctx,
  options: {
    readonly userId: string;
    readonly values: JsonObject;
    readonly traits: JsonObject;
    readonly reward?: number | undefined;
  },
): Promise<ActionResult> {
  const code = textOf(options.values['code']);
  const { affiliate, isNew } = await addAffiliate(ctx.storage, options.userId, {
    at: new Date().toISOString(),
    traits: options.traits,
    code,
    rewardBasisPoints: options.reward,
  });
  const message = isNew ? 'The user is an affiliate now' : 'The user is an affiliate already';
  return { message, data: showAffiliate(affiliate, ctx.config) };
}

function readReward(values: JsonObject): number | undefined {
  const given = values['reward'];
  if (given === undefined || given === null || given === '') return undefined;
  const percent = Number(given);
  const isWhole = Math.abs(percent * 100 - Math.round(percent * 100)) < 1e-6;
  if (percent >= 0 && percent <= 100 && isWhole) return toBasisPoints(percent);
  throw fail('invalid_input', 'Field "reward" must be a percentage from 0 to 100, two decimals');
}

function closed(what: string): Error {
  return fail('forbidden', what, { remedy: 'Ask an admin of the panel' });
}
