// Webhook: what is sent, how it is signed, and which answers are worth another try.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import fc from 'fast-check';
import { isFailure, parseJson } from 'cofferdam/sdk';
import type { JsonObject } from 'cofferdam/sdk';

import { fillTemplate, fits, leaveOut } from '../../../plugins/others/webhook/events.ts';
import definition from '../../../plugins/others/webhook/extension.ts';
import manifest from '../../../plugins/others/webhook/manifest.json' with { type: 'json' };
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import { startReceiver } from '../../vendors/receiver.ts';
import type { Receiver } from '../../vendors/receiver.ts';

const options = { timeout: 20_000 };
const extension = handlersOf(definition);
const URL_STAND_IN = 'sealed:URLURLURLURLURLURLURLU';
// Outside the sandbox a key is the bytes of its stand-in; what the host does is in webhook-host.test.ts.
const KEYS = ['sealed:KEYKEYKEYKEYKEYKEYKEYK', 'sealed:OLDOLDOLDOLDOLDOLDOLDO'] as const;

describe('webhook', options, () => {
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver([Buffer.from(KEYS[0])]);
  });
  afterEach(() => receiver[Symbol.asyncDispose]());

  const contextOf = (values: JsonObject = {}) => {
    const config = extension.config.parse({ url: URL_STAND_IN, signingSecret: KEYS[0], ...values });
    const fetch = createVendorFetch({
      origins: { 'https://hooks.example.com': receiver.vendor.origin },
      sealed: { [URL_STAND_IN]: 'https://hooks.example.com/in?k=1' },
    });
    return createTestContext({ config, fetch });
  };
  const event = (data: JsonObject = {}, type = 'invoice.paid') => ({
    id: 'evt_1.x',
    type,
    at: '2026-11-25T12:00:00Z',
    data,
  });
  const deliver = (values: JsonObject = {}, data: JsonObject = {}) =>
    extension.on['invoice.paid']?.(event(data), contextOf(values));

  it('sends an event once, signed, under an id without full stops', options, async () => {
    const data = { invoice: { id: '7' }, user: { id: '1', phone: '+49', address: { city: 'X' } } };
    assert.deepEqual(await deliver({}, data), { sent: true, status: 200 });
    assert.deepEqual(receiver.messages, [
      {
        id: 'evt_1_x',
        body: {
          type: 'invoice.paid',
          timestamp: '2026-11-25T12:00:00Z',
          data: { invoice: { id: '7' }, user: { id: '1' } },
        },
      },
    ]);
  });

  it('signs with the former secret as well while the receiver changes over', options, async () => {
    await using old = await startReceiver([Buffer.from(KEYS[1])]);
    const ctx = contextOf({ previousSecret: KEYS[1] });
    const fetch = createVendorFetch({
      origins: { 'https://hooks.example.com': old.vendor.origin },
      sealed: { [URL_STAND_IN]: 'https://hooks.example.com/' },
    });
    await extension.on['invoice.paid']?.(event(), { ...ctx, fetch });
    await extension.on['invoice.paid']?.(event(), ctx);
    assert.deepEqual([old.messages.length, receiver.messages.length], [1, 1]);
  });

  it('sends the same id on every try', options, async () => {
    receiver.vendor.answerNext(/POST/, { status: 503 });
    await assert.rejects(async () => deliver());
    await deliver();
    const ids = receiver.vendor.requests.map(({ headers }) => headers['webhook-id']);
    assert.deepEqual(ids, ['evt_1_x', 'evt_1_x']);
  });

  for (const [status, code, retriable] of [
    [301, 'unavailable', true],
    [400, 'rejected', false],
    [401, 'unavailable', true],
    [404, 'unavailable', true],
    [408, 'unavailable', true],
    [409, 'unavailable', true],
    [410, 'not_found', false],
    [422, 'rejected', false],
    [429, 'rate_limited', true],
    [500, 'unavailable', true],
    [503, 'unavailable', true],
  ] as const) {
    it(
      `takes ${status} for ${code}, ${retriable ? 'to be tried again' : 'final'}`,
      options,
      async () => {
        const headers = { 'retry-after': '9', location: 'https://elsewhere.example/' };
        receiver.vendor.answerNext(/POST/, { status, headers });
        await assert.rejects(
          async () => deliver(),
          (error) => {
            assert.ok(isFailure(error, code), String(error));
            assert.equal(error.failure.retriable, retriable);
            assert.equal(error.failure.retryAfterMs, retriable ? 9_000 : undefined);
            assert.ok((error.failure.remedy ?? '').length > 20);
            return true;
          },
        );
        assert.equal(receiver.vendor.requests.length, 1);
      },
    );
  }

  it('takes a lost connection for something to be tried again', options, async () => {
    receiver.vendor.loseReply(/POST/);
    await assert.rejects(
      async () => deliver(),
      (error) => {
        assert.ok(isFailure(error, 'unavailable'));
        return error.failure.retriable;
      },
    );
  });

  it('ends with the call', options, async () => {
    const ctx = contextOf();
    const call = { ...ctx.call, signal: AbortSignal.abort() };
    const sending = extension.on['invoice.paid']?.(event(), { ...ctx, call });
    await assert.rejects(
      async () => sending,
      (error) => isFailure(error, 'timeout'),
    );
  });

  it('sends nothing that is switched off or does not fit the conditions', options, async () => {
    const paid = { invoice: { total: { currency: 'EUR' } } };
    const conditions = ['invoice.total.currency=USD'];
    assert.deepEqual(await deliver({ events: ['user.created'] }), {
      sent: false,
      reason: 'switched off',
    });
    assert.deepEqual(await deliver({ conditions }, paid), {
      sent: false,
      reason: 'a condition fails',
    });
    assert.equal(receiver.vendor.requests.length, 0);
  });

  it('knows when conditions hold', options, () => {
    const data = { a: { b: 1 }, n: null, list: ['x'], own: 'y' };
    for (const [condition, holds] of [
      ['a.b=1', true],
      ['a.b=2', false],
      ['!a.b=2', true],
      ['a=1', false],
      ['n=null', true],
      ['list.0=x', true],
      ['gone=', false],
      ['!gone=x', true],
      ['constructor.name=Object', false],
      ['own=y', true],
    ] as const)
      assert.equal(fits(data, [condition]), holds, condition);
  });

  it('leaves fields out and the event itself as it was', options, () => {
    const data = { user: { id: '1', phone: '2' }, note: 'x' };
    assert.deepEqual(leaveOut(data, ['user.phone', 'note', 'gone.x', 'user.id.x']), {
      user: { id: '1' },
    });
    assert.equal(data.user.phone, '2');
  });

  it('fills a template; a value never leaves its string', options, async () => {
    const template = JSON.stringify({
      text: 'Paid: {{data.invoice.number}} {{data.gone}}',
      total: '{{data.invoice.total}}',
      none: '{{data.gone}}',
      fixed: [1, true, null],
    });
    const total = { amountMinor: 1999, currency: 'EUR' };
    const number = 'INV"},"x":{"a';
    await deliver({ template }, { invoice: { number, total } });
    assert.deepEqual(receiver.messages[0]?.body, {
      text: `Paid: ${number} `,
      total,
      none: null,
      fixed: [1, true, null],
    });
  });

  it('keeps the shape of a template for any value', options, () => {
    const template = parseJson('{"a":"x {{data.v}} y","b":["{{data.v}}"]}') ?? null;
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (v) => {
        const filled = JSON.parse(JSON.stringify(fillTemplate(template, event({ v }))));
        assert.deepEqual(filled, { a: `x ${v} y`, b: [v] });
      }),
    );
  });

  it('refuses a template that is no JSON, a bad condition and a bad path', options, () => {
    const issues = (values: object) => {
      const parsed = extension.config.safeParse({ url: 'u', signingSecret: 's', ...values });
      return parsed.error?.issues.map(({ path }) => path[0]);
    };
    assert.deepEqual(issues({ template: '{"a": {{data}} }' }), ['template']);
    assert.deepEqual(issues({ conditions: ['a>1'] }), ['conditions']);
    assert.deepEqual(issues({ leaveOut: ['a..b'] }), ['leaveOut']);
  });

  it('refuses an event that is too long', options, async () => {
    const sending = async () => deliver({}, { text: 'x'.repeat(262_144) });
    await assert.rejects(sending, (error) => isFailure(error, 'rejected'));
  });

  it('sends a test message for the button and for the connection test', options, async () => {
    const ctx = contextOf({ authorization: 'Bearer abc' });
    const result = await extension.actions['test']?.run({ subject: {}, values: {} }, ctx);
    assert.deepEqual(result, { message: 'The receiver answered 200', data: { status: 200 } });
    assert.deepEqual(await extension.testConnection(ctx), {
      ok: true,
      message: 'The receiver answered 200',
    });
    assert.equal(receiver.messages[0]?.body.type, 'webhook.test');
    assert.equal(receiver.vendor.requests[0]?.headers['authorization'], 'Bearer abc');
  });

  it('says of a failed connection test what to do', options, async () => {
    receiver.vendor.answerNext(/POST/, { status: 410 });
    await assert.rejects(
      extension.testConnection(contextOf()),
      (error) => isFailure(error, 'not_found') && typeof error.failure.remedy === 'string',
    );
  });

  it('has an event of the manifest for every handler', options, () => {
    assert.deepEqual(manifest.capabilities.events.toSorted(), Object.keys(extension.on).toSorted());
  });
});
