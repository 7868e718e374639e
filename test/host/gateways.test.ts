// The gateways in the real sandbox: real build, cell and egress, towards their vendors' fakes. That the
// guest holds no secret is what only this can show; everything else is in test/plugins/gateways.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { invoiceOf, paymentOf } from '../contract/money.ts';
import { egressTo } from '../helpers/egress.ts';
import { ADMIN_TOKEN, startTestHost } from '../helpers/host.ts';
import { line, mt940 } from '../vendors/bank.ts';
import type { TestHost } from '../helpers/host.ts';
import { API_KEY, startFakeMollie, webhookRequest } from '../vendors/mollie/fake.ts';
import type { FakeMollie } from '../vendors/mollie/fake.ts';
import { EMAIL, startFakeIpn } from '../vendors/paypal-ipn/fake.ts';
import type { FakeIpn } from '../vendors/paypal-ipn/fake.ts';
import { CLIENT_ID, CLIENT_SECRET, startFakePayPal } from '../vendors/paypal/fake.ts';
import type { FakePayPal } from '../vendors/paypal/fake.ts';

describe('gateways in the sandbox', { timeout: 60_000 }, () => {
  let host: TestHost;
  let paypal: FakePayPal;
  let mollie: FakeMollie;
  let ipn: FakeIpn;

  before(async () => {
    paypal = await startFakePayPal();
    mollie = await startFakeMollie();
    ipn = await startFakeIpn();
    const ports: Record<string, number> = {
      'api-m.sandbox.paypal.com': paypal.port,
      'api.mollie.com': mollie.port,
      'ipnpb.sandbox.paypal.com': ipn.port,
    };
    host = await startTestHost(
      {},
      {
        shipped: true,
        egress: egressTo(ports),
      },
    );
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await paypal[Symbol.asyncDispose]();
    await mollie[Symbol.asyncDispose]();
    await ipn[Symbol.asyncDispose]();
  });

  const result = async (extension: string, handler: string, input: unknown): Promise<any> => {
    const { status, body } = await host.call(extension, handler, input);
    assert.equal(status, 200, JSON.stringify(body));
    return body.result;
  };

  it('takes a PayPal payment with a secret the guest never holds', async () => {
    await host.enable('gateways/paypal', {
      environment: 'sandbox',
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      webhookId: 'WH1',
    });
    const page = await result('gateways/paypal', 'pay', paymentOf(invoiceOf(1999)));
    assert.equal(page.kind, 'redirect');
    const approved = paypal.approve(page.externalId);
    const event = paypal.event('CHECKOUT.ORDER.APPROVED', approved, 'WH1');
    const { facts } = await result('gateways/paypal', 'webhook', event);
    assert.deepEqual(
      [facts[0].kind, facts[0].state, facts[0].amountMinor, facts[0].invoiceId],
      ['payment', 'succeeded', 1999, '42'],
    );
    const forged = { ...event, body: event.body.replace('"42"', '"43"').concat(' ') };
    const refused = await host.call('gateways/paypal', 'webhook', forged);
    assert.equal(refused.body.details.failure.code, 'unauthorized');
    const [first, ...others] = paypal.requests;
    const basic = `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}`;
    assert.equal(first?.headers['authorization'], basic);
    assert.ok(others.every(({ headers }) => headers['authorization']?.startsWith('Bearer A21AA-')));
    assert.deepEqual(paypal.problems, []);
  });

  it('takes a Mollie payment with a key the guest never holds', async () => {
    await host.enable('gateways/mollie', { apiKey: API_KEY });
    const page = await result('gateways/mollie', 'pay', paymentOf(invoiceOf(500, 'JPY')));
    mollie.pay(page.externalId);
    const delivery = webhookRequest(`id=${page.externalId}`);
    const { facts } = await result('gateways/mollie', 'webhook', delivery);
    assert.deepEqual(
      [facts[0].kind, facts[0].state, facts[0].amountMinor, facts[0].currency],
      ['payment', 'succeeded', 500, 'JPY'],
    );
    const forged = webhookRequest('id=../customers');
    const refused = await host.call('gateways/mollie', 'webhook', forged);
    assert.equal(refused.body.details.failure.code, 'unauthorized');
    assert.ok(
      mollie.requests.every(({ headers }) => headers['authorization'] === `Bearer ${API_KEY}`),
    );
    assert.deepEqual(mollie.problems, []);
  });

  it('believes a PayPal notification that PayPal knows, and no other', async () => {
    await host.enable('gateways/paypal-ipn', { email: EMAIL, environment: 'sandbox' });
    const page = await result('gateways/paypalipn', 'pay', paymentOf(invoiceOf(1999)));
    const notification = ipn.pay(page.url);
    const { facts } = await result('gateways/paypal-ipn', 'webhook', notification);
    assert.deepEqual(
      [facts[0].kind, facts[0].state, facts[0].amountMinor, facts[0].invoiceId],
      ['payment', 'succeeded', 1999, '42'],
    );
    const forged = { ...notification, body: notification.body.replace('19.99', '0.01') };
    const refused = await host.call('gateways/paypal-ipn', 'webhook', forged);
    assert.equal(refused.body.details.failure.code, 'unauthorized');
  });

  it('shows a bank reference and matches a statement, with no network at all', async () => {
    await host.enable('gateways/bank-transfer', { holder: 'Dock', iban: 'DE89370400440532013000' });
    const page = await result('gateways/bank-transfer', 'pay', paymentOf(invoiceOf(1999)));
    const statement = `:20:S\n:25:1\n:60F:C261123EUR0,\n:61:2611241124CR19,99NTRFX//B1\n:86:${page.fields.reference}\n-`;
    const { facts } = await result('gateways/bank-transfer', 'reconcile', { statement });
    assert.deepEqual(
      [facts[0].kind, facts[0].state, facts[0].amountMinor, facts[0].invoiceId],
      ['payment', 'succeeded', 1999, '42'],
    );
  });

  it('has every payment of a statement that an admin imports in the ledger at once', async () => {
    const count = 120;
    const lines: string[] = [];
    for (let nth = 0; nth < count; nth += 1) {
      const invoice = invoiceOf(1000 + nth, 'EUR', `bank-${nth}`);
      const page = await result('gateways/bank-transfer', 'pay', paymentOf(invoice));
      const amount = `${10 + Math.trunc(nth / 100)},${String(nth % 100).padStart(2, '0')}`;
      lines.push(line(page.fields.reference, amount, `B${nth}`));
    }
    const input = { subject: {}, values: { statement: mt940(lines.join('\r\n')) } };
    const { facts } = await result('gateways/bank-transfer', 'actions.importStatement', input);
    assert.equal(facts.length, count);
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const instance = encodeURIComponent('gateways/bank-transfer/default');
    const url = `${host.url}/api/v1/facts?after=0&limit=500&instance=${instance}`;
    const ledger: any = await (await fetch(url, { headers })).json();
    const own = ledger.facts.filter((fact: any) => fact.invoiceId.startsWith('bank-'));
    assert.equal(own.length, count);
    assert.ok(own.every((fact: any) => fact.matched === true && fact.problem === null));
  });
});
