// What an admin and a customer can start. Each may be started twice: the second time changes nothing.

import { fail, textOf } from 'cofferdam/sdk';
import type { ActionResult, Context, JsonObject } from 'cofferdam/sdk';

import { toBasisPoints } from './config.ts';
import type { Config } from './config.ts';
import { objectAt } from './events.ts';
import { addAffiliate, changeAffiliate } from './members.ts';
import { AFFILIATE, payoutActions, USER } from './payout-actions.ts';
import { demandAdmin, demandId, readAsker, showAffiliate } from './show.ts';
import { addVisit } from './visits.ts';

type Input = { readonly values: JsonObject; readonly actor?: JsonObject };
type Ctx = Context<Config>;

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

  ...payoutActions,
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
