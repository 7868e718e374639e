// Discord Notifications: what is posted about which event, and what never is.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isFailure } from 'cofferdam/sdk';

import manifest from '../../../plugins/others/discordnotifications/manifest.json' with { type: 'json' };
import { manifestSchema } from '../../../sdk/manifest.ts';
import { WEBHOOK } from '../../vendors/discord/fake.ts';
import { deliver, event, extension, schema, SEALED, start } from '../../vendors/discord/setup.ts';

const options = { timeout: 10_000 };

describe('discordnotifications', () => {
  it('has a manifest that the host accepts, with an event for every handler', options, () => {
    const parsed = manifestSchema.parse(manifest);
    assert.deepEqual(parsed.capabilities?.events?.toSorted(), Object.keys(extension.on).toSorted());
    assert.equal(parsed.type, 'notification');
    const toDiscord = { hosts: ['discord.com', 'discordapp.com'], in: ['url'] };
    assert.equal(Object.keys(parsed.secrets ?? {}).length, 7);
    for (const rule of Object.values(parsed.secrets ?? {})) assert.deepEqual(rule, toDiscord);
  });

  it('takes no address but that of a Discord webhook, checked by the host', options, () => {
    assert.deepEqual(schema.shape.webhookUrl.meta()?.['startsWith'], [
      'https://discord.com/api/webhooks/',
      'https://discordapp.com/api/webhooks/',
    ]);
    assert.equal(schema.shape.webhookUrl.meta()?.['secret'], true);
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
});
