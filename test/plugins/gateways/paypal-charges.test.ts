// PayPal without the customer: stored methods, charges, authorise and capture, refunds, reconcile.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { BillingAgreement, Transaction } from 'cofferdam/sdk';

import { ADA, failedWith, invoiceOf } from '../../contract/money.ts';
import { extension, openPage, payOnPage, startBench } from '../../vendors/paypal/setup.ts';
import type { Bench } from '../../vendors/paypal/setup.ts';

const options = { timeout: 10_000 };
const setup = { user: ADA, returnUrl: 'https://panel.example/account' };

async function storeMethod(bench: Bench): Promise<BillingAgreement> {
  const page = await extension.createBillingAgreement(setup, bench.context());
  assert.ok(page.kind === 'redirect' && page.externalId);
  bench.fake.approve(page.externalId);
  const { agreement } = await extension.createBillingAgreement(setup, bench.context());
  assert.ok(agreement);
  return agreement;
}

const authorised = (bench: Bench, invoice = invoiceOf(1999)): Promise<Transaction> =>
  payOnPage(bench, invoice);

describe('paypal stored methods', () => {
  it('opens a page, and stores the method when the customer comes back', options, async () => {
    const bench = await startBench();
    const page = await extension.createBillingAgreement(setup, bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    assert.match(page.url, /^https:\/\/www\.sandbox\.paypal\.com\/agreements\/approve/);
    bench.fake.approve(page.externalId);
    const done = await extension.createBillingAgreement(setup, bench.context());
    const [id] = bench.fake.state.vault.keys();
    const fact = { kind: 'token', state: 'succeeded', amountMinor: 0, currency: 'USD' };
    assert.deepEqual(done, {
      kind: 'done',
      agreement: {
        externalId: id,
        label: 'PayPal ada@example.com',
        type: 'wallet',
        customerId: 'cust_ada',
      },
      facts: [{ externalId: id, ...fact, relatedExternalId: page.externalId }],
    });
  });

  it('tells the same token however often it is asked for', options, async () => {
    const bench = await startBench();
    const page = await extension.createBillingAgreement(setup, bench.context());
    assert.ok(page.kind === 'redirect' && page.externalId);
    const input = { externalId: page.externalId };
    assert.deepEqual(await extension.reconcile(input, bench.context()), { facts: [] });
    bench.fake.approve(page.externalId);
    const first = await extension.reconcile(input, bench.context());
    assert.equal(first.facts[0]?.kind, 'token');
    assert.deepEqual(await extension.reconcile(input, bench.context()), first);
    assert.equal(bench.fake.state.vault.size, 1);
  });

  it('forgets a method, and a second time changes nothing', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    for (let tries = 0; tries < 2; tries += 1) {
      const result = await extension.cancelBillingAgreement({ agreement }, bench.context());
      assert.deepEqual(result, { cancelled: true });
    }
    assert.equal(bench.fake.state.vault.size, 0);
  });

  it(
    'tells when a customer took a method away at PayPal, for its own methods only',
    options,
    async () => {
      const bench = await startBench();
      const { externalId: id } = await storeMethod(bench);
      const [fact] = await bench.deliver('VAULT.PAYMENT-TOKEN.DELETED', { id });
      assert.deepEqual([fact?.externalId, fact?.kind, fact?.state], [id, 'token', 'failed']);
      assert.deepEqual(await bench.deliver('VAULT.PAYMENT-TOKEN.DELETED', { id: 'theirs' }), []);
    },
  );
});

describe('paypal charge', () => {
  const charge = async (bench: Bench, call = {}, agreement?: BillingAgreement) => {
    const invoice = invoiceOf(1999);
    const method = agreement ?? (await storeMethod(bench));
    const input = { invoice, amount: invoice.total, agreement: method };
    return await extension.charge(input, bench.context(call));
  };

  it('takes the money at once and tells the capture', options, async () => {
    const bench = await startBench();
    const result = await charge(bench);
    assert.ok(result.status === 'done');
    const [capture] = bench.fake.state.captures.values();
    assert.deepEqual(
      result.facts.map((fact) => [fact.externalId, fact.state, fact.amountMinor, fact.invoiceId]),
      [[capture?.['id'], 'succeeded', 1999, '42']],
    );
  });

  it('tells card networks that the customer is away', options, async () => {
    const bench = await startBench();
    const agreement = { ...(await storeMethod(bench)), type: 'card' as const };
    await charge(bench, {}, agreement);
    const { json } = bench.fake.requests.at(-1) ?? {};
    assert.deepEqual(json?.payment_source, {
      card: {
        vault_id: agreement.externalId,
        stored_credential: {
          payment_initiator: 'MERCHANT',
          payment_type: 'UNSCHEDULED',
          usage: 'SUBSEQUENT',
        },
      },
    });
  });

  it('takes it once when the reply was lost and the operation repeated', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    bench.fake.loseReply(/POST \/v2\/checkout\/orders/);
    const call = { operationId: 'op-9' };
    await failedWith(charge(bench, call, agreement), 'unavailable');
    assert.equal((await charge(bench, call, agreement)).status, 'done');
    assert.equal(bench.fake.state.captures.size, 1);
  });

  it('holds back another operation while the outcome of one is unknown', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    bench.fake.loseReply(/POST \/v2\/checkout\/orders/);
    await failedWith(charge(bench, {}, agreement), 'unavailable');
    await failedWith(charge(bench, {}, agreement), 'locked');
    assert.equal(bench.fake.state.captures.size, 1);
  });

  it('reports the payment on the page instead of charging as well', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    bench.fake.approve(await openPage(bench, invoiceOf(1999)));
    assert.equal((await charge(bench, {}, agreement)).status, 'done');
    assert.equal(bench.fake.state.captures.size, 1);
  });

  it('does not capture a page that is approved after the charge', options, async () => {
    const bench = await startBench();
    const agreement = await storeMethod(bench);
    const order = await openPage(bench, invoiceOf(1999));
    assert.equal((await charge(bench, {}, agreement)).status, 'done');
    const approved = bench.fake.approve(order);
    assert.deepEqual(await bench.deliver('CHECKOUT.ORDER.APPROVED', approved), []);
    assert.equal(bench.fake.state.captures.size, 1);
  });

  it(
    'asks for the customer when PayPal does, and captures once it is approved',
    options,
    async () => {
      const bench = await startBench();
      const agreement = await storeMethod(bench);
      bench.fake.state.nextChargeWaits = true;
      const result = await charge(bench, {}, agreement);
      assert.ok(result.status === 'requires_action' && result.url);
      const order = bench.fake.approve(result.externalId);
      const [fact] = await bench.deliver('CHECKOUT.ORDER.APPROVED', order);
      assert.deepEqual([fact?.state, fact?.amountMinor], ['succeeded', 1999]);
    },
  );

  for (const outcome of ['INSTRUMENT_DECLINED', 'DECLINED'] as const) {
    it(`reports ${outcome} as declined, and lets the customer pay otherwise`, options, async () => {
      const bench = await startBench();
      const agreement = await storeMethod(bench);
      bench.fake.state.nextCapture = outcome;
      const { remedy } = await failedWith(charge(bench, {}, agreement), 'declined');
      assert.match(remedy ?? '', /another payment method/);
      assert.equal((await openPage(bench, invoiceOf(1999))).length, 17);
    });
  }
});

describe('paypal authorise and capture', () => {
  it(
    'tells an authorisation as a permission, and the capture as the payment',
    options,
    async () => {
      const bench = await startBench({ capture: 'manual' });
      const transaction = await authorised(bench);
      assert.ok(bench.fake.state.authorizations.has(transaction.externalId));
      const result = await extension.capture({ transaction }, bench.context());
      assert.ok(result.status === 'done');
      const [capture] = bench.fake.state.captures.keys();
      assert.deepEqual(
        result.facts.map((fact) => [fact.kind, fact.externalId, fact.state, fact.amountMinor]),
        [['payment', capture, 'succeeded', 1999]],
      );
      const again = await extension.capture({ transaction }, bench.context());
      assert.deepEqual(again, result);
    },
  );

  it('captures a part', options, async () => {
    const bench = await startBench({ capture: 'manual' });
    const transaction = await authorised(bench);
    const amount = { amountMinor: 500, currency: 'EUR' };
    const result = await extension.capture({ transaction, amount }, bench.context());
    assert.equal(result.facts?.[0]?.amountMinor, 500);
  });

  it('gives an authorisation up, and a second time changes nothing', options, async () => {
    const bench = await startBench({ capture: 'manual' });
    const transaction = await authorised(bench);
    for (let tries = 0; tries < 2; tries += 1) {
      const result = await extension.void({ transaction }, bench.context());
      assert.deepEqual([result.status, result.facts?.[0]?.state], ['done', 'failed']);
    }
    await failedWith(extension.capture({ transaction }, bench.context()), ['declined', 'conflict']);
  });

  it('does not give up what was captured', options, async () => {
    const bench = await startBench({ capture: 'manual' });
    const transaction = await authorised(bench);
    await extension.capture({ transaction }, bench.context());
    await failedWith(extension.void({ transaction }, bench.context()), 'conflict');
  });
});

describe('paypal refund', () => {
  it(
    'gives money back once for one operation, under the mark of its invoice',
    options,
    async () => {
      const bench = await startBench();
      const transaction = await payOnPage(bench, invoiceOf(1999));
      const amount = { amountMinor: 500, currency: 'EUR' };
      const input = { transaction, amount, reason: 'Sorry\n for the   outage' };
      const call = { operationId: 'op-refund' };
      bench.fake.loseReply(/\/refund$/);
      await failedWith(extension.refund(input, bench.context(call)), 'unavailable');
      const result = await extension.refund(input, bench.context(call));
      const [refund, ...others] = bench.fake.state.refunds.values();
      assert.deepEqual(others, []);
      assert.equal(refund?.['note_to_payer'], 'Sorry for the outage');
      assert.deepEqual(result, {
        status: 'done',
        externalId: refund?.['id'],
        facts: [
          {
            externalId: refund?.['id'],
            kind: 'refund',
            state: 'refunded',
            amountMinor: 500,
            currency: 'EUR',
            relatedExternalId: transaction.externalId,
            invoiceId: '42',
          },
        ],
      });
    },
  );

  for (const [what, amount] of [
    ['more than was paid', { amountMinor: 2000, currency: 'EUR' }],
    ['nothing', { amountMinor: 0, currency: 'EUR' }],
    ['less than nothing', { amountMinor: -1, currency: 'EUR' }],
    ['another currency', { amountMinor: 100, currency: 'USD' }],
  ] as const) {
    it(`refuses to give back ${what} before it asks PayPal`, options, async () => {
      const bench = await startBench();
      const transaction = await payOnPage(bench, invoiceOf(1999));
      const before = bench.fake.requests.length;
      const refused = extension.refund({ transaction, amount }, bench.context());
      await failedWith(refused, 'invalid_input');
      assert.equal(bench.fake.requests.length, before);
    });
  }

  it('refuses an id that would be another path', options, async () => {
    const bench = await startBench();
    const amount = invoiceOf(1999).total;
    for (const externalId of ['../../v1/oauth2', 'A/B', 'A?x=1', '', '.']) {
      const transaction = { externalId, invoiceId: '42', amount };
      const refused = extension.refund({ transaction, amount }, bench.context());
      await failedWith(refused, 'invalid_input');
    }
    assert.deepEqual(bench.fake.requests, []);
  });
});

describe('paypal reconcile', () => {
  it('finds and captures an approved order whose event was lost', options, async () => {
    const bench = await startBench();
    bench.fake.approve(await openPage(bench, invoiceOf(1999)));
    const { facts } = await extension.reconcile({}, bench.context());
    assert.deepEqual(
      facts.map((fact) => [fact.kind, fact.state, fact.amountMinor, fact.invoiceId]),
      [['payment', 'succeeded', 1999, '42']],
    );
  });

  it('says nothing about pages that nobody has approved', options, async () => {
    const bench = await startBench();
    const externalId = await openPage(bench, invoiceOf(1999));
    assert.deepEqual(await extension.reconcile({}, bench.context()), { facts: [] });
    assert.deepEqual(await extension.reconcile({ externalId }, bench.context()), { facts: [] });
  });

  it('knows each kind of object by its id', options, async () => {
    const bench = await startBench();
    const transaction = await payOnPage(bench, invoiceOf(1999));
    const amount = { amountMinor: 500, currency: 'EUR' };
    const refund = await extension.refund({ transaction, amount }, bench.context());
    assert.ok(refund.status === 'done');
    const [order] = bench.fake.state.orders.keys();
    const { dispute_id: dispute } = bench.fake.openDispute(transaction.externalId);
    const manual = await startBench({ capture: 'manual' });
    const { externalId: held } = await authorised(manual);
    const kinds = async (of: Bench, externalId: string) =>
      (await extension.reconcile({ externalId }, of.context())).facts.map(({ kind }) => kind);
    assert.deepEqual(
      [
        await kinds(bench, transaction.externalId),
        await kinds(bench, refund.externalId),
        await kinds(bench, order ?? ''),
        await kinds(bench, dispute),
        await kinds(manual, held),
      ],
      [['payment'], ['refund'], ['payment'], ['dispute'], ['token']],
    );
    await failedWith(extension.reconcile({ externalId: 'NONE' }, bench.context()), 'not_found');
  });

  it('reads all pages of disputes since a time', options, async () => {
    const bench = await startBench();
    const { externalId: id } = await payOnPage(bench, invoiceOf(1999));
    for (let count = 0; count < 60; count += 1) {
      bench.fake.openDispute(id, { dispute_id: `PP-D-${count}` });
    }
    const { facts } = await extension.reconcile({ since: '2026-01-01' }, bench.context());
    assert.equal(new Set(facts.map(({ externalId }) => externalId)).size, 60);
    await failedWith(extension.reconcile({ since: 'soon' }, bench.context()), 'invalid_input');
  });
});
