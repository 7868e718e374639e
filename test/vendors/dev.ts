// What `cofferdam dev --with-fakes` starts beside the host: the fakes, config for every extension that has
// one, a first call of each to look at, and customers who pay every page that is opened.

import type { WebhookRequest } from 'cofferdam/sdk';

import type { EgressPowers } from '../../host/lifecycle/endow.ts';
import { invoiceOf, paymentOf } from '../contract/money.ts';
import { startFakes } from './fakes.ts';
import type { Fakes } from './fakes.ts';
import { createPayers } from './payers.ts';
import type { Gateway } from './payers.ts';

/** How often customers and panels do what they have to do. */
const TICK_MS = 1_000;
const ACTOR = { id: 'admin', role: 'admin' };

/** The running fakes, as `dev` uses them. */
export type DevFakes = AsyncDisposable & {
  readonly egress: EgressPowers;
  readonly configs: Readonly<Record<string, object>>;
  /**
   * Sets up what the host has and nobody configured yet, and lets customers pay from then on.
   *
   * @param say Told one line for each extension
   */
  setUp(
    host: { readonly url: string; readonly token: string },
    say: (line: string) => void,
  ): Promise<void>;
};

/** Starts them. */
export async function startDevFakes(): Promise<DevFakes> {
  const fakes = await startFakes();
  let timer: NodeJS.Timeout | undefined;
  return {
    egress: fakes.egress,
    configs: fakes.configs,
    async setUp({ url, token }, say) {
      const ask = async (method: string, path: string, body?: object): Promise<any> => {
        const reply = await fetch(`${url}/api/v1/admin/extensions/${path}`, {
          method,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        return await reply.json();
      };
      for (const [extension, config] of Object.entries(fakes.configs)) {
        const { instances } = await ask('GET', extension);
        if (instances === undefined || instances[0]?.enabled === true) continue;
        await ask('PUT', `${extension}/config`, config);
        await ask('POST', `${extension}/enable`);
        const { message = 'ready' } = await ask('POST', `${extension}/test`);
        const [handler, input] = firstCall(fakes, extension);
        const { result, detail } = await ask('POST', `${extension}/calls/${handler}`, { input });
        const how = detail ?? result?.status ?? result?.kind ?? 'done';
        say(`${extension}: ${message}; ${handler}: ${how}`);
      }
      const paid = new Set<string>();
      timer = setInterval(() => {
        for (const { subject } of fakes.panels) subject.finishWork();
        payOpenPages(fakes, paid, url).catch((error: unknown) => say(String(error)));
      }, TICK_MS);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await fakes[Symbol.asyncDispose]();
    },
  };
}

/** A first call of an extension: something to see, and to change and call again. */
function firstCall(
  { panels }: Fakes,
  extension: string,
): readonly [handler: string, input: object] {
  const panel = panels.find(({ vendor }) => extension === `servers/${vendor.name}`);
  if (panel !== undefined) return ['create', panel.subject.service('demo-1')];
  if (extension.startsWith('gateways/')) return ['pay', paymentOf(invoiceOf(1999))];
  if (extension === 'others/affiliates') {
    return [
      'actions.create',
      { subject: {}, values: { userId: 'ada', code: 'ada' }, actor: ACTOR },
    ];
  }
  if (extension === 'others/announcements') {
    const values = { title: 'It works', text: 'On *fakes*', state: 'published' };
    return ['actions.save', { subject: {}, values, actor: ACTOR }];
  }
  const { total } = invoiceOf(1999);
  const data = { invoice: { id: '42', total }, user: { id: '7', name: 'Ada' } };
  return [
    'on.invoice.paid',
    { id: 'evt_1', type: 'invoice.paid', at: new Date().toISOString(), data },
  ];
}

/** Pays what is open and sends what the vendors tell. PayPal's buttons (IPN) leave no trace before they are used. */
async function payOpenPages(fakes: Fakes, paid: Set<string>, url: string): Promise<void> {
  const payers = createPayers(fakes);
  const { stripe, paypal, mollie } = fakes;
  const open: readonly [Gateway, readonly string[]][] = [
    [
      'stripe',
      stripe.all('checkout.session').flatMap((it) => (it['status'] === 'open' ? [it.id] : [])),
    ],
    ['paypal', [...paypal.state.orders.values()].flatMap(waiting('PAYER_ACTION_REQUIRED'))],
    ['mollie', [...mollie.state.payments.values()].flatMap(waiting('open'))],
  ];
  for (const [gateway, ids] of open) {
    for (const externalId of ids.filter((id) => !paid.has(id))) {
      paid.add(externalId);
      const told = await payers[gateway].pay({ url: '', externalId });
      for (const request of told)
        await deliver(`${url}/hooks/gateways/${gateway}/default`, request);
    }
  }
}

const waiting =
  (status: string) =>
  (object: Readonly<Record<string, any>>): string[] =>
    object['status'] === status ? [object['id']] : [];

async function deliver(hook: string, { method, headers, body }: WebhookRequest): Promise<void> {
  await fetch(hook, { method, headers: { ...headers }, body });
}
