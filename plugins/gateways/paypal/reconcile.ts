// Reads back what PayPal knows: one object by its id, or everything that is open and all disputes since a
// time. For payments whose webhook was lost; tells the same facts as the webhook would have.

import { fail, listStarted, pathId, readMark, readSince } from 'cofferdam/sdk';
import type { Fact } from 'cofferdam/sdk';

import { settleSetup } from './agreements.ts';
import type { PayPal } from './api.ts';
import { readAuthorization } from './authorizations.ts';
import type { PayPalContext } from './config.ts';
import { authorizationFact, captureFact, disputeFact, refundFact } from './facts.ts';
import { onApproved, readOrder } from './orders.ts';
import * as shapes from './shapes.ts';
import { readSubscription, subscriptionFacts } from './subscriptions.ts';

/** Open payments and pages of disputes looked at in one call; the next call goes on with the rest. */
const STARTED_MAX = 100;
const DISPUTE_PAGES_MAX = 10;
const DISPUTES_PER_PAGE = 50;

/** The payment behind a capture's id as a fact; undefined when it is none of ours. */
export async function readPayment(
  paypal: PayPal,
  captureId: string | undefined,
  ctx: PayPalContext,
): Promise<Fact | undefined> {
  if (captureId === undefined) return undefined;
  const path = `/v2/payments/captures/${pathId(captureId, 'PayPal')}`;
  const capture = await paypal.find(shapes.capture, path);
  const invoiceId = await readMark(ctx.storage, capture?.custom_id);
  if (capture === undefined || invoiceId === undefined) return undefined;
  return captureFact(capture, invoiceId);
}

/**
 * What a dispute says, unless it carries the mark of somebody else. One without a mark is told with
 * the payment it belongs to: the host knows whether it has that one.
 */
export async function disputeFacts(
  dispute: shapes.Dispute,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const mark = dispute.disputed_transactions[0]?.custom;
  const invoiceId = await readMark(ctx.storage, mark);
  if (mark !== undefined && invoiceId === undefined) return [];
  return [{ ...disputeFact(dispute), ...(invoiceId === undefined ? {} : { invoiceId }) }];
}

/**
 * The facts about one object, by any id that this extension gave out. An approved order is captured.
 * PayPal's ids do not say what they are of: each kind is asked for until one is found.
 */
export async function reconcileOne(
  paypal: PayPal,
  id: string,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  if (id.startsWith('I-')) return await reconcileSubscription(paypal, id, ctx);
  if (id.startsWith('PP-')) return await readDispute(paypal, id, ctx);
  const setup = await settleSetup(paypal, id, ctx);
  if (setup !== undefined) return setup;
  const order = await readOrder(paypal, id);
  if (order !== undefined) {
    const isOpen = ['CREATED', 'SAVED', 'PAYER_ACTION_REQUIRED', 'VOIDED'].includes(order.status);
    return isOpen ? [] : await onApproved(paypal, order, ctx);
  }
  const payment = await readPayment(paypal, id, ctx);
  if (payment !== undefined) return [payment];
  const refund = await paypal.find(shapes.refund, `/v2/payments/refunds/${pathId(id, 'PayPal')}`);
  if (refund !== undefined) {
    return [refundFact(refund, await readMark(ctx.storage, refund.custom_id))];
  }
  const authorization = await readAuthorization(paypal, id);
  const invoiceId = await readMark(ctx.storage, authorization?.custom_id);
  if (authorization === undefined || invoiceId === undefined) {
    throw fail(
      'not_found',
      `Cannot reconcile "${id}": PayPal has no payment of this instance by it`,
      {
        remedy: 'Use an id that this extension reported, in the environment it was reported in',
      },
    );
  }
  return [authorizationFact(authorization, invoiceId)];
}

/** The facts about all payments that are still open, and about disputes since `since`. */
export async function reconcileSince(
  paypal: PayPal,
  since: string | undefined,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const from = new Date(readSince(since)).toISOString();
  const facts: Fact[] = [];
  for (const { started } of await listStarted(ctx.storage, STARTED_MAX)) {
    // A charge that has no id yet is for its own operation to repeat.
    if (started.id === '') continue;
    const found =
      started.mode === 'subscription'
        ? await reconcileSubscription(paypal, started.id, ctx)
        : await reconcileOrder(paypal, started.id, ctx);
    facts.push(...found);
  }
  return [...facts, ...(await readDisputes(paypal, from, ctx))];
}

async function reconcileOrder(
  paypal: PayPal,
  id: string,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const order = await readOrder(paypal, id);
  const isDecided = ['APPROVED', 'COMPLETED'].includes(order?.status ?? '');
  return order !== undefined && isDecided ? await onApproved(paypal, order, ctx) : [];
}

async function reconcileSubscription(
  paypal: PayPal,
  id: string,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const subscription = await readSubscription(paypal, id);
  const invoiceId = await readMark(ctx.storage, subscription?.custom_id);
  if (subscription === undefined || invoiceId === undefined) return [];
  if (subscription.status === 'APPROVAL_PENDING') return [];
  return await subscriptionFacts(paypal, subscription, invoiceId);
}

async function readDisputes(
  paypal: PayPal,
  since: string,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const facts: Fact[] = [];
  let token: string | undefined;
  for (let page = 0; page < DISPUTE_PAGES_MAX; page += 1) {
    const { items, links } = await paypal.ask(shapes.disputes, ['GET', '/v1/customer/disputes'], {
      query: { start_time: since, page_size: DISPUTES_PER_PAGE, next_page_token: token },
    });
    for (const { dispute_id: id } of items) facts.push(...(await readDispute(paypal, id, ctx)));
    const next = links.find(({ rel }) => rel === 'next')?.href;
    token = URL.parse(next ?? '')?.searchParams.get('next_page_token') ?? undefined;
    if (token === undefined) return facts;
  }
  ctx.log.warn('PayPal has more disputes than one call reads: reconcile again from a later time', {
    read: facts.length,
  });
  return facts;
}

async function readDispute(
  paypal: PayPal,
  id: string,
  ctx: PayPalContext,
): Promise<readonly Fact[]> {
  const path = `/v1/customer/disputes/${pathId(id, 'PayPal')}`;
  return await disputeFacts(await paypal.ask(shapes.dispute, ['GET', path]), ctx);
}
