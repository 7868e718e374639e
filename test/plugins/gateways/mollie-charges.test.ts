// Mollie without the customer: mandates, charges, authorise and capture, refunds, reconcile.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ADA, failedWith, invoiceOf } from '../../contract/money.ts';
import {
  action,
  createBench,
  extension,
  openPage,
  payOnPage,
  startBench,
  storeMethod,
} from '../../vendors/mollie/setup.ts';
import type { Bench } from '../../vendors/mollie/setup.ts';

const options = { timeout: 20_000 };
const setup = { user: ADA, returnUrl: 'https://panel.example/account' };

describe('mollie mandates', () => {
  it('asks for nothing on the page, and tells the mandate as a token', options, async () => {
    const bench = await startBench();
    const page = await extension.createBillingAgreement(setup, bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    const payment = bench.fake.state.payments.get(page.externalId);
    assert.deepEqual(payment?.['amount'], { currency: 'EUR', value: '0.00' });
    bench.fake.pay(page.externalId);
    const [mandate] = bench.fake.state.mandates.keys();
    assert.deepEqual(await bench.deliver(page.externalId), [
      {
        externalId: mandate,
        kind: 'token',
        state: 'succeeded',
        amountMinor: 0,
        currency: 'EUR',
        relatedExternalId: page.externalId,
      },
    ]);
    const values = { payment: page.externalId };
    const shown = await action('agreement').run({ subject: invoiceOf(1), values }, bench.context());
    assert.deepEqual(shown.data, {
      externalId: mandate,
      customerId: [...bench.fake.state.customers.keys()][0],
      type: 'card',
      label: 'Visa 4242',
      expiresAt: '2029-12-31',
    });
  });

  it('keeps one customer per user, and makes it again when it is gone', options, async () => {
    const bench = await startBench();
    await storeMethod(bench);
    await storeMethod(bench);
    const customers = bench.fake.state.customers;
    assert.deepEqual(
      [...customers.values()].map(({ email, name }) => [email, name]),
      [['ada@example.com', 'Ada Lovelace']],
    );
    customers.clear();
    await storeMethod(bench);
    assert.equal(customers.size, 1);
  });

  it('takes a mandate back, and a second time changes nothing', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    for (let tries = 0; tries < 2; tries += 1) {
      const result = await extension.cancelBillingAgreement({ agreement }, bench.context());
      assert.deepEqual(result, { cancelled: true });
    }
    assert.equal(bench.fake.state.mandates.size, 0);
  });

  it('does not guess whose mandate one is', options, async () => {
    const bench = await startBench();
    const agreement = { externalId: 'mdt_unknown', label: 'x', type: 'card' as const };
    const dropped = extension.cancelBillingAgreement({ agreement }, bench.context());
    await failedWith(dropped, 'not_found');
    assert.deepEqual(bench.fake.requests, []);
  });
});

describe('mollie charge', () => {
  const charge = async (
    bench: Bench,
    call = {},
    agreement?: Awaited<ReturnType<typeof storeMethod>>,
  ) => {
    const invoice = invoiceOf(1999);
    const method = agreement ?? (await storeMethod(bench));
    const input = { invoice, amount: invoice.total, agreement: method };
    return await extension.charge(input, bench.context(call));
  };

  for (const [outcome, status, state] of [
    ['paid', 'done', 'succeeded'],
    ['pending', 'pending', 'processing'],
  ] as const) {
    it(`tells a charge that is ${outcome} as ${status}`, options, async () => {
      const bench = await startBench();
      bench.fake.state.nextCharge = outcome;
      const result = await charge(bench);
      assert.equal(result.status, status);
      assert.deepEqual(
        result.facts?.map((fact) => [fact.kind, fact.state, fact.amountMinor, fact.invoiceId]),
        [['payment', state, 1999, '42']],
      );
    });
  }

  it('reports a charge that failed as declined with the bank’s reason', options, async () => {
    const bench = await startBench();
    bench.fake.state.nextCharge = 'failed';
    const { message } = await failedWith(charge(bench), 'declined');
    assert.match(message, /No money left/);
    assert.match(await openPage(bench, invoiceOf(1999)), /^tr_/);
  });

  it('reports a mandate that is no longer valid as declined', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    for (const mandate of bench.fake.state.mandates.values()) mandate['status'] = 'invalid';
    await failedWith(charge(bench, {}, agreement), 'declined');
  });

  it('takes it once when the reply was lost and the operation repeated', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    bench.fake.loseReply(/POST \/v2\/payments$/);
    const call = { operationId: 'op-9' };
    await failedWith(charge(bench, call, agreement), 'unavailable');
    await failedWith(charge(bench, { operationId: 'op-10' }, agreement), 'locked');
    assert.equal((await charge(bench, call, agreement)).status, 'done');
    const charged = [...bench.fake.state.payments.values()].filter(
      ({ sequenceType }) => sequenceType === 'recurring',
    );
    assert.equal(charged.length, 1);
  });

  it('closes the page of the invoice before it charges', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    const page = await openPage(bench, invoiceOf(1999));
    assert.equal((await charge(bench, {}, agreement)).status, 'done');
    assert.equal(bench.fake.state.payments.get(page)?.['status'], 'canceled');
  });

  it('reports the payment on the page instead of charging as well', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    const page = await openPage(bench, invoiceOf(1999));
    bench.fake.pay(page);
    const result = await charge(bench, {}, agreement);
    assert.ok(result.status === 'done');
    assert.equal(result.externalId, page);
  });
});

describe('mollie authorise and capture', () => {
  it('keeps one id from the authorisation to the payment', options, async () => {
    const bench = await startBench({ capture: 'manual' });
    const id = await openPage(bench, invoiceOf(1999));
    bench.fake.pay(id);
    const [held] = await bench.deliver(id);
    assert.deepEqual([held?.externalId, held?.state], [id, 'processing']);
    const transaction = { externalId: id, invoiceId: '42', amount: invoiceOf(1999).total };
    const amount = { amountMinor: 500, currency: 'EUR' };
    const result = await extension.capture({ transaction, amount }, bench.context());
    assert.deepEqual(
      result.facts?.map((fact) => [fact.externalId, fact.state, fact.amountMinor]),
      [[id, 'succeeded', 500]],
    );
    assert.deepEqual(await extension.capture({ transaction, amount }, bench.context()), result);
    await failedWith(extension.void({ transaction }, bench.context()), 'rejected');
  });

  it('gives an authorisation up, and a second time changes nothing', options, async () => {
    const bench = await startBench({ capture: 'manual' });
    const transaction = await payOnPage(bench, invoiceOf(1999));
    for (let tries = 0; tries < 2; tries += 1) {
      const result = await extension.void({ transaction }, bench.context());
      assert.deepEqual([result.status, result.facts?.[0]?.state], ['done', 'failed']);
    }
    await failedWith(extension.capture({ transaction }, bench.context()), 'rejected');
  });
});

describe('mollie refund', () => {
  it(
    'gives money back once for one operation, even when Mollie forgot the key',
    options,
    async () => {
      const bench = await startBench();
      const transaction = await payOnPage(bench, invoiceOf(1999));
      const input = {
        transaction,
        amount: { amountMinor: 500, currency: 'EUR' },
        reason: 'Outage',
      };
      const call = { operationId: 'op-refund' };
      bench.fake.loseReply(/POST .*\/refunds$/);
      await failedWith(extension.refund(input, bench.context(call)), 'unavailable');
      bench.fake.state.replies.clear();
      const result = await extension.refund(input, bench.context(call));
      const [refund, ...others] = bench.fake.state.refunds.values();
      assert.deepEqual(others, []);
      assert.equal(refund?.['description'], 'Outage');
      assert.deepEqual([result.status, result.facts?.[0]?.externalId], ['pending', refund?.['id']]);
      await extension.refund(input, bench.context({ operationId: 'another' }));
      assert.equal(bench.fake.state.refunds.size, 2);
    },
  );

  it('refuses an id that would be another path', options, async () => {
    const bench = await startBench();
    const amount = invoiceOf(1999).total;
    for (const externalId of ['../customers', 'tr_1/../x', 're_1', 'tr_', '']) {
      const transaction = { externalId, invoiceId: '42', amount };
      const refused = extension.refund({ transaction, amount }, bench.context());
      await failedWith(refused, 'invalid_input');
    }
    assert.deepEqual(bench.fake.requests, []);
  });
});

describe('mollie reconcile', () => {
  it('knows each kind of object by its id', options, async () => {
    const bench = await startBench();
    const transaction = await payOnPage(bench, invoiceOf(1999));
    const amount = { amountMinor: 500, currency: 'EUR' };
    const refund = await extension.refund({ transaction, amount }, bench.context());
    assert.ok(refund.status === 'pending');
    const chargeback = bench.fake.chargeback(transaction.externalId);
    const kinds = async (externalId: string) =>
      (await extension.reconcile({ externalId }, bench.context())).facts.map(({ kind }) => kind);
    assert.deepEqual(await kinds(transaction.externalId), ['payment', 'refund', 'dispute']);
    assert.deepEqual(await kinds(refund.externalId), ['refund']);
    assert.deepEqual(await kinds(String(chargeback['id'])), ['dispute']);
    for (const [id, code] of [
      ['tr_none', 'not_found'],
      ['ord_1', 'invalid_input'],
      ['re_../x', 'invalid_input'],
    ] as const) {
      await failedWith(extension.reconcile({ externalId: id }, bench.context()), code);
    }
  });

  it('reads all pages since a time, and only what is its own', options, async () => {
    const bench = await startBench();
    const other = await createBench({}, { fake: bench.fake });
    await payOnPage(other, invoiceOf(1999, 'EUR', '1'));
    const { externalId } = await payOnPage(bench, invoiceOf(1999, 'EUR', '1'));
    const payment = bench.fake.state.payments.get(externalId) ?? {};
    for (let count = 0; count < 600; count += 1) {
      const id = `tr_page${count}`;
      bench.fake.state.payments.set(id, { ...payment, id });
    }
    const old = { ...payment, id: 'tr_old', createdAt: '2020-01-01T00:00:00Z' };
    bench.fake.state.payments.set('tr_old', old);
    // Newest first: the old one is put where Mollie would show it.
    bench.fake.state.payments.delete('tr_old');
    const all = [...bench.fake.state.payments];
    bench.fake.state.payments.clear();
    for (const [id, each] of [['tr_old', old], ...all] as [string, typeof old][]) {
      bench.fake.state.payments.set(id, each);
    }
    const { facts } = await extension.reconcile({}, bench.context());
    assert.equal(facts.length, 601);
    assert.ok(facts.every((fact) => fact.externalId !== 'tr_old'));
    await failedWith(extension.reconcile({ since: 'soon' }, bench.context()), 'invalid_input');
  });

  it('tells a refund from the dashboard, and none of another shop', options, async () => {
    const bench = await startBench();
    const { externalId } = await payOnPage(bench, invoiceOf(1999));
    const common = {
      status: 'pending',
      amount: { currency: 'EUR', value: '1.00' },
      paymentId: externalId,
      createdAt: new Date().toISOString(),
    };
    bench.fake.state.refunds.set('re_dash', { ...common, id: 're_dash', metadata: null });
    const theirs = { ...common, id: 're_theirs', metadata: { cofferdam: 'aaaaaaaaaaaa.42' } };
    bench.fake.state.refunds.set('re_theirs', theirs);
    const { facts } = await extension.reconcile({}, bench.context());
    assert.deepEqual(
      facts.map((fact) => [fact.externalId, fact.invoiceId]),
      [
        [externalId, '42'],
        ['re_dash', undefined],
      ],
    );
  });
});
