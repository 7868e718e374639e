// The contract of others, for every extension of that category that is shipped.

import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import { claimOther } from '../../contract/other.ts';
import affiliatesDefinition from '../../../plugins/others/affiliates/extension.ts';
import announcementsDefinition from '../../../plugins/others/announcements/extension.ts';
import discordDefinition from '../../../plugins/others/discordnotifications/extension.ts';
import { extension as affiliates } from '../../vendors/affiliates.ts';
import { extension as announcements } from '../../vendors/announcements.ts';
import { startFakeDiscord, WEBHOOK } from '../../vendors/discord/fake.ts';
import { configOf, extension as discord, SEALED } from '../../vendors/discord/setup.ts';
import { startReceiver } from '../../vendors/receiver.ts';
import webhook from '../../../plugins/others/webhook/extension.ts';

const ADMIN = { id: 'boss', role: 'admin' };
const KEY = 'sealed:KEYKEYKEYKEYKEYKEYKEYK';
const money = { amountMinor: 1_999, currency: 'EUR' };
const any = {
  id: '5',
  user: { id: 'u1', email: 'ada@example.com' },
  invoice: { id: 'i1', number: 'INV-1', total: money },
  order: { id: 'o1', total: money },
  fact: { externalId: 're_1', invoiceId: 'i1', amountMinor: 999, currency: 'EUR' },
  referral: { code: 'ann' },
};

const noFetch = async (): Promise<never> => {
  throw new TypeError('It asks for no network');
};

claimOther({
  name: 'affiliates',
  definition: affiliatesDefinition,
  samples: { any },
  secrets: [],
  smallestConfig: {},
  async start() {
    const storage = new Map();
    const config = affiliates.config.parse({ existingCustomers: true });
    const context = (call = {}) => createTestContext({ config, fetch: noFetch, storage, call });
    const values = { userId: 'ann', code: 'ann' };
    await affiliates.actions['create']?.run({ subject: {}, values, actor: ADMIN }, context());
    const key = 'affiliate:ann';
    const kept = storage.get(key);
    kept.createdAt = '2025-01-01T00:00:00.000Z';
    kept.standings[0].from = kept.createdAt;
    return {
      context,
      async effects() {
        const asked = { params: { id: 'ann' }, viewer: ADMIN };
        return await affiliates.pages['affiliate']?.(asked, context());
      },
      async [Symbol.asyncDispose]() {},
    };
  },
});

claimOther({
  name: 'announcements',
  definition: announcementsDefinition,
  samples: { any },
  secrets: [],
  smallestConfig: { siteUrl: 'https://panel.example.com' },
  async start() {
    const storage = new Map();
    const config = announcements.config.parse({ siteUrl: 'https://panel.example.com' });
    const context = (call = {}) => createTestContext({ config, fetch: noFetch, storage, call });
    const values = { title: 'T', text: 'x', state: 'published', publishAt: '2026-01-01T00:00:00Z' };
    const call = { operationId: 'first' };
    await announcements.actions['save']?.run({ subject: {}, values, actor: ADMIN }, context(call));
    const kept = storage.get('post:first');
    kept.updatedAt = '2026-01-01T00:00:00.000Z';
    await announcements.actions['markRead']?.run(
      { subject: {}, values: { id: 'first' }, actor: { id: 'u1' } },
      context(),
    );
    return {
      context,
      async effects() {
        const asked = { params: {}, viewer: { id: 'u1' } };
        return await announcements.pages['widget']?.(asked, context());
      },
      async [Symbol.asyncDispose]() {},
    };
  },
});

claimOther({
  name: 'webhook',
  definition: webhook,
  samples: { any },
  secrets: ['hooks.example.com/in/tok-en', KEY],
  smallestConfig: { url: KEY, signingSecret: KEY },
  // The receiver keeps each webhook-id once, as Standard Webhooks says.
  sendsAgain: true,
  async start() {
    const receiver = await startReceiver(
      [new TextEncoder().encode(KEY)].map((key) => Buffer.from(key)),
    );
    const url = 'sealed:URLURLURLURLURLURLURLU';
    const config = handlersOf(webhook).config.parse({ url, signingSecret: KEY });
    const fetch = createVendorFetch({
      origins: { 'https://hooks.example.com': receiver.vendor.origin },
      sealed: { [url]: 'https://hooks.example.com/in/tok-en' },
    });
    return {
      context: (call = {}) => createTestContext({ config, fetch, call }),
      effects: async () => receiver.messages.map(({ id }) => id),
      [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
    };
  },
});

claimOther({
  name: 'discordnotifications',
  definition: discordDefinition,
  samples: { any },
  secrets: [WEBHOOK.token],
  smallestConfig: { webhookUrl: SEALED },
  async start() {
    const fake = await startFakeDiscord();
    const storage = new Map();
    const config = configOf({ events: Object.keys(discord.on) });
    const fetch = createVendorFetch({
      origins: { 'https://discord.com': fake.origin },
      sealed: { [SEALED]: fake.webhookUrl },
    });
    return {
      context: (call = {}) => createTestContext({ config, fetch, storage, call }),
      effects: async () => fake.messages.map(({ body }) => body),
      [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
    };
  },
});
