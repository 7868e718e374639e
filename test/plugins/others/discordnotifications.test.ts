// Discord Notifications against a Discord on loopback that enforces Discord's limits.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import fc from 'fast-check';
import { isFailure } from 'cofferdam/sdk';
import type { Context, EventMessage, Json, JsonObject } from 'cofferdam/sdk';

import definition from '../../../plugins/others/discordnotifications/extension.ts';
import manifest from '../../../plugins/others/discordnotifications/manifest.json' with { type: 'json' };
import { manifestSchema } from '../../../sdk/manifest.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { startFakeDiscord, WEBHOOK } from '../../vendors/discord/fake.ts';
import type { FakeDiscord, SentMessage } from '../../vendors/discord/fake.ts';

const extension = handlersOf(definition);
type Config = Parameters<typeof extension.testConnection>[0]['config'];

const SEALED = 'sealed:4fd1c2b3a5968778';
const schema = extension.config;

const options = { timeout: 10_000 };

/** What zod makes of a form that has only the webhook and what the test changes. */
function configOf(values: JsonObject = {}): Config {
  return schema.parse({ webhookUrl: SEALED, ...values });
}

function event(type: string, data: JsonObject, id = crypto.randomUUID()): EventMessage {
  return { id, type, at: '2026-11-24T10:00:00.000Z', data };
}

async function deliver(ctx: Context<Config>, message: EventMessage): Promise<Json | void> {
  const handler = extension.on[message.type];
  assert.ok(handler, `no handler for ${message.type}`);
  return await handler(message, ctx);
}

/** A context that reaches a Discord of its own, so that what it got is this test's alone. */
async function start(values: JsonObject = {}): Promise<{
  fake: FakeDiscord;
  ctx: TestContext<Config>;
  last: () => SentMessage;
}> {
  const fake = await startFakeDiscord();
  after(() => fake[Symbol.asyncDispose]());
  const fetch = createVendorFetch({
    origins: { 'https://discord.com': fake.origin },
    sealed: { [SEALED]: fake.webhookUrl },
  });
  const last = (): SentMessage => {
    const message = fake.messages.at(-1);
    assert.ok(message, `nothing was sent; requests: ${fake.requests.join(', ')}`);
    return message;
  };
  return { fake, ctx: createTestContext({ config: configOf(values), fetch }), last };
}

describe('discordnotifications', () => {
  let discord: FakeDiscord;
  before(async () => {
    discord = await startFakeDiscord();
    if (!discord.checksSchema) console.log('skip: ../shared/specs/discord.json is absent');
  });
  after(async () => {
    await discord[Symbol.asyncDispose]();
  });

  it('has a manifest that the host accepts, with an event for every handler', options, () => {
    const parsed = manifestSchema.parse(manifest);
    assert.deepEqual(parsed.capabilities?.events?.toSorted(), Object.keys(extension.on).toSorted());
    assert.equal(parsed.type, 'notification');
    assert.deepEqual(parsed.secrets, {
      webhookUrl: { hosts: ['discord.com', 'discordapp.com'], in: ['url'] },
    });
  });

  it('sends a paid invoice as one embed with the total from minor units', options, async () => {
    const { fake, ctx, last } = await start();
    const result = await deliver(
      ctx,
      event('invoice.paid', {
        invoice: { id: '42', number: 'INV-42', total: { amountMinor: 1999, currency: 'EUR' } },
        user: { id: '7', email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' },
      }),
    );
    assert.deepEqual(result, { sent: true, messageId: '9000000000000001' });
    assert.deepEqual(fake.requests, [
      `POST /api/webhooks/${WEBHOOK.id}/${WEBHOOK.token}?wait=true`,
    ]);
    assert.deepEqual(last(), {
      query: { wait: 'true' },
      body: {
        embeds: [
          {
            title: 'Invoice paid',
            color: 0x2e9e5b,
            timestamp: '2026-11-24T10:00:00.000Z',
            fields: [
              { name: 'Invoice', value: String.raw`INV\-42`, inline: true },
              { name: 'Total', value: '19.99 EUR', inline: true },
              { name: 'Customer', value: 'Ada Lovelace', inline: true },
              { name: 'E-mail', value: 'a•••@\u200bexample.com', inline: true },
            ],
          },
        ],
        allowed_mentions: { parse: [] },
      },
    });
  });

  for (const [amountMinor, currency, text] of [
    [1999, 'EUR', '19.99 EUR'],
    [500, 'JPY', '500 JPY'],
    [1234, 'KWD', '1.234 KWD'],
    [-5, 'USD', '-0.05 USD'],
    [100, 'XXX', '100 XXX (minor units)'],
  ] as const) {
    it(`writes ${amountMinor} minor units of ${currency} as "${text}"`, options, async () => {
      const { ctx, last } = await start();
      await deliver(ctx, event('payment.failed', { amountMinor, currency }));
      assert.deepEqual(last().body.embeds[0]?.fields?.[0], {
        name: 'Amount',
        value: text,
        inline: true,
      });
    });
  }

  it('sends nothing for an event that is switched off', options, async () => {
    const { fake, ctx } = await start({ events: ['invoice.paid'] });
    assert.deepEqual(await deliver(ctx, event('user.created', { id: '1' })), {
      sent: false,
      reason: 'switched off',
    });
    assert.deepEqual(fake.requests, []);
  });

  it('works as installed, with no event chosen yet', options, async () => {
    const { ctx, last } = await start();
    await deliver(ctx, event('ticket.created', { id: '9', subject: 'Help' }));
    assert.equal(last().body.embeds[0]?.title, 'New ticket');
  });

  it('posts an event once that is delivered twice', options, async () => {
    const { fake, ctx } = await start();
    const same = event('order.created', { id: '5' });
    await deliver(ctx, same);
    assert.deepEqual(await deliver(ctx, same), { sent: false, reason: 'sent before' });
    assert.equal(fake.messages.length, 1);
  });

  it('posts an event again whose first delivery failed', options, async () => {
    const { fake, ctx } = await start();
    fake.answerNext({ status: 502, text: '<html>Bad gateway</html>' });
    const same = event('order.created', { id: '5' });
    await assert.rejects(deliver(ctx, same), (error) => isFailure(error, 'unavailable'));
    await deliver(ctx, same);
    assert.equal(fake.messages.length, 1);
  });

  it('takes a user named "@everyone" for a name', options, async () => {
    const { ctx, last } = await start();
    await deliver(
      ctx,
      event('user.created', { name: '@everyone <@&123> [free](https://evil.example)' }),
    );
    const { body } = last();
    assert.deepEqual(body.allowed_mentions, { parse: [] });
    assert.equal(body.content, undefined);
    assert.equal(
      body.embeds[0]?.fields?.[0]?.value,
      '@\u200beveryone \\<@\u200b&123\\> \\[free\\]\\(https:\u200b//evil.example\\)',
    );
  });

  for (const [pingType, content, allowed] of [
    ['user', '<@123456789012345678>', { parse: [], users: ['123456789012345678'] }],
    ['role', '<@&123456789012345678>', { parse: [], roles: ['123456789012345678'] }],
  ] as const) {
    it(`pings the chosen ${pingType} and nobody else`, options, async () => {
      const { ctx, last } = await start({ pingType, pingId: '123456789012345678' });
      await deliver(ctx, event('ticket.created', { subject: '@here <@999999999999999999>' }));
      assert.equal(last().body.content, content);
      assert.deepEqual(last().body.allowed_mentions, allowed);
    });
  }

  it('refuses a config that pings nobody in particular', options, () => {
    const parsed = schema.safeParse({ webhookUrl: SEALED, pingType: 'role' });
    assert.deepEqual(
      parsed.error?.issues.map(({ path }) => path),
      [['pingId']],
    );
  });

  for (const username of ['Discord Billing', 'clyde', 'x'.repeat(81)]) {
    it(
      `refuses the sender name "${username.slice(0, 20)}" that Discord would refuse`,
      options,
      () => {
        assert.equal(schema.safeParse({ webhookUrl: SEALED, username }).success, false);
      },
    );
  }

  it('sends the chosen sender, picture and thread', options, async () => {
    const { ctx, last } = await start({
      username: 'Billing desk',
      avatarUrl: 'https://example.com/a.png',
      threadId: '333333333333333333',
    });
    await deliver(ctx, event('invoice.paid', { id: '1' }));
    const { query, body } = last();
    assert.deepEqual(
      [query['thread_id'], body.username, body.avatar_url],
      ['333333333333333333', 'Billing desk', 'https://example.com/a.png'],
    );
  });

  it('keeps phone, address and other properties of a user in the panel', options, async () => {
    const { ctx, last } = await start();
    const user = { id: '7', name: 'Ada', email: 'ada@example.com', phone: '+44 1', taxId: 'GB1' };
    const address = { line1: '1 Main Street' };
    await deliver(
      ctx,
      event('user.created', { user: { ...user, address }, changes: { phone: '+44 1' } }),
    );
    const sent = JSON.stringify(last().body);
    assert.doesNotMatch(sent, /\+44|GB1|Main Street|ada@/);
    assert.deepEqual(last().body.embeds[0]?.fields?.at(-1), {
      name: 'Changed',
      value: 'phone',
      inline: false,
    });
  });

  it('shows whole addresses only when the admin chose so', options, async () => {
    const { ctx, last } = await start({ showEmail: true });
    await deliver(ctx, event('user.created', { user: { email: 'ada@example.com' } }));
    assert.equal(last().body.embeds[0]?.fields?.[0]?.value, 'ada@\u200bexample.com');
  });

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

  it('answers a failed connection test with a remedy, not an exception', options, async () => {
    const { fake, ctx } = await start();
    fake.deleteWebhook();
    const { ok, remedy } = await extension.testConnection(ctx);
    assert.deepEqual([ok, /new webhook/.test(remedy ?? '')], [false, true]);
  });

  it('sends a test message when the admin asks for one', options, async () => {
    const { ctx, last } = await start({ events: [] });
    const result = await extension.actions['test']?.run({ subject: {}, values: {} }, ctx);
    assert.equal(result?.message, 'The test message was sent');
    assert.equal(last().body.embeds[0]?.title, 'Test message');
  });

  for (const [type, title] of [
    ['new_user', 'New user'],
    ['new_order', 'New order'],
    ['payment', 'Payment received'],
    ['ticket', 'New ticket'],
    ['invoice.paid', 'Invoice paid'],
  ] as const) {
    it(`executes "${type}" as "${title}"`, options, async () => {
      const { ctx, last } = await start({ events: Object.keys(extension.on) });
      await extension.execute(
        { type, data: { user_name: 'Ada', amount: '19.99', currency: 'EUR' } },
        ctx,
      );
      assert.equal(last().body.embeds[0]?.title, title);
    });
  }

  for (const type of ['refund', 'constructor', '__proto__', null]) {
    it(`refuses to execute the unknown type ${JSON.stringify(type)}`, options, async () => {
      const { fake, ctx } = await start();
      await assert.rejects(extension.execute({ type, data: {} }, ctx), (error) =>
        isFailure(error, 'invalid_input'),
      );
      assert.deepEqual(fake.requests, []);
    });
  }

  it('the fake refuses what Discord refuses', options, async () => {
    const send = async (body: object): Promise<number> => {
      const { pathname } = new URL(discord.webhookUrl);
      const headers = { 'content-type': 'application/json' };
      const init = { method: 'POST', headers, body: JSON.stringify(body) };
      return (await fetch(discord.origin + pathname, init)).status;
    };
    const field = { name: 'n', value: 'v' };
    const embed = (fields: object[], title = 't'): object => ({ embeds: [{ title, fields }] });
    assert.deepEqual(
      await Promise.all([
        send(embed([field])),
        send(embed([{ ...field, value: 'x'.repeat(1_025) }])),
        send(embed(Array.from({ length: 26 }, () => field))),
        send(embed([field], 'x'.repeat(257))),
        send(embed(Array.from({ length: 6 }, () => ({ ...field, value: 'x'.repeat(1_024) })))),
        send({ content: '' }),
        send({ content: 'x'.repeat(2_001) }),
      ]),
      [204, 400, 400, 400, 400, 400, 400],
    );
  });
});
