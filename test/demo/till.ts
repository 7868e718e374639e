// The till of the demo: payments on the fakes of four gateways and a bank, their webhooks late, twice and
// in any order, and the books that the host's ledger and the vendors' own are held against at the end.

import type { WebhookRequest } from 'cofferdam/sdk';

import { invoiceOf, paymentOf } from '../contract/money.ts';
import type { TestHost } from '../helpers/host.ts';
import { ADMIN_TOKEN } from '../helpers/host.ts';
import { camt, entry, line, mt940 } from '../vendors/bank.ts';
import type { Fakes } from '../vendors/fakes.ts';
import { createPayers } from '../vendors/payers.ts';
import type { Gateway as Telling, Told } from '../vendors/payers.ts';
import { compareBooks, GATEWAYS } from './books.ts';
import type { Booked, Gateway, LedgerFact } from './books.ts';
import type { Plant } from './plant.ts';

/** What the company does with money. */
export type Till = ReturnType<typeof createTill>;

const WAIT_MS = 60_000;
const LOOK_MS = 50;
const PAGES_MAX = 1_000;
const PAGE = 500;

/** Opens it. Every message of a vendor waits in a queue until `deliver`. */
export function createTill(
  host: TestHost,
  fakes: Fakes,
  { random, plant }: { readonly random: () => number; readonly plant: Plant },
) {
  const payers = createPayers(fakes);
  const waiting: { gateway: Telling; request: WebhookRequest }[] = [];
  const arrived: { reference: string; amountMinor: number }[] = [];
  const books = new Map<string, Booked>();
  const refused = new Set<string>();
  const counts = { refusals: 0, parts: 0, won: 0, webhooks: 0, statements: 0 };

  const call = async (gateway: Gateway, handler: string, input: unknown): Promise<any> => {
    const { status, body } = await host.call(`gateways/${gateway}`, handler, input);
    if (status === 200 && body.result?.status !== 'failed') return body.result;
    throw new Error(`${gateway} ${handler}: ${JSON.stringify(body)}`);
  };
  const queue = (gateway: Telling, told: Told): void => {
    for (const request of told) {
      for (let times = random() < 0.3 ? 2 : 1; times > 0; times -= 1)
        waiting.push({ gateway, request });
    }
  };
  const open = (gateway: Gateway, invoiceId: string, amountMinor: number): Promise<any> =>
    call(gateway, 'pay', paymentOf(invoiceOf(amountMinor, 'EUR', invoiceId)));
  const bookOf = (invoiceId: string): Booked => {
    const found = books.get(invoiceId);
    if (found !== undefined) return found;
    throw new Error(`Nobody paid invoice ${invoiceId}`);
  };

  async function pay(gateway: Gateway, invoiceId: string, amountMinor: number): Promise<void> {
    const page = await open(gateway, invoiceId, amountMinor);
    if (gateway === 'bank-transfer') {
      arrived.push({ reference: page.fields.reference, amountMinor });
    } else {
      const isLate = invoiceId.startsWith('renewal-');
      if (gateway === 'mollie' && isLate && plant('money')) takeOneMore(fakes, page.externalId);
      const told = await payers[gateway].pay(page);
      if (!(isLate && plant('webhook'))) queue(gateway, told);
    }
    refused.delete(invoiceId);
    books.set(invoiceId, { gateway, amountMinor, returnedMinor: 0, isDisputed: false });
  }

  /** A card that its bank refuses; the invoice may be paid later. False where there are no cards. */
  async function payInVain(gateway: Gateway, invoiceId: string, minor: number): Promise<boolean> {
    const payer = gateway === 'bank-transfer' ? undefined : payers[gateway];
    if (gateway === 'bank-transfer' || payer?.decline === undefined) return false;
    queue(gateway, await payer.decline(await open(gateway, invoiceId, minor)));
    refused.add(invoiceId);
    counts.refusals += 1;
    return true;
  }

  async function paymentFact(invoiceId: string): Promise<LedgerFact> {
    const found = (await facts()).find(
      (fact) => fact.invoiceId === invoiceId && fact.kind === 'payment' && fact.state !== 'failed',
    );
    if (found !== undefined) return found;
    throw new Error(`The ledger has no payment of invoice ${invoiceId}`);
  }

  /** Gives a part or all back. A bank has no way to do it: that is done by hand, outside the books. */
  async function giveBack(invoiceId: string, amountMinor: number): Promise<void> {
    const book = bookOf(invoiceId);
    if (book.gateway === 'bank-transfer') return;
    const { externalId } = await paymentFact(invoiceId);
    const amount = { amountMinor, currency: 'EUR' };
    const whole = { amountMinor: book.amountMinor, currency: 'EUR' };
    const transaction = { externalId, invoiceId, amount: whole };
    const made =
      book.gateway === 'paypal-ipn'
        ? undefined
        : await call(book.gateway, 'refund', { transaction, amount });
    const given = { externalId, amountMinor };
    queue(book.gateway, await payers[book.gateway].giveBack(given, made?.externalId));
    book.returnedMinor += amountMinor;
    if (amountMinor < book.amountMinor) counts.parts += 1;
  }

  /** A bank takes a payment back, and may give it to us again. */
  async function dispute(invoiceId: string, isWon: boolean): Promise<void> {
    const book = bookOf(invoiceId);
    if (book.gateway === 'bank-transfer') return;
    const { externalId } = await paymentFact(invoiceId);
    queue(book.gateway, await payers[book.gateway].dispute(externalId));
    if (isWon) {
      queue(book.gateway, await payers[book.gateway].win(externalId));
      counts.won += 1;
    }
    book.isDisputed = !isWon;
  }

  async function facts(): Promise<LedgerFact[]> {
    const all: LedgerFact[] = [];
    let after = '0';
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const reply = await fetch(`${host.url}/api/v1/facts?after=${after}&limit=${PAGE}`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      const body: any = await reply.json();
      all.push(...body.facts);
      if (body.facts.length === 0 || body.next === after) return all;
      after = body.next;
    }
    throw new Error('The ledger has no end');
  }

  /** Sends everything that waits, in any order, and waits until the host has dealt with it. */
  async function deliver(): Promise<void> {
    while (waiting.length > 0) {
      const [next] = waiting.splice(Math.floor(random() * waiting.length), 1);
      if (next === undefined) break;
      const { method, headers, body } = next.request;
      const reply = await fetch(`${host.url}/hooks/gateways/${next.gateway}/default`, {
        method,
        headers: { ...headers },
        body,
      });
      if (reply.status >= 300) throw new Error(`${next.gateway}: ${await reply.text()}`);
      counts.webhooks += 1;
    }
    await importStatements();
    await settled(host);
  }

  /** Half of what came to the bank by CAMT.053, which is imported twice, the other half by MT940. */
  async function importStatements(): Promise<void> {
    const all = arrived.splice(0);
    if (all.length === 0) return;
    const half = Math.ceil(all.length / 2);
    const xml = camt(
      all
        .slice(0, half)
        .map(({ reference, amountMinor }) => entry(reference, decimal(amountMinor)))
        .join(''),
    );
    const values = { statement: xml };
    const input = { subject: {}, values, actor: { id: 'admin', role: 'admin' } };
    for (let times = 0; times < 2; times += 1) {
      await call('bank-transfer', 'actions.importStatement', input);
    }
    const lines = all
      .slice(half)
      .map(({ reference, amountMinor }, nth) =>
        line(reference, decimal(amountMinor).replace('.', ','), `B${counts.statements}-${nth}`),
      );
    if (lines.length > 0) {
      const statement = mt940(lines.join('\r\n'));
      await call('bank-transfer', 'reconcile', { statement });
    }
    counts.statements += 2;
  }

  const compare = async (): Promise<string[]> =>
    compareBooks({ books, refused, facts: await facts(), fakes });
  const summary = (): string => {
    const all = [...books.values()];
    const sum = (of: (book: Booked) => number): string =>
      `${decimal(all.reduce((total, book) => total + of(book), 0))} EUR`;
    const back = all.filter(({ returnedMinor }) => returnedMinor > 0).length;
    const lost = all.filter(({ isDisputed }) => isDisputed).length;
    return (
      `${all.length} payments of ${sum(({ amountMinor }) => amountMinor)} at ${GATEWAYS.length} gateways, ` +
      `${counts.refusals} cards refused, ${back} given back (${sum(({ returnedMinor }) => returnedMinor)}, ` +
      `${counts.parts} in parts), ${lost} disputes lost, ${counts.won} won, ${counts.webhooks} webhooks, ` +
      `${counts.statements} statements`
    );
  };
  return { pay, payInVain, giveBack, dispute, deliver, compare, summary };
}

/** Resolves when no event and no webhook waits or runs. */
export async function settled(host: TestHost): Promise<void> {
  const untilMs = performance.now() + WAIT_MS;
  for (;;) {
    let open = 0;
    for (const kind of ['event', 'webhook']) {
      for (const state of ['waiting', 'running']) {
        const path = `/deliveries?kind=${kind}&state=${state}&limit=1`;
        open += (await host.request('GET', path)).body.deliveries.length;
      }
    }
    if (open === 0) return;
    if (performance.now() > untilMs) throw new Error('Deliveries do not come to an end');
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const decimal = (minor: number): string => (minor / 100).toFixed(2);

/** The planted error: the vendor takes one cent more than was asked. */
function takeOneMore({ mollie }: Fakes, id: string): void {
  const payment = mollie.state.payments.get(id);
  const minor = Math.round(Number(payment?.['amount'].value) * 100) + 1;
  if (payment !== undefined) payment['amount'] = { ...payment['amount'], value: decimal(minor) };
}
