// What every gateway extension promises, as claims that run against its vendor's fake.
// A vendor's test file hands in a `GatewayVendor`; the claims know no vendor.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import fc from 'fast-check';

import { isFailure } from 'cofferdam/sdk';
import type { Fact, Invoice, PayResult, WebhookRequest } from 'cofferdam/sdk';

import { handlersOf } from '../helpers/context.ts';
import { failedWith, invoiceOf, paymentOf } from './money.ts';
import { ledgerOf } from './payer.ts';
import type { GatewaySubject, GatewayVendor } from './payer.ts';

const BUSY = { status: 429, json: { message: 'Slow down' }, headers: { 'retry-after': '7' } };
const DOWN = { status: 502, html: '<html><h1>502 Bad Gateway</h1></html>' };

/** Orders of deliveries that are tried of each payment. */
const ORDERS = 25;

/** Registers the claims; call it inside nothing, once per vendor. */
export function claimGateway(vendor: GatewayVendor): void {
  describe(`${vendor.name}: contract of gateways`, { timeout: 60_000 }, () => {
    const handlers = handlersOf(vendor.definition);
    let subject: GatewaySubject;
    beforeEach(async () => {
      subject = await vendor.start();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    const open = async (invoice: Invoice, operationId?: string): Promise<PayResult> => {
      const options = operationId === undefined ? {} : { operationId };
      return await handlers.pay(paymentOf(invoice), subject.context(options));
    };
    const tell = async (request: WebhookRequest): Promise<readonly Fact[]> =>
      (await handlers.webhook(request, subject.context())).facts;
    const tellAll = async (requests: readonly WebhookRequest[]): Promise<Fact[]> => {
      const facts: Fact[] = [];
      for (const request of requests) facts.push(...(await tell(request)));
      return facts;
    };
    const paid = async (invoice: Invoice) => {
      const deliveries = await subject.payOnPage(await open(invoice));
      const facts = await tellAll(deliveries);
      const payment = facts.findLast((each) => each.kind === 'payment');
      assert.ok(payment, `a payment gave ${JSON.stringify(facts)}`);
      return { deliveries, facts, payment };
    };

    it('says that a good connection is good', async () => {
      const { ok, message } = await handlers.testConnection(subject.context());
      assert.deepEqual([ok, typeof message], [true, 'string']);
    });

    it('says of wrong credentials what to do', { skip: vendor.secrets.length === 0 }, async () => {
      const wrong = subject.context({ isWrong: true });
      const { remedy } = await failedWith(handlers.testConnection(wrong), 'unauthorized');
      assert.ok((remedy ?? '').length > 20);
    });

    it('tells an error page as unavailable, never as a parse error', async () => {
      for (const run of [handlers.testConnection, subject.touch]) {
        subject.answerNext(DOWN);
        const failure = await failedWith(run(subject.context()), 'unavailable');
        assert.equal(failure.retriable, true);
      }
    });

    it('passes on how long a rate limit asks to wait', async () => {
      subject.answerNext(BUSY);
      const failure = await failedWith(subject.touch(subject.context()), 'rate_limited');
      assert.deepEqual([failure.retriable, failure.retryAfterMs], [true, 7_000]);
    });

    it('gives up when the call is over', async () => {
      const signal = AbortSignal.abort(new DOMException('The deadline passed', 'AbortError'));
      await failedWith(subject.touch(subject.context({ signal })), ['timeout', 'unavailable']);
    });

    it('sends the customer to an https page, the same on every visit', async () => {
      const first = await open(invoiceOf(1999));
      assert.ok(first.kind === 'redirect' && first.url.startsWith('https://'));
      assert.deepEqual(await open(invoiceOf(1999)), first);
      assert.deepEqual(JSON.parse(JSON.stringify(first)), first);
    });

    it('opens one page when one operation is repeated, or two come at once', async () => {
      const [a, b] = await Promise.all([open(invoiceOf(1999)), open(invoiceOf(1999))]);
      assert.deepEqual(a, b);
      const other = invoiceOf(1999, 'EUR', '43');
      assert.deepEqual(await open(other, 'op'), await open(other, 'op'));
    });

    for (const [amountMinor, currency] of [
      [1999, 'EUR'],
      [123_456_789, 'EUR'],
      [500, 'JPY'],
    ] as const) {
      it(`takes ${amountMinor} minor units of ${currency} exactly`, async () => {
        const { facts } = await paid(invoiceOf(amountMinor, currency));
        const ledger = Object.values(ledgerOf(facts.filter(({ kind }) => kind === 'payment')));
        assert.deepEqual(ledger, [`payment succeeded ${amountMinor} ${currency}`]);
        assert.ok(facts.every(({ invoiceId }) => invoiceId === '42'));
      });
    }

    it('takes three decimals exactly, or says before the sale that it cannot', async () => {
      const invoice = invoiceOf(12_340, 'KWD');
      const { ok, reason } = await handlers.canUse({ amount: invoice.total }, subject.context());
      if (ok) {
        const { payment } = await paid(invoice);
        assert.deepEqual([payment.amountMinor, payment.currency], [12_340, 'KWD']);
        return;
      }
      assert.match(reason ?? '', /KWD/);
      await failedWith(open(invoice), 'unsupported');
    });

    it('refuses amounts of nothing and less', async () => {
      for (const amountMinor of [0, -1999]) {
        await failedWith(open(invoiceOf(amountMinor)), 'invalid_input');
      }
    });

    it('tells the amount that was paid, never the one that was asked for', async () => {
      for (const other of [
        { amountMinor: 100, currency: 'EUR' },
        { amountMinor: 1999, currency: 'USD' },
      ]) {
        const invoice = invoiceOf(1999, 'EUR', `${other.amountMinor}-${other.currency}`);
        const facts = await tellAll(await subject.payOnPage(await open(invoice), other));
        for (const { amountMinor, currency } of facts) {
          assert.deepEqual({ amountMinor, currency }, other);
        }
      }
    });

    it('believes nothing that the vendor did not send', async () => {
      const [genuine] = await subject.payOnPage(await open(invoiceOf(1999)));
      assert.ok(genuine);
      const forged = subject.forge(genuine);
      assert.ok(forged.length > 1);
      for (const request of forged) {
        const outcome = await tell(request).catch((error: unknown) => error);
        const isRefused = isFailure(outcome, 'unauthorized');
        const isNothing = Array.isArray(outcome) && outcome.length === 0;
        assert.ok(isRefused || isNothing, `${request.body}: ${JSON.stringify(outcome)}`);
      }
      assert.ok((await tell(genuine)).length > 0);
    });

    it('says the same of a delivery that comes again', async () => {
      const { deliveries, facts } = await paid(invoiceOf(1999));
      const again = await tellAll(deliveries);
      assert.deepEqual(ledgerOf([...facts, ...again]), ledgerOf(facts));
    });

    it('gives one ledger in whatever order, and however often, things are told', async () => {
      const { deliveries, payment } = await paid(invoiceOf(2000));
      const half = { amountMinor: 1000, currency: 'EUR' };
      const all = [...deliveries];
      all.push(...(await subject.giveBack(payment, half)));
      all.push(...(await subject.giveBack(payment, half)));
      const expected = ledgerOf(await tellAll(all));
      const refunds = Object.values(expected).filter((each) => each.startsWith('refund '));
      assert.equal(refunds.length, 2);
      const order = fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 });
      await fc.assert(
        fc.asyncProperty(order, async (told) => {
          assert.deepEqual(ledgerOf(await tellAll(told)), expected);
        }),
        { numRuns: ORDERS },
      );
    });

    it(
      'gives money back once for one operation, and never more than was paid',
      { skip: vendor.definition.refund === undefined },
      async () => {
        const { payment } = await paid(invoiceOf(1999));
        const { externalId } = payment;
        const amount = { amountMinor: 500, currency: 'EUR' };
        const transaction = { externalId, invoiceId: '42', amount: invoiceOf(1999).total };
        const refund = (value = amount) =>
          handlers.refund(
            { transaction, amount: value },
            subject.context({ operationId: 'op-refund' }),
          );
        const first = await refund();
        assert.ok(first.status !== 'failed');
        assert.deepEqual(
          first.facts?.map((fact) => [fact.kind, fact.amountMinor, fact.relatedExternalId]),
          [['refund', 500, externalId]],
        );
        const second = await refund();
        assert.ok(second.status !== 'failed');
        assert.equal(second.externalId, first.externalId);
        await failedWith(refund({ amountMinor: 2000, currency: 'EUR' }), 'invalid_input');
        await failedWith(refund({ amountMinor: 500, currency: 'USD' }), 'invalid_input');
      },
    );

    it('keeps secrets and placeholders out of results, logs, failures and storage', async () => {
      const context = subject.context();
      const page = await handlers.pay(paymentOf(invoiceOf(1999)), context);
      const results: unknown[] = [page];
      for (const request of await subject.payOnPage(page)) {
        results.push(await handlers.webhook(request, context));
      }
      const wrong = handlers.testConnection(subject.context({ isWrong: true }));
      results.push(
        await wrong.catch((error: unknown) => (isFailure(error) ? error.failure : error)),
      );
      subject.answerNext(DOWN);
      const failing = subject.context();
      results.push(await failedWith(subject.touch(failing), 'unavailable'));
      const said = JSON.stringify([results, context.logs, failing.logs, [...context.stored]]);
      for (const secret of [...vendor.secrets, 'sealed:']) assert.ok(!said.includes(secret));
      for (const request of subject.seen()) {
        for (const secret of vendor.secrets) assert.ok(!request.includes(secret), request);
      }
    });
  });
}
