// What each event of the panel adds to the facts. Every handler may run twice, late and at the same time as
// any other.

import type { Context, EventMessage } from 'cofferdam/sdk';

import type { Config } from './config.ts';
import type { Referral } from './documents.ts';
import { readCode, readOrder, readPaid, readRefund, readTime, readUser } from './events.ts';
import { addCustomer, addInvoice, addOrder } from './ledger.ts';
import { addSignals, findByCode, retireAffiliate } from './members.ts';
import { keepTerms } from './programme.ts';
import { signalsOf } from './signals.ts';

const DAY_MS = 86_400_000;

type Ctx = Context<Config>;

/** The handlers by event name; the manifest lists the same names. */
export const reactions = {
  'user.created': async (event: EventMessage, ctx: Ctx) => {
    const { id, traits } = readUser(event);
    const referral = await readReferral(event, 'signup', ctx);
    const { signals } = await addCustomer(ctx.storage, id, {
      signupAt: readTime(event),
      signals: await signalsOf(ctx.storage, traits),
      ...(referral === undefined ? {} : { referrals: [referral] }),
    });
    await addSignals(ctx.storage, id, signals);
    return { referredBy: referral?.affiliateId ?? null };
  },

  'user.updated': async (event: EventMessage, ctx: Ctx) => {
    const { id, traits } = readUser(event);
    const signals = await signalsOf(ctx.storage, traits);
    if (signals.length === 0) return;
    const customer = await addCustomer(ctx.storage, id, { signals });
    // Of a user who was deleted there are none, even when this event comes late.
    await addSignals(ctx.storage, id, customer.signals);
  },

  'user.deleted': async (event: EventMessage, ctx: Ctx) => {
    const { id } = readUser(event);
    await addCustomer(ctx.storage, id, { erased: true });
    await retireAffiliate(ctx.storage, id, readTime(event));
  },

  'order.created': async (event: EventMessage, ctx: Ctx) => {
    const { id, order } = readOrder(event);
    const referral = ctx.config.existingCustomers
      ? await readReferral(event, 'order', ctx)
      : undefined;
    if (referral !== undefined) {
      await addCustomer(ctx.storage, order.userId, { referrals: [referral] });
    }
    await addOrder(ctx.storage, id, order);
  },

  'invoice.paid': async (event: EventMessage, ctx: Ctx) => {
    const { id, paid } = readPaid(event);
    await keepTerms(ctx.storage, ctx.config, Date.now());
    await addInvoice(ctx.storage, id, { paid });
  },

  'payment.refunded': takeBack,
  'payment.disputed': takeBack,
} as const;

async function takeBack(event: EventMessage, ctx: Ctx): Promise<void> {
  const { invoiceId, id, refund } = readRefund(event);
  await addInvoice(ctx.storage, invoiceId, { refunds: { [id]: refund } });
}

/** By whom the customer of an event came; undefined without a code, with an unknown or an expired one. */
async function readReferral(
  event: EventMessage,
  source: Referral['source'],
  ctx: Ctx,
): Promise<Referral | undefined> {
  const used = readCode(event);
  if (used === undefined) return undefined;
  const at = readTime(event);
  const affiliate = await findByCode(ctx.storage, used.code);
  const { cookieDays } = ctx.config;
  const ageMs = used.visitedAt === null ? 0 : Date.parse(at) - Date.parse(used.visitedAt);
  const isExpired = cookieDays > 0 && ageMs > cookieDays * DAY_MS;
  if (affiliate !== undefined && !isExpired) return { affiliateId: affiliate.id, at, source };
  const why = affiliate === undefined ? 'nobody has this code' : 'the visit is too long ago';
  ctx.log.info('A referral does not count', { event: event.id, code: used.code.slice(0, 60), why });
  return undefined;
}
