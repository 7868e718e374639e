// Reads back what Mollie knows: one object by its id, or everything of this instance since a time.
// For payments whose webhook was lost; tells the same facts as the webhook would have.

import { readSince } from 'cofferdam/sdk';
import type { Fact } from 'cofferdam/sdk';

import { idOf, readMarks } from './api.ts';
import type { Mollie } from './api.ts';
import type { MollieContext } from './config.ts';
import { chargebackFact, paymentFacts, readPayment, refundFact } from './facts.ts';
import * as shapes from './shapes.ts';

/** Pages read of each kind in one call, of Mollie's largest size: a result may have 8000 facts. */
const PAGES_MAX = 10;
const PAGE_ITEMS = 250;

type Listed = { readonly id: string; readonly createdAt?: string | undefined };

/** The facts about one object, by its id. */
export async function reconcileOne(
  mollie: Mollie,
  id: string,
  ctx: MollieContext,
): Promise<readonly Fact[]> {
  if (id.startsWith('re_')) {
    const found = await readRefunds(mollie, { from: idOf('re', id), limit: 1 });
    return await refundFacts(
      found.items.filter((each) => each.id === id),
      ctx,
    );
  }
  if (id.startsWith('chb_')) {
    const found = await readChargebacks(mollie, { from: idOf('chb', id), limit: 1 });
    return found.items
      .filter((each) => each.id === id)
      .map((each) => chargebackFact(each, undefined));
  }
  return await paymentFacts(await readPayment(mollie, id), ctx);
}

/** The facts about everything of this instance that was made at or after `since`. */
export async function reconcileSince(
  mollie: Mollie,
  since: string | undefined,
  ctx: MollieContext,
): Promise<readonly Fact[]> {
  const at = readSince(since);
  const payments = await readAll(ctx, at, (page) => readPayments(mollie, page));
  const refunds = await readAll(ctx, at, (page) => readRefunds(mollie, page));
  const chargebacks = await readAll(ctx, at, (page) => readChargebacks(mollie, page));
  const facts: Fact[] = [];
  for (const payment of payments) facts.push(...(await paymentFacts(payment, ctx)));
  facts.push(...(await refundFacts(refunds, ctx)));
  // A chargeback carries no mark: the payment that it names tells whose it is.
  return [...facts, ...chargebacks.map((each) => chargebackFact(each, undefined))];
}

type PageQuery = { readonly from?: string; readonly limit: number };
type PageOf<T> = { readonly items: readonly T[]; readonly next: string | undefined };

async function readPayments(
  mollie: Mollie,
  query: PageQuery,
): Promise<PageOf<shapes.MolliePayment>> {
  const { _embedded, _links } = await mollie.ask(shapes.payments, ['GET', '/v2/payments'], {
    query,
  });
  return { items: _embedded.payments, next: _links?.next?.href };
}

async function readRefunds(
  mollie: Mollie,
  query: PageQuery,
): Promise<PageOf<shapes.MollieRefund & Listed>> {
  const { _embedded, _links } = await mollie.ask(shapes.refunds, ['GET', '/v2/refunds'], { query });
  return { items: _embedded.refunds, next: _links?.next?.href };
}

async function readChargebacks(
  mollie: Mollie,
  query: PageQuery,
): Promise<PageOf<shapes.Chargeback & Listed>> {
  const at = ['GET', '/v2/chargebacks'] as const;
  const { _embedded, _links } = await mollie.ask(shapes.chargebacks, at, { query });
  return { items: _embedded.chargebacks, next: _links?.next?.href };
}

/** Newest first, until one is older than `since`. Only the cursor is taken from Mollie's link. */
async function readAll<T extends Listed>(
  { log }: MollieContext,
  sinceMs: number,
  read: (query: PageQuery) => Promise<PageOf<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let from: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { items, next } = await read({
      limit: PAGE_ITEMS,
      ...(from === undefined ? {} : { from }),
    });
    const young = items.filter(({ createdAt = '' }) => Date.parse(createdAt) >= sinceMs);
    all.push(...young);
    from = URL.parse(next ?? '')?.searchParams.get('from') ?? undefined;
    if (young.length < items.length || from === undefined) return all;
  }
  log.warn('Mollie has more than one call reads: reconcile again from a later time', {
    read: all.length,
  });
  return all;
}

/** Refunds of this instance, and those made in the dashboard, which carry no mark. */
async function refundFacts(
  refunds: readonly shapes.MollieRefund[],
  { storage }: MollieContext,
): Promise<readonly Fact[]> {
  const facts: Fact[] = [];
  for (const refund of refunds) {
    const marks = await readMarks(storage, refund.metadata);
    const isOthers =
      marks === undefined && refund.metadata !== null && refund.metadata !== undefined;
    if (!isOthers) facts.push(refundFact(refund, marks?.invoiceId));
  }
  return facts;
}
