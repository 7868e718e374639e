// Rows of the gateways: money taken, told, given back, disputed, held, charged again and read back. Every
// fact must be over exactly what was asked.

import type { Fact } from 'cofferdam/sdk';

import { ADA, invoiceOf, paymentOf, renewing } from '../contract/money.ts';
import { camt, entry, line, mt940 } from './bank.ts';
import { STRIPE_SIGNING_SECRET } from './fakes.ts';
import type { Fakes } from './fakes.ts';
import { createPayers } from './payers.ts';
import type { Gateway, Payer, Told } from './payers.ts';
import { signEvent } from './stripe/fake.ts';
import { expect, must } from './table.ts';
import type { Run, Table } from './table.ts';

const PRICE = 1999;
const PART = 500;
const EUR = 'EUR';
const ACTOR = { id: 'admin', role: 'admin' };
const AGREEMENT = { user: ADA, returnUrl: 'https://panel.example/account', currency: EUR };

type Part = {
  readonly table: Table;
  readonly fakes: Fakes;
  readonly gateway: Gateway;
  readonly payer: Payer;
  readonly extension: string;
  readonly run: Run;
};

/** Runs every operation of the five gateways. */
export async function runGateways(table: Table, fakes: Fakes): Promise<void> {
  const payers = createPayers(fakes);
  for (const gateway of ['stripe', 'paypal', 'mollie', 'paypal-ipn'] as const) {
    const extension = `gateways/${gateway}`;
    const run = table.runner(extension);
    const part = { table, fakes, gateway, payer: payers[gateway], extension, run };
    await runPayment(part);
    if (gateway === 'paypal-ipn') {
      for (const each of ['capture', 'void', 'charge', 'cancelSubscription'])
        table.absent(extension, each);
      continue;
    }
    await runHeld(part);
    await runAgreement(part);
    await runSubscription(part);
  }
  await runBank(table);
}

async function tell({ table, extension }: Part, told: Told): Promise<Fact[]> {
  const facts: Fact[] = [];
  for (const request of told) {
    facts.push(...(await table.call(extension, 'webhook', request)).facts);
  }
  return facts;
}

function factOf(facts: readonly Fact[], kind: Fact['kind']): Fact {
  const fact = facts.findLast((each) => each.kind === kind);
  if (fact === undefined) throw new Error(`no ${kind} in ${JSON.stringify(facts)}`);
  return fact;
}

function expectFact(fact: Fact, wanted: readonly unknown[]): void {
  expect('the fact', [fact.state, fact.amountMinor, fact.currency], wanted);
}

async function runPayment(part: Part): Promise<void> {
  const { table, extension, payer, run } = part;
  const invoice = invoiceOf(PRICE);
  const canUse = { amount: invoice.total };
  if (part.gateway === 'paypal-ipn') table.absent(extension, 'reconcile');
  await run('canUse', async () =>
    expect('the answer', (await table.call(extension, 'canUse', canUse)).ok, true),
  );
  let page = await run('pay', () => table.call(extension, 'pay', paymentOf(invoice)));
  if (payer.decline !== undefined) {
    const declined = payer.decline(page);
    await run('webhook, card refused', async () => {
      const fact = factOf(await tell(part, await declined), 'payment');
      expectFact(fact, ['failed', PRICE, EUR]);
    });
    page = await table.call(extension, 'pay', paymentOf(invoice));
  }
  const payment: Fact = await run('webhook, paid', async () => {
    const fact = factOf(await tell(part, await payer.pay(page)), 'payment');
    expectFact(fact, ['succeeded', PRICE, EUR]);
    return fact;
  });
  const transaction = {
    externalId: payment.externalId,
    invoiceId: invoice.id,
    amount: invoice.total,
  };
  const amount = { amountMinor: PART, currency: EUR };
  const refund =
    part.gateway === 'paypal-ipn'
      ? table.absent(extension, 'refund')
      : await run('refund', () => table.call(extension, 'refund', { transaction, amount }));
  await run('webhook, refunded', async () => {
    const given = { externalId: payment.externalId, amountMinor: PART };
    const told = await payer.giveBack(given, refund?.externalId);
    expectFact(factOf(await tell(part, told), 'refund'), ['refunded', PART, EUR]);
  });
  await run('webhook, disputed', async () => {
    const fact = factOf(await tell(part, await payer.dispute(payment.externalId)), 'dispute');
    expectFact(fact, ['disputed', PRICE, EUR]);
    expect('its payment', fact.relatedExternalId, payment.externalId);
  });
  await run('webhook, dispute won', async () => {
    const fact = factOf(await tell(part, await payer.win(payment.externalId)), 'dispute');
    expectFact(fact, ['failed', PRICE, EUR]);
  });
  if (part.gateway === 'paypal-ipn') return;
  await run('reconcile, one', async () => {
    const asked = { externalId: payment.externalId };
    const { facts } = await table.call(extension, 'reconcile', asked);
    expect('the payment', factOf(facts, 'payment').externalId, payment.externalId);
  });
  await run('reconcile, a day', async () => {
    const since = new Date(Date.now() - 86_400_000).toISOString();
    const { facts } = await table.call(extension, 'reconcile', { since });
    const kinds = new Set(facts.map(({ kind }: Fact) => kind));
    expect('a dispute or a payment', kinds.has('dispute') || kinds.has('payment'), true);
  });
}

/** Authorised first, then taken in part or let go: an instance of its own, because config decides. */
async function runHeld(part: Part): Promise<void> {
  const { run, table } = part;
  const extension = await instance(part, 'held', { capture: 'manual' });
  const held = async (id: string) => {
    const invoice = invoiceOf(PRICE, EUR, id);
    const page = await table.call(extension, 'pay', paymentOf(invoice));
    const { gateway, fakes, payer } = part;
    let externalId = page.externalId;
    if (gateway === 'stripe') {
      const session = fakes.stripe.completeCheckout(page.externalId, 'authorised');
      externalId = session['payment_intent'];
    } else {
      const facts = await tell({ ...part, extension }, await payer.pay(page));
      externalId = facts.at(-1)?.externalId;
    }
    return { externalId, invoiceId: id, amount: invoice.total };
  };
  await run('capture', async () => {
    const transaction = await held('capture');
    const amount = { amountMinor: PART, currency: EUR };
    const { facts } = await table.call(extension, 'capture', { transaction, amount });
    expectFact(factOf(facts, 'payment'), ['succeeded', PART, EUR]);
  });
  await run('void', async () => {
    const { status } = await table.call(extension, 'void', { transaction: await held('void') });
    expect('the status', status, 'done');
  });
}

async function runAgreement(part: Part): Promise<void> {
  const { run, table, extension, gateway, fakes, payer } = part;
  const ask = () => table.call(extension, 'createBillingAgreement', AGREEMENT);
  const agreement = await run('createBillingAgreement', async () => {
    const page = await ask();
    if (gateway === 'paypal') {
      fakes.paypal.approve(page.externalId);
      return (await ask()).agreement;
    }
    const told = gateway === 'stripe' ? await setUp(fakes, page.externalId) : await payer.pay(page);
    const { externalId } = factOf(await tell(part, told), 'token');
    return { externalId, label: 'Visa 4242', type: 'card' };
  });
  await run('charge', async () => {
    const invoice = invoiceOf(PRICE, EUR, 'charged');
    const input = { invoice, amount: invoice.total, agreement };
    const { facts } = await table.call(extension, 'charge', input);
    expectFact(factOf(facts, 'payment'), ['succeeded', PRICE, EUR]);
  });
  await run('cancelBillingAgreement', async () => {
    const { cancelled } = await table.call(extension, 'cancelBillingAgreement', { agreement });
    expect('cancelled', cancelled, true);
  });
}

async function setUp({ stripe }: Fakes, id: string): Promise<Told> {
  const event = { type: 'checkout.session.completed', object: stripe.completeCheckout(id) };
  return [await signEvent(event, { secret: STRIPE_SIGNING_SECRET })];
}

async function runSubscription(part: Part): Promise<void> {
  const { run, table, gateway, payer, fakes } = part;
  if (gateway === 'mollie') return table.absent(part.extension, 'cancelSubscription');
  const extension = await instance(part, 'renewing', { mode: 'subscription' });
  await run('cancelSubscription', async () => {
    const page = await table.call(extension, 'pay', paymentOf(renewing(invoiceOf(PRICE))));
    let id = page.externalId;
    if (gateway === 'stripe') id = fakes.stripe.completeCheckout(id)['subscription'];
    else await payer.pay(page);
    const { cancelled } = await table.call(extension, 'cancelSubscription', { externalId: id });
    expect('cancelled', cancelled, true);
  });
}

/** Another instance of a gateway with other config; returns how it is called. */
async function instance({ table, fakes, extension }: Part, name: string, more: object) {
  const path = `/extensions/${extension}/instances`;
  must(await table.host.request('POST', path, { instance: name }));
  const config = { ...fakes.configs[extension], ...more };
  await table.host.enable(`${extension}/instances/${name}`, config);
  return `${extension}/instances/${name}`;
}

async function runBank(table: Table): Promise<void> {
  const extension = 'gateways/bank-transfer';
  const run = table.runner(extension);
  const total = { amountMinor: PRICE, currency: EUR };
  await run('canUse', () => table.call(extension, 'canUse', { amount: total }));
  const open = async (id: string): Promise<string> => {
    const page = await table.call(extension, 'pay', paymentOf(invoiceOf(PRICE, EUR, id)));
    return page.fields.reference;
  };
  const reference = await run('pay', () => open('42'));
  const read = async (statement: string): Promise<void> => {
    const { facts } = await table.call(extension, 'reconcile', { statement });
    expectFact(factOf(facts, 'payment'), ['succeeded', PRICE, EUR]);
  };
  await run('reconcile, CAMT.053', () => read(camt(entry(reference))));
  await run('reconcile, MT940', async () => read(mt940(line(await open('43')))));
  await run('actions.importStatement', async () => {
    const values = { statement: camt(entry(await open('44'))) };
    const input = { subject: {}, values, actor: ACTOR };
    const { facts } = await table.call(extension, 'actions.importStatement', input);
    expectFact(factOf(facts, 'payment'), ['succeeded', PRICE, EUR]);
  });
  await run('actions.recordPayment', async () => {
    const values = { reference: await open('45'), amountMinor: PRICE, bankReference: 'B7' };
    const input = { subject: {}, values, actor: ACTOR };
    const { facts } = await table.call(extension, 'actions.recordPayment', input);
    expect('the invoice', factOf(facts, 'payment').invoiceId, '45');
  });
  await run('reconcile', async () => {
    const { facts } = await table.call(extension, 'reconcile', {});
    expect('what is kept', facts.length, 4);
  });
  for (const each of ['refund', 'capture', 'charge']) table.absent(extension, each);
}
