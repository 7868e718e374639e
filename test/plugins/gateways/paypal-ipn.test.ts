// PayPal IPN: the payment page's address, which notifications are believed, and what they mean.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { WebhookRequest } from 'cofferdam/sdk';

import manifest from '../../../plugins/gateways/paypal-ipn/manifest.json' with { type: 'json' };
import { manifestSchema } from '../../../sdk/manifest.ts';
import { failedWith, invoiceOf, paymentOf } from '../../contract/money.ts';
import { deliveryOf, EMAIL, MERCHANT_ID } from '../../vendors/paypal-ipn/fake.ts';
import {
  createBench,
  extension,
  openPage,
  startBench,
  WEBHOOK_URL,
} from '../../vendors/paypal-ipn/setup.ts';
import type { Bench } from '../../vendors/paypal-ipn/setup.ts';

const options = { timeout: 10_000 };
const pay = async (bench: Bench, values = {}, invoice = invoiceOf(1999)): Promise<WebhookRequest> =>
  bench.fake.pay(await openPage(bench, invoice), values);

describe('paypal ipn page', () => {
  it('asks for two hosts and no secret', options, () => {
    const { capabilities, secrets, name } = manifestSchema.parse(manifest);
    const hosts = ['ipnpb.paypal.com', 'ipnpb.sandbox.paypal.com'];
    assert.deepEqual([capabilities?.fetch?.hosts, secrets, name], [hosts, undefined, 'PayPal IPN']);
  });

  it('encodes every field of the address', options, async () => {
    const bench = await startBench({ email: 'shop+eu@example.com' });
    const invoice = { ...invoiceOf(1999), number: 'R&D #7=ä+1' };
    const url = new URL(await openPage(bench, invoice));
    assert.equal(url.origin + url.pathname, 'https://www.sandbox.paypal.com/cgi-bin/webscr');
    const { custom, ...fields } = Object.fromEntries(url.searchParams);
    assert.match(custom ?? '', /^[0-9a-f]{12}\.42$/);
    assert.deepEqual(fields, {
      cmd: '_xclick',
      business: 'shop+eu@example.com',
      item_name: 'Invoice R&D #7=ä+1',
      item_number: '42',
      amount: '19.99',
      currency_code: 'EUR',
      charset: 'utf-8',
      no_shipping: '1',
      no_note: '1',
      return: 'https://panel.example/invoices/42',
      cancel_return: 'https://panel.example/invoices/42?cancelled',
      notify_url: WEBHOOK_URL,
    });
    assert.equal([...url.searchParams.keys()].length, 13);
  });

  it('goes to the live page unless the admin chose the sandbox', options, async () => {
    const bench = await startBench({ environment: 'live' });
    assert.match(await openPage(bench, invoiceOf(1999)), /^https:\/\/www\.paypal\.com\//);
  });

  it('refuses an address that is no e-mail', options, () => {
    for (const email of ['', 'shop', 'a@b', 'a b@example.com']) {
      assert.equal(extension.config.safeParse({ email }).success, false, email);
    }
  });

  for (const [amountMinor, currency] of [
    [0, 'EUR'],
    [-1, 'EUR'],
    [1_000, 'KWD'],
    [101, 'TWD'],
  ] as const) {
    it(`refuses a payment over ${amountMinor} minor units of ${currency}`, options, async () => {
      const bench = await startBench();
      const payment = paymentOf(invoiceOf(amountMinor, currency));
      await failedWith(extension.pay(payment, bench.context()), ['invalid_input', 'unsupported']);
    });
  }

  it('says before the sale what it cannot do', options, async () => {
    const bench = await startBench();
    const ask = (currency: string, recurring: boolean) =>
      extension.canUse({ amount: { amountMinor: 1000, currency }, recurring }, bench.context());
    assert.deepEqual(
      [await ask('EUR', false), (await ask('EUR', true)).ok, (await ask('KWD', false)).ok],
      [{ ok: true }, false, false],
    );
  });
});

describe('paypal ipn verification', () => {
  it('echoes the bytes that came, whatever their charset and order', options, async () => {
    const bench = await startBench();
    const request = await pay(bench);
    assert.match(request.body, /first_name=Zo%EB/);
    await bench.deliver(request);
    const [echo, ...others] = bench.fake.requests;
    assert.deepEqual(others, []);
    assert.equal(echo?.body, `cmd=_notify-validate&${request.body}`);
    const reversed = bench.fake.send(request.body.split('&').toReversed().join('&'));
    assert.equal((await bench.deliver(reversed)).length, 1);
  });

  for (const [what, change] of [
    ['a changed amount', (body: string) => body.replace('19.99', '1999.00')],
    ['fields in another order', (body: string) => body.split('&').toReversed().join('&')],
    ['the same text in other bytes', (body: string) => body.replace('Zo%EB', 'Zo%C3%AB')],
    ['one more field', (body: string) => `${body}&payment_status=Completed`],
    ['nothing', () => ''],
    ['bytes that no form has', (body: string) => `${body}ë`],
    ['line breaks', (body: string) => `${body}\r\nx=1`],
    ['a body beyond all measure', (body: string) => `${body}&x=${'a'.repeat(32_768)}`],
  ] as const) {
    it(`refuses ${what}`, options, async () => {
      const bench = await startBench();
      const { body } = await pay(bench);
      await failedWith(bench.deliver(deliveryOf(change(body))), 'unauthorized');
    });
  }

  it('refuses what is no POST or no text', options, async () => {
    const bench = await startBench();
    const { body } = await pay(bench);
    await failedWith(bench.deliver(deliveryOf(body, { method: 'GET' })), 'unauthorized');
    const binary = deliveryOf(btoa(body), { bodyEncoding: 'base64' });
    await failedWith(bench.deliver(binary), 'unauthorized');
    assert.deepEqual(bench.fake.requests, []);
  });

  it('asks the host of the config, whatever the notification says', options, async () => {
    const bench = await startBench({ environment: 'live' });
    const request = bench.fake.pay(await openPage(bench, invoiceOf(1999)), { test_ipn: '1' });
    // The test's egress knows the sandbox only: asking the live host fails, nothing else is tried.
    await failedWith(bench.deliver(request), 'unavailable');
    assert.deepEqual(bench.fake.requests, []);
  });

  for (const [what, reply] of [
    ['an error page', { status: 502, html: '<html>Bad gateway</html>' }],
    ['a page that is no answer', { status: 200, html: '<html>VERIFIED</html>' }],
    ['an empty answer', { status: 200, html: ' ' }],
  ] as const) {
    it(`believes nothing after ${what}, and asks to be told again`, options, async () => {
      const bench = await startBench();
      const request = await pay(bench);
      bench.fake.answerNext(/webscr/, reply);
      const codes = ['unavailable', 'invalid_response'] as const;
      const failure = await failedWith(bench.deliver(request), codes);
      assert.equal(failure.retriable, true);
      assert.equal((await bench.deliver(request)).length, 1);
    });
  }

  it('refuses money that went to somebody else', options, async () => {
    const bench = await startBench();
    for (const receiver_email of ['thief@example.com', 'shop@example.com.evil.example', '']) {
      const request = await pay(bench, { receiver_email, business: EMAIL });
      await failedWith(bench.deliver(request), 'unauthorized');
    }
  });

  it('knows the account by its address in any case, or by its merchant id', options, async () => {
    const bench = await startBench({ merchantId: MERCHANT_ID });
    for (const receiver_email of ['Shop@Example.COM', 'primary@example.com']) {
      assert.equal((await bench.deliver(await pay(bench, { receiver_email }))).length, 1);
    }
    const other = { receiver_email: 'primary@example.com', receiver_id: 'ZZZZZZZZZZZZZ' };
    await failedWith(bench.deliver(await pay(bench, other)), 'unauthorized');
  });

  it('ignores payments that another shop or nobody marked', options, async () => {
    const bench = await startBench();
    const other = await createBench({}, { fake: bench.fake });
    assert.deepEqual(await bench.deliver(await pay(other)), []);
    assert.deepEqual(await bench.deliver(await pay(bench, { custom: '42' })), []);
  });
});

describe('paypal ipn facts', () => {
  it('tells what was paid, the fee, and the invoice', options, async () => {
    const bench = await startBench();
    const request = await pay(bench, { txn_id: '61E67681CH3238416' });
    const fact = {
      externalId: '61E67681CH3238416',
      kind: 'payment',
      state: 'succeeded',
      amountMinor: 1999,
      currency: 'EUR',
      invoiceId: '42',
      feeMinor: 88,
    };
    assert.deepEqual(await bench.deliver(request), [fact]);
    assert.deepEqual(await bench.deliver(request), [fact]);
  });

  for (const [values, amountMinor, currency] of [
    [{ mc_gross: '0.01' }, 1, 'EUR'],
    [{ mc_currency: 'USD' }, 1999, 'USD'],
    [{ mc_gross: '500', mc_currency: 'JPY', mc_fee: '3' }, 500, 'JPY'],
  ] as const) {
    it(`tells ${JSON.stringify(values)} as it was paid, and warns`, options, async () => {
      const bench = await startBench();
      const request = await pay(bench, values);
      const ctx = bench.context();
      const { facts } = await extension.webhook(request, ctx);
      assert.deepEqual([facts[0]?.amountMinor, facts[0]?.currency], [amountMinor, currency]);
      assert.equal(ctx.logs.filter(({ level }) => level === 'warn').length, 1);
    });
  }

  it('tells no amount that is none', options, async () => {
    const bench = await startBench();
    for (const values of [
      { mc_gross: '' },
      { mc_gross: '1e3' },
      { mc_gross: '19.999' },
      { mc_currency: 'XXX' },
    ]) {
      await failedWith(bench.deliver(await pay(bench, values)), 'invalid_response');
    }
  });

  for (const [payment_status, state] of [
    ['Pending', 'processing'],
    ['Created', 'processing'],
    ['Denied', 'failed'],
    ['Failed', 'failed'],
    ['Expired', 'failed'],
    ['Voided', 'failed'],
  ] as const) {
    it(`tells ${payment_status} as ${state}`, options, async () => {
      const bench = await startBench();
      const [fact] = await bench.deliver(await pay(bench, { payment_status }));
      assert.equal(fact?.state, state);
    });
  }

  it('tells nothing of a status that it does not know, and says so', options, async () => {
    const bench = await startBench();
    const ctx = bench.context();
    const request = await pay(bench, { payment_status: 'Something' });
    assert.deepEqual(await extension.webhook(request, ctx), { facts: [] });
    assert.equal(ctx.logs[0]?.level, 'warn');
    assert.deepEqual(await bench.deliver(await pay(bench, { payment_status: '' })), []);
  });

  it('tells refunds under their own id, with the payment they belong to', options, async () => {
    const bench = await startBench();
    const payment = await pay(bench);
    const [paid] = await bench.deliver(payment);
    const values = { payment_status: 'Refunded', reason_code: 'refund', mc_gross: '-5.00' };
    const [refund] = await bench.deliver(bench.fake.follow(payment, values));
    assert.notEqual(refund?.externalId, paid?.externalId);
    assert.deepEqual(
      [refund?.kind, refund?.state, refund?.amountMinor, refund?.relatedExternalId],
      ['refund', 'refunded', 500, paid?.externalId],
    );
  });

  it('tells a reversal and its end as one dispute', options, async () => {
    const bench = await startBench();
    const payment = await pay(bench);
    const [paid] = await bench.deliver(payment);
    const told = async (values: Record<string, string>) =>
      (await bench.deliver(bench.fake.follow(payment, values)))[0];
    const opened = await told({ payment_status: 'Reversed', reason_code: 'chargeback' });
    const ended = await told({ payment_status: 'Canceled_Reversal', mc_gross: '19.99' });
    assert.deepEqual(
      [opened, ended].map((fact) => [fact?.externalId, fact?.state, fact?.amountMinor]),
      [
        [`${paid?.externalId}-reversal`, 'disputed', 1999],
        [`${paid?.externalId}-reversal`, 'failed', 1999],
      ],
    );
    assert.equal(ended?.relatedExternalId, paid?.externalId);
  });

  it('lets one transaction pay one invoice', options, async () => {
    const bench = await startBench();
    const txn_id = '61E67681CH3238416';
    assert.equal((await bench.deliver(await pay(bench, { txn_id }))).length, 1);
    const other = await pay(bench, { txn_id }, invoiceOf(1999, 'EUR', '43'));
    assert.deepEqual(await bench.deliver(other), []);
  });

  it('refuses ids that are none', options, async () => {
    const bench = await startBench();
    for (const txn_id of ['', '../x', 'a'.repeat(41)]) {
      await failedWith(bench.deliver(await pay(bench, { txn_id })), 'invalid_response');
    }
  });
});

describe('paypal ipn connection', () => {
  it('says that PayPal answers, and what that does not prove', options, async () => {
    const bench = await startBench();
    const { ok, message } = await extension.testConnection(bench.context());
    assert.equal(ok, true);
    assert.match(message ?? '', /only a payment shows/);
  });

  it('says when PayPal does not', options, async () => {
    const bench = await startBench();
    bench.fake.answerNext(/webscr/, { status: 503, html: '<html>' });
    const { message } = await failedWith(extension.testConnection(bench.context()), 'unavailable');
    assert.match(message, /503/);
  });
});
