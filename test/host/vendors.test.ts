// The shipped extensions inside the real sandbox, against fakes that behave like the vendors.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { egressTo } from '../helpers/egress.ts';
import { startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';
import { startFakeDiscord } from '../vendors/discord/fake.ts';
import type { FakeDiscord } from '../vendors/discord/fake.ts';
import { startFakeProxmox, TOKEN_ID, TOKEN_SECRET } from '../vendors/proxmox/fake.ts';
import type { FakeProxmox } from '../vendors/proxmox/fake.ts';
import { SECRET_KEY, signEvent, startFakeStripe } from '../vendors/stripe/fake.ts';
import type { FakeStripe } from '../vendors/stripe/fake.ts';

const SIGNING_SECRET = 'whsec_test_0123456789abcdefghijklmnop';

describe('shipped extensions in the sandbox', { timeout: 60_000 }, () => {
  let host: TestHost;
  let stripe: FakeStripe;
  let discord: FakeDiscord;
  let proxmox: FakeProxmox;

  before(async () => {
    stripe = await startFakeStripe();
    discord = await startFakeDiscord();
    proxmox = await startFakeProxmox();
    const ports: Record<string, number> = {
      'api.stripe.com': Number(new URL(stripe.origin).port),
      'discord.com': Number(new URL(discord.origin).port),
      'pve.example.com': proxmox.port,
    };
    host = await startTestHost(
      {},
      {
        shipped: true,
        egress: egressTo(ports),
      },
    );
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await stripe[Symbol.asyncDispose]();
    await discord[Symbol.asyncDispose]();
    await proxmox[Symbol.asyncDispose]();
  });

  it('creates a machine on Proxmox and accounts for every request of it', async () => {
    await host.enable('servers/Proxmox', {
      host: 'pve.example.com',
      tokenId: TOKEN_ID,
      tokenSecret: TOKEN_SECRET,
    });
    assert.equal((await host.request('POST', '/extensions/servers/proxmox/test')).body.ok, true);
    const settings = { node: 'pve1', template: 9000, cores: 2, memoryMiB: 2048, diskGiB: 20 };
    const service = {
      id: 's-1',
      user: { id: '7', email: 'ada@example.com' },
      product: { id: 'p', name: 'VPS', settings },
      checkout: { hostname: 'web1' },
      properties: {},
    };
    const { status, body } = await host.call('servers/proxmox', 'create', service);
    assert.equal(status, 200, JSON.stringify(body));
    const { result, receipt } = body;
    assert.deepEqual([result.status, result.remoteId], ['done', '100']);
    assert.equal(proxmox.guests.get(100)?.status, 'running');
    assert.match(result.oneTime.password, /^[A-Za-z2-9]{20}$/);
    assert.equal(receipt.capabilities.fetch.calls, proxmox.requests.length - 2);
    assert.equal(receipt.capabilities.fetch.denied, 0);
    const record = await host.request('GET', `/calls/${body.callId}`);
    assert.doesNotMatch(JSON.stringify(record.body), new RegExp(result.oneTime.password));
    assert.ok(
      proxmox.requests.every(({ authorization }) => authorization.endsWith(`=${TOKEN_SECRET}`)),
    );
    const removed = await host.call('servers/proxmox', 'terminate', {
      ...service,
      properties: result.properties,
    });
    assert.equal(removed.body.result.status, 'done');
    assert.equal(proxmox.guests.has(100), false);
  });

  it('takes a payment through Stripe with a key the guest never holds', async () => {
    await host.enable('gateways/stripe', { secretKey: SECRET_KEY, webhookSecret: SIGNING_SECRET });
    const tested = await host.request('POST', '/extensions/gateways/stripe/test');
    assert.equal(tested.body.ok, true, JSON.stringify(tested.body));
    const amount = { amountMinor: 1999, currency: 'EUR' };
    const { status, body } = await host.call('gateways/stripe', 'pay', {
      invoice: {
        id: '77',
        total: amount,
        items: [{ id: '1', description: 'VPS', quantity: 1, total: amount }],
      },
      amount,
      user: { id: '7', email: 'ada@example.com' },
      returnUrl: 'https://panel.example.com/return',
    });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.result.kind, 'redirect');
    const [session] = stripe.all('checkout.session');
    assert.equal(session?.['amount_total'], 1999);
    assert.ok(
      stripe.requests.every(({ headers }) => headers['authorization'] === `Bearer ${SECRET_KEY}`),
    );
    assert.doesNotMatch(JSON.stringify(body), new RegExp(SECRET_KEY));
  });

  it('believes a webhook signed by the official SDK and refuses a forged one', async () => {
    const [session] = stripe.all('checkout.session');
    const paid = stripe.completeCheckout(String(session?.['id']));
    const event = { type: 'checkout.session.completed', object: paid };
    const signed = await signEvent(event, { secret: SIGNING_SECRET });
    const { status, body } = await host.call('gateways/stripe', 'webhook', signed);
    assert.equal(status, 200, JSON.stringify(body));
    const [fact] = body.result.facts;
    assert.deepEqual(
      [fact.kind, fact.state, fact.amountMinor, fact.currency, fact.invoiceId],
      ['payment', 'succeeded', 1999, 'EUR', '77'],
    );
    const forged = await host.call('gateways/stripe', 'webhook', {
      ...signed,
      body: signed.body.replace('1999', '1'),
    });
    assert.equal(forged.body.code, 'EXTENSION_FAILED');
    assert.equal(forged.body.details.failure.code, 'unauthorized');
  });

  it('posts to a Discord webhook whose whole address is the secret', async () => {
    await host.enable('others/DiscordNotifications', {
      webhookUrl: discord.webhookUrl.replace(discord.origin, 'https://discord.com'),
    });
    const metadata = await host.request('GET', '/extensions/others/discord-notifications/metadata');
    assert.equal(metadata.body.type, 'notification');
    const tested = await host.request('POST', '/extensions/others/discordnotifications/test');
    assert.equal(tested.body.ok, true, JSON.stringify(tested.body));
    const { status, body } = await host.call('others/discordnotifications', 'on.invoice.paid', {
      id: 'evt_1',
      type: 'invoice.paid',
      at: '2026-11-24T12:00:00Z',
      data: {
        id: '77',
        total: { amountMinor: 1999, currency: 'EUR' },
        user: { name: '@everyone' },
      },
    });
    assert.equal(status, 200, JSON.stringify(body));
    const [message] = discord.messages;
    assert.deepEqual(message?.body.allowed_mentions, { parse: [] });
    assert.doesNotMatch(JSON.stringify([metadata.body, body]), /api\/webhooks/);
  });
});
