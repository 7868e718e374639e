// Discord Notifications at Discord's limits: sizes, rates, refusals.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import fc from 'fast-check';
import { isFailure } from 'cofferdam/sdk';
import type { JsonObject } from 'cofferdam/sdk';

import { fitEmbed } from '../../../plugins/others/discordnotifications/embed.ts';
import { startFakeDiscord, WEBHOOK } from '../../vendors/discord/fake.ts';
import type { FakeDiscord } from '../../vendors/discord/fake.ts';
import { deliver, event, extension, SEALED, start } from '../../vendors/discord/setup.ts';

const options = { timeout: 10_000 };

/** Posts a body as it is, past the extension. */
async function post(fake: FakeDiscord, body: object): Promise<number> {
  const { pathname } = new URL(fake.webhookUrl);
  const headers = { 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  return (await fetch(fake.origin + pathname, init)).status;
}

const field = { name: 'n', value: 'v' };
const embedOf = (fields: object[], title = 't'): object => ({ embeds: [{ title, fields }] });

describe('discordnotifications at the limits', () => {
  let discord: FakeDiscord;
  before(async () => {
    discord = await startFakeDiscord();
    if (!discord.checksSchema) console.log('skip: ../shared/specs/discord.json is absent');
  });
  after(async () => {
    await discord[Symbol.asyncDispose]();
  });

  it(
    'drops the fields that are too many, keeps a message of exactly 6000 characters',
    options,
    () => {
      const field = { name: 'n', value: 'v', inline: false };
      const of = (fields: (typeof field)[], description: string) =>
        fitEmbed({ title: 't', color: 0, fields, description });
      const many = of(
        Array.from({ length: 30 }, () => field),
        '',
      );
      assert.deepEqual([many.fields.length, many.description], [25, undefined]);
      const long = Array.from({ length: 5 }, () => ({ ...field, value: 'x'.repeat(1_024) }));
      const room = 6_000 - 't'.length - 5 * 1_025;
      assert.equal(of(long, 'd'.repeat(room)).description, 'd'.repeat(room));
      assert.equal(of(long, 'd'.repeat(room + 1)).description, `${'d'.repeat(room - 1)}…`);
    },
  );

  it('cuts a text of any length to what Discord takes', options, async () => {
    const { fake, ctx, last } = await start();
    const long = '😀*'.repeat(6_000);
    await deliver(
      ctx,
      event('ticket.created', {
        message: long,
        url: 'https://panel.example/t/1',
        ticket: { id: long, priority: long, department: long, subject: long },
        user: { name: long, email: `${long}@example.com` },
      }),
    );
    assert.equal(fake.messages.length, 1);
    const { description = '', fields = [], url } = last().body.embeds[0] ?? {};
    assert.equal(url, 'https://panel.example/t/1');
    assert.ok(
      [description, ...fields.map(({ value }) => value)].every((text) => text.isWellFormed()),
    );
    const cut = fields.filter(({ value }) => value.endsWith('…')).map(({ name }) => name);
    assert.deepEqual(cut, ['Ticket', 'Priority', 'Department', 'Subject', 'Customer']);
  });

  it(
    'never makes a message that Discord refuses, whatever the panel sends',
    { timeout: 60_000 },
    async () => {
      const { fake, ctx } = await start({ events: Object.keys(extension.on) });
      const names = Object.keys(extension.on);
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.constant('x'.repeat(5_000)),
      );
      const value = fc.oneof(text, fc.jsonValue({ maxDepth: 2 }), fc.integer());
      const keys = [
        'id',
        'number',
        'total',
        'name',
        'email',
        'subject',
        'status',
        'message',
        'url',
      ];
      const flat = fc.dictionary(
        fc.constantFrom(...keys, 'currency', 'amountMinor', 'changes'),
        value,
      );
      const data = fc.dictionary(
        fc.constantFrom(
          ...keys,
          'user',
          'invoice',
          'order',
          'ticket',
          'service',
          'product',
          'fact',
        ),
        fc.oneof(value, flat),
      );
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...names), data, async (name, values) => {
          const sentBefore = fake.messages.length;
          await deliver(ctx, event(name, JSON.parse(JSON.stringify(values)) as JsonObject));
          assert.equal(fake.messages.length, sentBefore + 1);
        }),
        { numRuns: 200 },
      );
    },
  );

  it('waits out a short rate limit inside the call', options, async () => {
    const { fake, ctx } = await start();
    fake.limitNext({ retryAfterSeconds: 0.02 });
    fake.limitNext({ retryAfterSeconds: 0.02, global: true });
    await deliver(ctx, event('invoice.paid', { id: '1' }));
    assert.deepEqual([fake.requests.length, fake.messages.length], [3, 1]);
  });

  it('gives up after three tries and names the time to wait', options, async () => {
    const { fake, ctx } = await start();
    for (let times = 0; times < 3; times += 1) fake.limitNext({ retryAfterSeconds: 0.02 });
    await assert.rejects(deliver(ctx, event('invoice.paid', { id: '1' })), (error) => {
      assert.ok(isFailure(error, 'rate_limited'));
      assert.deepEqual([error.failure.retriable, error.failure.retryAfterMs], [true, 20]);
      return true;
    });
    assert.equal(fake.requests.length, 3);
  });

  it('reports a long rate limit at once instead of waiting', options, async () => {
    const { fake, ctx } = await start();
    fake.limitNext({ retryAfterSeconds: 64.57 });
    await assert.rejects(deliver(ctx, event('invoice.paid', { id: '1' })), (error) => {
      assert.ok(isFailure(error, 'rate_limited'));
      assert.equal(error.failure.retryAfterMs, 64_570);
      return true;
    });
    assert.equal(fake.requests.length, 1);
  });

  it('understands a rate limit that comes as an HTML page', options, async () => {
    const { fake, ctx } = await start();
    fake.limitNext({ retryAfterSeconds: 30, html: true });
    await assert.rejects(deliver(ctx, event('invoice.paid', { id: '1' })), (error) => {
      assert.ok(isFailure(error, 'rate_limited'));
      assert.equal(error.failure.retryAfterMs, 30_000);
      return true;
    });
  });

  it('does not wait past the deadline of the call', options, async () => {
    const { fake, ctx } = await start();
    fake.limitNext({ retryAfterSeconds: 1 });
    const call = { ...ctx.call, deadlineMs: Date.now() + 500 };
    await assert.rejects(deliver({ ...ctx, call }, event('invoice.paid', { id: '1' })), (error) =>
      isFailure(error, 'rate_limited'),
    );
    assert.equal(fake.requests.length, 1);
  });

  it('says what to do when the webhook was deleted in Discord', options, async () => {
    const { fake, ctx } = await start();
    fake.deleteWebhook();
    await assert.rejects(deliver(ctx, event('invoice.paid', { id: '1' })), (error) => {
      assert.ok(isFailure(error, 'not_found'));
      assert.match(error.failure.message, /Unknown Webhook/);
      assert.match(error.failure.remedy ?? '', /new webhook/);
      assert.equal(error.failure.retriable, false);
      return true;
    });
  });

  it('repeats the field that Discord refused', options, async () => {
    const { fake, ctx } = await start();
    const refusal = {
      _errors: [{ code: 'BASE_TYPE_MAX_LENGTH', message: 'Must be 1024 or fewer in length.' }],
    };
    fake.answerNext({
      status: 400,
      body: {
        message: 'Invalid Form Body',
        code: 50_035,
        errors: { embeds: { 0: { fields: { 6: { value: refusal } } } } },
      },
    });
    await assert.rejects(deliver(ctx, event('invoice.paid', { id: '1' })), (error) => {
      assert.ok(isFailure(error, 'rejected'));
      assert.match(error.failure.message, /embeds\.0\.fields\.6\.value: Must be 1024 or fewer/);
      return true;
    });
  });

  it('puts the webhook address in no failure and no log line', options, async () => {
    const { fake, ctx } = await start();
    fake.answerNext({ status: 500, text: 'oops' });
    const error = await deliver(ctx, event('invoice.paid', { id: '1' })).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(isFailure(error, 'unavailable'));
    const seen = JSON.stringify([error.failure, ctx.logs]);
    assert.ok(!seen.includes(WEBHOOK.token) && !seen.includes(SEALED));
  });

  it('tests the connection without posting anything', options, async () => {
    const { fake, ctx } = await start();
    assert.deepEqual(await extension.testConnection(ctx), {
      ok: true,
      message: `Webhook "Billing" posts to channel ${WEBHOOK.channelId}`,
    });
    assert.deepEqual(fake.requests, [`GET /api/webhooks/${WEBHOOK.id}/${WEBHOOK.token}`]);
  });

  it('says of a failed connection test what to do', options, async () => {
    const { fake, ctx } = await start();
    fake.deleteWebhook();
    await assert.rejects(
      extension.testConnection(ctx),
      (error) => isFailure(error) && /new webhook/.test(error.failure.remedy ?? ''),
    );
  });

  it('the fake refuses what Discord refuses', options, async () => {
    assert.deepEqual(
      await Promise.all([
        post(discord, embedOf([field])),
        post(discord, embedOf([{ ...field, value: 'x'.repeat(1_025) }])),
        post(discord, embedOf(Array.from({ length: 26 }, () => field))),
        post(discord, embedOf([field], 'x'.repeat(257))),
        post(
          discord,
          embedOf(Array.from({ length: 6 }, () => ({ ...field, value: 'x'.repeat(1_024) }))),
        ),
        post(discord, { content: '' }),
        post(discord, { content: 'x'.repeat(2_001) }),
      ]),
      [204, 400, 400, 400, 400, 400, 400],
    );
  });
});
