// The pages of data: what a customer sees of their own, what an admin sees of everybody.

import { textOf } from 'cofferdam/sdk';
import type { Context, JsonObject, Page } from 'cofferdam/sdk';

import type { Config } from './config.ts';
import { KEYS } from './keep.ts';
import { findByCode, standingOf } from './members.ts';
import type { Affiliate } from './members.ts';
import { listPayouts, showPayout } from './payouts.ts';
import { readStatement } from './programme.ts';
import { readReport } from './report.ts';
import {
  demandAdmin,
  demandId,
  readAsker,
  readNumber,
  showAffiliate,
  showStatement,
} from './show.ts';

type Request = { readonly params: JsonObject; readonly viewer?: JsonObject };
type Ctx = Context<Config>;

/** Affiliates on one page of the list: each costs a few reads. */
const LIST_MAX = 25;

/** The pages by name. */
export const pages = {
  /** The viewer's own affiliate account, or that there is none. */
  async me({ params, viewer }: Request, ctx: Ctx): Promise<Page> {
    const { id } = readAsker(viewer);
    const affiliate = await ctx.storage.get<Affiliate>(KEYS.affiliate(id));
    const mayJoin = ctx.config.openToCustomers;
    if (affiliate === null) return { title: 'Affiliate', data: { joined: false, mayJoin } };
    const { statement, totals } = await readReport(ctx, id, Date.now());
    return {
      title: 'Affiliate',
      data: {
        joined: true,
        affiliate: showAffiliate(affiliate, ctx.config),
        totals,
        ...showStatement(statement, params, false),
        payouts: (await listPayouts(ctx.storage, id)).map(showPayout),
      },
    };
  },

  /** Whether a code is good, for the page where somebody signs up. */
  async code({ params }: Request, ctx: Ctx): Promise<Page> {
    const affiliate = await findByCode(ctx.storage, textOf(params['code']) ?? '');
    const isValid = affiliate !== undefined && standingOf(affiliate)?.enabled === true;
    const discount = isValid ? ctx.config.customerDiscount : 0;
    return {
      title: 'Code',
      data: { valid: isValid, discountPercent: discount, cookieDays: ctx.config.cookieDays },
    };
  },

  /** All affiliates with what is due to each. */
  async affiliates({ params, viewer }: Request, ctx: Ctx): Promise<Page> {
    demandAdmin(viewer);
    const after = textOf(params['after']);
    const limit = Math.max(1, readNumber(params['limit'], LIST_MAX, LIST_MAX));
    const found = await ctx.storage.list<Affiliate>('affiliate:', {
      limit: limit + 1,
      ...(after === undefined ? {} : { after: KEYS.affiliate(after) }),
    });
    const rows = [];
    for (const { value } of found.slice(0, limit)) {
      const { balances } = await readStatement(ctx, value.id, Date.now());
      rows.push({
        ...showAffiliate(value, ctx.config),
        balances: balances.map((each) => ({ ...each })),
      });
    }
    const next = found.length > limit ? (found[limit - 1]?.value.id ?? null) : null;
    return { title: 'Affiliates', data: { affiliates: rows, next } };
  },

  /** One affiliate with ledger, payouts and months. */
  async affiliate({ params, viewer }: Request, ctx: Ctx): Promise<Page> {
    demandAdmin(viewer);
    const id = demandId(params, 'id');
    const { statement, totals, byMonth } = await readReport(ctx, id, Date.now());
    return {
      title: 'Affiliate',
      data: {
        affiliate: showAffiliate(statement.affiliate, ctx.config),
        totals,
        months: byMonth,
        ...showStatement(statement, params, true),
        payouts: (await listPayouts(ctx.storage, id)).map(showPayout),
      },
    };
  },
} as const;
