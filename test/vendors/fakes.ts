// Every vendor's fake on loopback, the names that stand for it, and what an admin enters to use it. For
// the table of vendors, and for `cofferdam dev --with-fakes`. Nothing here ever leaves this machine.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { EgressPowers } from '../../host/lifecycle/endow.ts';
import type { ServerSubject, ServerVendor } from '../contract/subject.ts';
import { egressTo } from '../helpers/egress.ts';
import { API_KEY as CONVOY_KEY } from './convoy/fake.ts';
import { API_TOKEN as CPANEL_TOKEN, USERNAME as CPANEL_USER } from './cpanel/fake.ts';
import { LOGIN_KEY, USERNAME as DIRECTADMIN_USER } from './directadmin/fake.ts';
import { startFakeDiscord } from './discord/fake.ts';
import { ACCESS_TOKEN } from './enhance/fake.ts';
import { HOST as ENHANCE_HOST } from './enhance/setup.ts';
import { SELLER } from './enhance/state.ts';
import { API_KEY as MOLLIE_KEY, startFakeMollie } from './mollie/fake.ts';
import { EMAIL, startFakeIpn } from './paypal-ipn/fake.ts';
import { CLIENT_ID, CLIENT_SECRET, startFakePayPal } from './paypal/fake.ts';
import { API_KEY as PLESK_KEY } from './plesk/fake.ts';
import { TOKEN_ID, TOKEN_SECRET } from './proxmox/fake.ts';
import { API_KEY as PTERODACTYL_KEY, CLIENT_KEY } from './pterodactyl/fake.ts';
import { SIGNING_SECRET as RECEIVER_SECRET, startReceiver } from './receiver.ts';
import { SERVER_VENDORS } from './servers.ts';
import { SECRET_KEY, startFakeStripe } from './stripe/fake.ts';
import { createLazyCheck } from './stripe/spec.ts';
import { API_TOKEN as VIRTFUSION_TOKEN } from './virtfusion/fake.ts';
import { API_KEY as VIRTUALIZOR_KEY, API_PASSWORD, CLIENT_PREFIX } from './virtualizor/fake.ts';

/** Where Virtualizor answers its customers: a second port, which its fake serves below a path. */
const CUSTOMER_PORT = 4083;

/** What Stripe signs its webhooks with. */
export const STRIPE_SIGNING_SECRET = 'whsec_test_0123456789abcdefghijklmnop';
/** What PayPal calls the webhook of the shop. */
export const PAYPAL_WEBHOOK_ID = 'WH1';

/** One panel: the claims' view of it, and its fake. */
export type Panel = { readonly vendor: ServerVendor; readonly subject: ServerSubject };

/** All fakes. */
export type Fakes = AsyncDisposable & {
  readonly panels: readonly Panel[];
  readonly stripe: Awaited<ReturnType<typeof startFakeStripe>>;
  readonly paypal: Awaited<ReturnType<typeof startFakePayPal>>;
  readonly ipn: Awaited<ReturnType<typeof startFakeIpn>>;
  readonly mollie: Awaited<ReturnType<typeof startFakeMollie>>;
  readonly discord: Awaited<ReturnType<typeof startFakeDiscord>>;
  readonly receiver: Awaited<ReturnType<typeof startReceiver>>;
  /** Leads vendors' names to the fakes; any other name ends at a closed port. */
  readonly egress: EgressPowers;
  /** Config to enter, by `category/name`. */
  readonly configs: Readonly<Record<string, object>>;
};

/** The name under which a panel's fake is reached. */
export const panelHost = (name: string): string =>
  // Enhance itself says where its login links lead.
  name === 'enhance' ? ENHANCE_HOST : `${name}.example.com`;

/** Config of each panel, the host apart. */
const PANEL_CONFIGS: Readonly<Record<string, object>> = {
  proxmox: { tokenId: TOKEN_ID, tokenSecret: TOKEN_SECRET },
  pterodactyl: { apiKey: PTERODACTYL_KEY, clientKey: CLIENT_KEY },
  cpanel: { username: CPANEL_USER, apiToken: CPANEL_TOKEN },
  plesk: { apiKey: PLESK_KEY, adoptCustomers: true },
  directadmin: { username: DIRECTADMIN_USER, loginKey: LOGIN_KEY },
  virtualizor: { apiKey: VIRTUALIZOR_KEY, apiPassword: API_PASSWORD },
  convoy: { apiKey: CONVOY_KEY },
  virtfusion: { apiToken: VIRTFUSION_TOKEN },
  enhance: { orgId: SELLER, accessToken: ACCESS_TOKEN, adoptCustomers: true, wipe: true },
};

/** Starts them all. */
export async function startFakes(): Promise<Fakes> {
  const panels = await Promise.all(
    SERVER_VENDORS.map(async (vendor) => ({ vendor, subject: await vendor.start() })),
  );
  const [stripe, paypal, ipn, mollie, discord, receiver] = await Promise.all([
    startFakeStripe({ check: createLazyCheck() }),
    startFakePayPal(),
    startFakeIpn(),
    startFakeMollie(),
    startFakeDiscord(),
    startReceiver(),
  ]);
  paypal.state.webhooks.set(PAYPAL_WEBHOOK_ID, {
    id: PAYPAL_WEBHOOK_ID,
    url: 'https://panel.example.com/hooks/gateways/paypal/default',
    event_types: [{ name: '*' }],
  });
  const ports: Record<string, number> = {
    'api.stripe.com': Number(new URL(stripe.origin).port),
    'api-m.sandbox.paypal.com': paypal.port,
    'ipnpb.sandbox.paypal.com': ipn.port,
    'api.mollie.com': mollie.port,
    'discord.com': Number(new URL(discord.origin).port),
    'receiver.example.com': receiver.vendor.port,
  };
  const configs: Record<string, object> = {
    'gateways/stripe': { secretKey: SECRET_KEY, webhookSecret: STRIPE_SIGNING_SECRET },
    'gateways/paypal': {
      environment: 'sandbox',
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      webhookId: PAYPAL_WEBHOOK_ID,
    },
    'gateways/paypal-ipn': { environment: 'sandbox', email: EMAIL },
    'gateways/mollie': { apiKey: MOLLIE_KEY },
    'gateways/bank-transfer': { holder: 'Example Hosting', iban: 'DE89370400440532013000' },
    'others/discordnotifications': {
      webhookUrl: discord.webhookUrl.replace(discord.origin, 'https://discord.com'),
    },
    'others/webhook': {
      url: 'https://receiver.example.com/in',
      signingSecret: RECEIVER_SECRET,
    },
    'others/affiliates': { pendingDays: 0 },
    'others/announcements': { siteUrl: 'https://panel.example.com' },
  };
  for (const { vendor, subject } of panels) {
    const host = panelHost(vendor.name);
    ports[host] = subject.vendor.port;
    configs[`servers/${vendor.name}`] = { host, ...PANEL_CONFIGS[vendor.name] };
  }
  const virtualizor = panels.find(({ vendor }) => vendor.name === 'virtualizor');
  const customers = await startForwarder(`${virtualizor?.subject.vendor.origin}${CLIENT_PREFIX}`);
  const [toVendors, toCustomers] = [egressTo(ports), egressTo(customers.port)];
  const all = [
    customers,
    stripe,
    paypal,
    ipn,
    mollie,
    discord,
    receiver,
    ...panels.map((each) => each.subject),
  ];
  return {
    ...{ panels, stripe, paypal, ipn, mollie, discord, receiver, configs },
    egress: {
      ...toVendors,
      detour: (asked) =>
        asked.port === CUSTOMER_PORT ? toCustomers.detour?.(asked) : toVendors.detour?.(asked),
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

/** A server that passes each request on to a fake, below a path. Adds no header, reads no body. */
async function startForwarder(to: string): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((request, response) => {
    fetch(`${to}${request.url ?? '/'}`, {
      method: request.method ?? 'GET',
      redirect: 'manual',
    }).then(
      async (reply) => {
        response.writeHead(reply.status, Object.fromEntries(reply.headers));
        response.end(Buffer.from(await reply.arrayBuffer()));
      },
      (error: unknown) => response.destroy(error as Error),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
