// Bank transfer: references, statements of both kinds, matching, and what is left to a person.
// CAMT.053 is shaped after the ISO 20022 message, MT940 after SWIFT's field rules, by hand.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Json, PayResult } from 'cofferdam/sdk';

import definition from '../../../plugins/gateways/bank-transfer/extension.ts';
import { isReference } from '../../../plugins/gateways/bank-transfer/references.ts';
import { failedWith, invoiceOf, paymentOf } from '../../contract/money.ts';
import { createTestContext, handlersOf } from '../../helpers/context.ts';
import { camt, entry, IBAN, line, mt940 } from '../../vendors/bank.ts';

const options = { timeout: 10_000 };
const extension = handlersOf(definition);

function start(values = {}) {
  const storage = new Map<string, Json>();
  const config = extension.config.parse({ holder: 'Dry Dock', iban: IBAN, ...values });
  const refuse = (): never => assert.fail('a bank transfer uses no network');
  const context = () => createTestContext({ config, storage, fetch: refuse });
  return {
    context,
    async reference(id = '42', amountMinor = 1999): Promise<string> {
      const payment = paymentOf(invoiceOf(amountMinor, 'EUR', id));
      const page: PayResult = await extension.pay(payment, context());
      assert.ok(page.kind === 'form');
      return page.fields['reference'] ?? '';
    },
    read: (statement: string) => extension.reconcile({ statement }, context()),
    act: (name: string, given: Record<string, Json>) => {
      const action = extension.actions[name];
      assert.ok(action);
      return action.run({ subject: invoiceOf(1), values: given }, context());
    },
  };
}

describe('bank transfer references', () => {
  it(
    'shows the account, the exact amount and one checked reference per invoice',
    options,
    async () => {
      const bench = start({ bic: 'COBADEFFXXX', note: 'Takes a day' });
      const page = await extension.pay(paymentOf(invoiceOf(1999)), bench.context());
      assert.ok(page.kind === 'form');
      const { reference = '', ...fields } = page.fields;
      assert.deepEqual(fields, {
        holder: 'Dry Dock',
        iban: IBAN,
        bic: 'COBADEFFXXX',
        amount: '19.99',
        currency: 'EUR',
        note: 'Takes a day',
      });
      assert.ok(isReference(reference));
      assert.equal(await bench.reference(), reference);
      assert.notEqual(await bench.reference('43'), reference);
    },
  );

  it('notices every digit in place of another one, and every letter', options, async () => {
    const reference = await start().reference();
    for (let at = 4; at < reference.length; at += 1) {
      const right = reference[at] ?? '';
      // A letter counts as two digits: one in place of a digit is noticed in 96 of 97 references only.
      for (const wrong of /\d/.test(right) ? '0123456789' : 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') {
        const text = reference.slice(0, at) + wrong + reference.slice(at + 1);
        assert.equal(isReference(text), wrong === right, text);
      }
    }
    // The example of ISO 11649 itself.
    assert.equal(isReference('RF18539007547034'), true);
  });

  it('refuses other currencies, nothing, and believes no webhook', options, async () => {
    const bench = start();
    const pay = (minor: number, currency: string) =>
      extension.pay(paymentOf(invoiceOf(minor, currency)), bench.context());
    await failedWith(pay(1999, 'USD'), 'unsupported');
    await failedWith(pay(0, 'EUR'), 'invalid_input');
    const amount = { amountMinor: 1, currency: 'USD' };
    assert.equal((await extension.canUse({ amount }, bench.context())).ok, false);
    const request = {
      id: '1',
      method: 'POST',
      url: 'https://panel.example/hooks/gateways/bank-transfer/default',
      headers: {},
      body: 'paid=1999',
      bodyEncoding: 'utf8',
      receivedAt: '2026-11-24T00:00:00Z',
    } as const;
    await failedWith(extension.webhook(request, bench.context()), 'unauthorized');
  });

  it('checks the IBAN', options, async () => {
    assert.equal((await extension.testConnection(start().context())).ok, true);
    const wrong = start({ iban: 'DE88370400440532013000' });
    assert.equal((await extension.testConnection(wrong.context())).ok, false);
  });
});

describe('bank transfer statements', () => {
  for (const [what, make] of [
    ['CAMT.053', (text: string) => camt(entry(text))],
    ['MT940', (text: string) => mt940(line(text))],
  ] as const) {
    it(`matches a credit of ${what} once, however often it is read`, options, async () => {
      const bench = start();
      const reference = await bench.reference();
      const spaced = reference
        .replaceAll(/(.{4})/g, '$1 ')
        .trim()
        .toLowerCase();
      const { facts } = await bench.read(make(spaced));
      const [fact] = facts;
      assert.match(fact?.externalId ?? '', /^bank-[0-9a-f]{32}$/);
      assert.deepEqual(
        [fact?.kind, fact?.state, fact?.amountMinor, fact?.currency, fact?.invoiceId],
        ['payment', 'succeeded', 1999, 'EUR', '42'],
      );
      assert.deepEqual((await bench.read(make(spaced))).facts, facts);
      assert.deepEqual((await extension.reconcile({}, bench.context())).facts, facts);
    });
  }

  it(
    'tells two equal transfers of one day as two, and what arrived as it arrived',
    options,
    async () => {
      const bench = start();
      const text = await bench.reference();
      const { facts } = await bench.read(camt(entry(text, '5.00') + entry(text, '5.00')));
      assert.deepEqual(
        facts.map(({ amountMinor }) => amountMinor),
        [500, 500],
      );
      assert.equal(new Set(facts.map(({ externalId }) => externalId)).size, 2);
    },
  );

  it('reads each transaction of a batch with its own amount', options, async () => {
    const bench = start();
    const [a, b] = [await bench.reference('1'), await bench.reference('2')];
    const part = (ref: string, amount: string) =>
      `<TxDtls><Amt Ccy="EUR">${amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><RmtInf><Strd><CdtrRefInf>
      <Ref>${ref}</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>`;
    const batch = `<Ntry><Amt Ccy="EUR">3.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
      <BookgDt><Dt>2026-11-24</Dt></BookgDt><NtryDtls>${part(a, '1.00')}${part(b, '2.00')}</NtryDtls></Ntry>`;
    const { facts } = await bench.read(camt(batch));
    assert.deepEqual(
      facts.map((fact) => [fact.invoiceId, fact.amountMinor]),
      [
        ['1', 100],
        ['2', 200],
      ],
    );
  });

  it('leaves what is not certain to a person', options, async () => {
    const bench = start();
    const [a, b] = [await bench.reference('1'), await bench.reference('2')];
    const pending = entry(a).replace('BOOK', 'PDNG');
    const usd = entry(a).replace('"EUR"', '"USD"');
    const reversal = entry(a, '19.99', '<RvslInd>true</RvslInd>');
    const wrong = a.slice(0, -1) + (a.endsWith('7') ? '8' : '7');
    const debit = entry(a, '19.99', '', 'DBIT');
    const file = camt([pending, usd, reversal, entry(wrong), entry(`${a} ${b}`), debit].join(''));
    const { data, facts } = await bench.act('importStatement', { statement: file });
    const { unmatched } = data as { unmatched: { why: string }[] };
    assert.deepEqual(facts, []);
    assert.deepEqual(
      unmatched.map(({ why }) => why.split(':')[0]),
      [
        'it is in USD',
        'the bank undid an earlier entry',
        'it has no reference of an invoice',
        'it has references of several invoices',
      ],
    );
  });

  for (const [what, file] of [
    ['another account', camt(entry('x'), 'DE02120300000000202051')],
    ['a document type', `<!DOCTYPE a [<!ENTITY x "y">]>${camt('')}`],
    ['broken XML', '<Document><BkToCstmrStmt></Document>'],
    ['XML that ends early', '<Document><BkToCstmrStmt>'],
    ['another message', '<Document><BkToCstmrDbtCdtNtfctn/></Document>'],
    ['a broken line', mt940(':61:nonsense')],
    ['neither kind', 'date;amount\n2026-11-24;19,99'],
    ['a file beyond all measure', `<a>${'x'.repeat(2_000_000)}</a>`],
    ['depth beyond all measure', '<a>'.repeat(70)],
  ] as const) {
    it(`refuses ${what} and keeps nothing of it`, options, async () => {
      const bench = start();
      await failedWith(bench.read(file), 'invalid_input');
      assert.deepEqual(await extension.reconcile({}, bench.context()), { facts: [] });
    });
  }

  it('refuses an amount that is none', options, async () => {
    const bench = start();
    const text = await bench.reference();
    for (const amount of ['1e3', '19.999', '-1.00x', '']) {
      await failedWith(bench.read(camt(entry(text, amount))), 'invalid_response');
    }
  });
});

describe('bank transfer by hand', () => {
  it('records a payment once per booking', options, async () => {
    const bench = start();
    const reference = await bench.reference();
    const values = { reference, amountMinor: 1999, bankReference: 'B1' };
    await bench.act('recordPayment', values);
    await bench.act('recordPayment', values);
    await bench.act('recordPayment', { ...values, bankReference: 'B2' });
    const { facts } = await extension.reconcile({}, bench.context());
    assert.deepEqual(
      facts.map((fact) => [fact.invoiceId, fact.amountMinor]),
      [
        ['42', 1999],
        ['42', 1999],
      ],
    );
  });

  it('refuses values that are none', options, async () => {
    const bench = start();
    const good = { reference: await bench.reference(), amountMinor: 1999, bankReference: 'B1' };
    for (const [wrong, code] of [
      [{ reference: 'RF00ABC' }, 'invalid_input'],
      [{ reference: 'RF18539007547034' }, 'not_found'],
      [{ amountMinor: 19.99 }, 'invalid_input'],
      [{ amountMinor: 0 }, 'invalid_input'],
      [{ bankReference: ' ' }, 'invalid_input'],
    ] as const) {
      await failedWith(bench.act('recordPayment', { ...good, ...wrong }), code);
    }
  });
});
