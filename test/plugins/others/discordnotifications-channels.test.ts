// Discord Notifications: which channel an event goes to, the admin's own words, and what is left out.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';

import type { JsonObject } from 'cofferdam/sdk';

import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import { startFakeDiscord } from '../../vendors/discord/fake.ts';
import {
  configOf,
  deliver,
  event,
  extension,
  schema,
  SEALED,
  start,
} from '../../vendors/discord/setup.ts';

const options = { timeout: 10_000 };
const OTHER = 'sealed:9999999999999999';

/** Two channels at two fakes: the main one, and one for tickets. */
async function startTwo(values: JsonObject = {}) {
  const [main, tickets] = [await startFakeDiscord(), await startFakeDiscord()];
  after(() => main[Symbol.asyncDispose]());
  after(() => tickets[Symbol.asyncDispose]());
  const events = Object.keys(extension.on);
  const config = configOf({ events, ticketWebhookUrl: OTHER, ...values });
  const fetch = createVendorFetch({
    origins: { 'https://discord.com': main.origin, 'https://discordapp.com': tickets.origin },
    sealed: {
      [SEALED]: main.webhookUrl,
      [OTHER]: tickets.webhookUrl.replace('discord.com', 'discordapp.com'),
    },
  });
  const counts = () => [main.messages.length, tickets.messages.length];
  return { ctx: createTestContext({ config, fetch }), counts };
}

describe('discordnotifications: channels and words', options, () => {
  it(
    'posts tickets to their own channel and everything else to the main one',
    options,
    async () => {
      const { ctx, counts } = await startTwo();
      for (const type of Object.keys(extension.on)) await deliver(ctx, event(type, { id: '1' }));
      const tickets = Object.keys(extension.on).filter((type) => type.startsWith('ticket.')).length;
      assert.deepEqual(counts(), [Object.keys(extension.on).length - tickets, tickets]);
    },
  );

  it('posts single events where a route says', options, async () => {
    const routes = ['payment.disputed=ticket', 'ticket.closed=main', 'user.created=order'];
    const { ctx, counts } = await startTwo({ routes });
    for (const type of ['payment.disputed', 'ticket.closed', 'user.created', 'ticket.created'])
      await deliver(ctx, event(type, { id: '1' }));
    assert.deepEqual(counts(), [2, 2]);
  });

  it('tests every channel once, by look and by message', options, async () => {
    const { ctx, counts } = await startTwo({ userWebhookUrl: SEALED });
    assert.match(
      (await extension.testConnection(ctx)).message ?? '',
      /^Webhook "Billing".*; Webhook/,
    );
    assert.deepEqual(counts(), [0, 0]);
    await extension.actions['test']?.run({ subject: {}, values: {} }, ctx);
    assert.deepEqual(counts(), [1, 1]);
  });

  it(
    'writes the words of a template; values bring no markdown, mention or address',
    options,
    async () => {
      const templates = [
        'invoice.paid: **{{user.firstName}}** ({{user.email}}) paid {{invoice.total}}{{gone}}',
      ];
      const { ctx, last } = await start({ templates });
      const total = { amountMinor: 1999, currency: 'EUR' };
      const user = { firstName: '@everyone **x**', email: 'ada@example.com' };
      await deliver(ctx, event('invoice.paid', { invoice: { total }, user, message: 'other' }));
      assert.equal(
        last().body.embeds[0]?.description,
        String.raw`**@${'\u200b'}everyone \*\*x\*\*** (a•••@${'\u200b'}example.com) paid 19.99 EUR`,
      );
      assert.deepEqual(last().body.allowed_mentions, { parse: [] });
    },
  );

  it('sends no field that is left out', options, async () => {
    const { ctx, last } = await start({ hidden: ['E-mail', 'Customer', 'Changed'] });
    const user = { name: 'Ada', email: 'ada@example.com' };
    await deliver(ctx, event('invoice.paid', { id: '1', user, changes: ['status'] }));
    const names = last().body.embeds[0]?.fields?.map(({ name }) => name);
    assert.deepEqual(names, ['Invoice']);
  });

  for (const [field, value] of [
    ['routes', ['invoice.paid=sales']],
    ['routes', ['invoice.paied=ticket']],
    ['templates', ['no event here']],
    ['templates', ['nothing.happened: text']],
    ['hidden', ['Phone']],
  ] as const) {
    it(`refuses ${JSON.stringify(value)} as ${field}`, options, () => {
      const parsed = schema.safeParse({ webhookUrl: SEALED, [field]: value });
      assert.equal(parsed.error?.issues[0]?.path[0], field);
    });
  }

  it('posts an event once that comes twice at the same time', options, async () => {
    const { fake, ctx } = await start();
    const same = event('order.created', { id: '5' });
    const both = await Promise.allSettled([deliver(ctx, same), deliver(ctx, same)]);
    assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    assert.equal(fake.messages.length, 1);
    assert.deepEqual(await deliver(ctx, same), { sent: false, reason: 'sent before' });
  });
});
