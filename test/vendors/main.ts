// `npm run vendors`: every operation of every shipped extension, really run in the sandbox against its
// vendor's fake. Prints a table; exit code 1 when an operation fails.

import { existsSync } from 'node:fs';

import type { Service } from 'cofferdam/sdk';

import { invoiceOf, paymentOf } from '../contract/money.ts';
import { startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';
import { startFakes, PAYPAL_WEBHOOK_ID, STRIPE_SIGNING_SECRET } from './fakes.ts';
import type { Fakes, Panel } from './fakes.ts';
import { webhookRequest } from './mollie/fake.ts';
import { signEvent } from './stripe/fake.ts';

/** What requests were checked against, beside the rules of the fake. */
const SPECS: Readonly<Record<string, string>> = {
  'servers/proxmox': 'proxmox-9.1.3.json',
  'servers/plesk': 'plesk.json',
  'servers/enhance': 'enhance.yml',
  'servers/directadmin': 'directadmin-api_spec.json',
  'servers/cpanel': 'cpanel-vcr',
  'gateways/stripe': 'stripe-spec3-2023.yaml',
  'gateways/paypal': 'paypal',
  'gateways/mollie': 'mollie.yaml',
  'others/discordnotifications': 'discord.json',
};
const SHARED = new URL('../../../shared/specs/', import.meta.url);
const WITHOUT_FAKE = ['gateways/bank-transfer', 'others/affiliates', 'others/announcements'];
const SETTLES_MAX = 20;

type Row = { readonly extension: string; readonly operation: string; readonly result: string };
type Run = (operation: string, act: () => Promise<unknown>) => Promise<any>;

function oracleOf(extension: string): string {
  const spec = SPECS[extension];
  if (spec !== undefined && existsSync(new URL(spec, SHARED))) return `fake + ${spec}`;
  return WITHOUT_FAKE.includes(extension) ? 'no vendor' : 'fake’s own rules';
}

await using fakes = await startFakes();
await using host = await startTestHost({}, { shipped: true, egress: fakes.egress });
const rows: Row[] = [];

const call = async (extension: string, handler: string, input: unknown): Promise<any> => {
  const { status, body } = await host.call(extension, handler, input);
  if (status === 200 && body.result?.status !== 'failed') return body.result;
  throw new Error(body.details?.failure?.message ?? body.detail ?? JSON.stringify(body));
};
const runner =
  (extension: string): Run =>
  async (operation, act) => {
    try {
      const value = await act();
      rows.push({ extension, operation, result: 'works' });
      return value;
    } catch (error) {
      rows.push({
        extension,
        operation,
        result: `FAILS: ${(error as Error).message.slice(0, 400)}`,
      });
      return undefined;
    }
  };

for (const [extension, config] of Object.entries(fakes.configs)) {
  const run = runner(extension);
  await run('enable', () => host.enable(extension, config));
  await run('testConnection', () => test(host, extension));
}
for (const panel of fakes.panels) await runPanel(panel, runner(`servers/${panel.vendor.name}`));
await runGateways(fakes);
await runOthers(fakes);
print();

async function test(of: TestHost, extension: string): Promise<void> {
  const { body } = await of.request('POST', `/extensions/${extension}/test`);
  if (body.ok !== true) throw new Error(JSON.stringify(body));
}

async function runPanel({ vendor, subject }: Panel, run: Run): Promise<void> {
  const extension = `servers/${vendor.name}`;
  const { definition } = vendor;
  let service: Service = subject.service('table');
  const settle = async (operation: string, input: unknown): Promise<void> => {
    let result = await call(extension, operation, input);
    for (let tries = 0; ; tries += 1) {
      service = { ...service, properties: { ...service.properties, ...result.properties } };
      if (result.status !== 'pending') return;
      if (tries >= SETTLES_MAX) throw new Error('is pending for ever');
      subject.finishWork();
      result = await call(extension, 'reconcile', { operation, service });
    }
  };
  const { product, checkout, user } = service;
  const asks: readonly [string, () => unknown][] = [
    ['productConfig', () => product.settings],
    ['checkoutConfig', () => ({ product, values: {} })],
    ['validate', () => ({ product, checkout, user })],
    ['create', () => service],
    ['suspend', () => service],
    ['unsuspend', () => service],
    ['getLoginUrl', () => service],
    ['usage', () => service],
    ['info', () => service],
    ['list', () => ({})],
    ['renew', () => service],
    ['changePassword', () => ({ service })],
    [
      'changePackage',
      () => ({
        ...service,
        product: { ...product, settings: vendor.larger?.settings ?? product.settings },
        previousProduct: product,
      }),
    ],
    ['terminate', () => service],
  ];
  const moves = ['create', 'suspend', 'unsuspend', 'renew', 'changePassword', 'changePackage'];
  for (const [operation, input] of asks) {
    if ((definition as Record<string, unknown>)[operation] === undefined) {
      rows.push({ extension, operation, result: '–' });
      continue;
    }
    const isMove = operation === 'terminate' || moves.includes(operation);
    await run(operation, () =>
      isMove ? settle(operation, input()) : call(extension, operation, input()),
    );
  }
  if (subject.objects().length > 0) {
    rows.push({ extension, operation: 'terminate', result: 'FAILS: the object is still there' });
  }
}

/** Pays, is told by webhook, gives a part back; the fact must be what was asked. */
async function runGateways({ stripe, paypal, ipn, mollie }: Fakes): Promise<void> {
  const told: Readonly<Record<string, (page: any) => unknown>> = {
    'gateways/stripe': (page) =>
      signEvent(
        { type: 'checkout.session.completed', object: stripe.completeCheckout(page.externalId) },
        { secret: STRIPE_SIGNING_SECRET },
      ),
    'gateways/paypal': (page) =>
      paypal.event('CHECKOUT.ORDER.APPROVED', paypal.approve(page.externalId), PAYPAL_WEBHOOK_ID),
    'gateways/mollie': (page) => {
      mollie.pay(page.externalId);
      return webhookRequest(`id=${page.externalId}`);
    },
    'gateways/paypal-ipn': (page) => ipn.pay(page.url),
  };
  const amount = { amountMinor: 500, currency: 'EUR' };
  for (const [extension, tell] of Object.entries(told)) {
    const run = runner(extension);
    const invoice = invoiceOf(1999);
    const page = await run('pay', () => call(extension, 'pay', paymentOf(invoice)));
    const fact = await run('webhook', async () => {
      const { facts } = await call(extension, 'webhook', await tell(page));
      const paid = facts.find(({ kind }: { kind: string }) => kind === 'payment');
      if (paid?.amountMinor === 1999 && paid.currency === 'EUR') return paid;
      throw new Error(`facts are ${JSON.stringify(facts)}`);
    });
    if (extension === 'gateways/paypal-ipn') {
      rows.push({ extension, operation: 'refund', result: '–' });
      continue;
    }
    const transaction = {
      externalId: fact?.externalId,
      invoiceId: invoice.id,
      amount: invoice.total,
    };
    await run('refund', () => call(extension, 'refund', { transaction, amount }));
  }
  const run = runner('gateways/bank-transfer');
  await run('pay', () => call('gateways/bank-transfer', 'pay', paymentOf(invoiceOf(1999))));
  await run('canUse', () => call('gateways/bank-transfer', 'canUse', { amount }));
}

/** Hands each an event, as the host does. */
async function runOthers({ discord, receiver }: Fakes): Promise<void> {
  const total = { amountMinor: 1999, currency: 'EUR' };
  const event = {
    id: 'evt_1',
    type: 'invoice.paid',
    at: new Date().toISOString(),
    data: { invoice: { id: '77', total }, id: '77', total, user: { id: '7', name: 'Ada' } },
  };
  for (const name of ['discordnotifications', 'webhook', 'affiliates']) {
    const extension = `others/${name}`;
    await runner(extension)('on.invoice.paid', () => call(extension, 'on.invoice.paid', event));
  }
  const arrived: readonly [string, number][] = [
    ['others/discordnotifications', discord.messages.length],
    ['others/webhook', receiver.messages.length],
  ];
  for (const [extension, count] of arrived) {
    if (count > 0) continue;
    rows.push({ extension, operation: 'on.invoice.paid', result: 'FAILS: nothing arrived' });
  }
}

function print(): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  process.stdout.write(line(['extension', 'operation', 'oracle', 'result']));
  process.stdout.write(line(['---', '---', '---', '---']));
  for (const { extension, operation, result } of rows.toSorted((a, b) =>
    a.extension < b.extension ? -1 : a.extension > b.extension ? 1 : 0,
  )) {
    process.stdout.write(line([extension, operation, oracleOf(extension), result]));
  }
  const failed = rows.filter(({ result }) => result.startsWith('FAILS')).length;
  const worked = rows.filter(({ result }) => result === 'works').length;
  const count = new Set(rows.map(({ extension }) => extension)).size;
  process.stdout.write(`${count} extensions, ${worked} operations work, ${failed} fail\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
