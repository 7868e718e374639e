// The company of the demo: who its customers are, what they have at which panel, and what its partner
// earned. At the end the panels' fakes and the affiliates' ledger are held against it.

import type { Service } from 'cofferdam/sdk';

import type { TestHost } from '../helpers/host.ts';
import { ADMIN_TOKEN } from '../helpers/host.ts';
import type { Fakes, Panel } from '../vendors/fakes.ts';
import type { Gateway, Till } from './till.ts';

type Customer = {
  readonly id: string;
  readonly gateway: Gateway;
  readonly panel: Panel;
  readonly priceMinor: number;
  readonly referred: boolean;
  service: Service;
  state: 'new' | 'active' | 'suspended' | 'gone';
  paidInvoices: string[];
};

const SETTLES_MAX = 20;
const WAIT_MS = 30_000;
const LOOK_MS = 100;
/** Prices are whole tens: ten percent of them are whole cents. */
const REWARD = 10;

/** The panel has no room for another one. */
class SoldOut extends Error {}

/** Founds it. */
export function createCompany(
  host: TestHost,
  fakes: Fakes,
  given: { readonly till: Till; readonly random: () => number; readonly affiliate: string },
) {
  const { till, random, affiliate } = given;
  const customers: Customer[] = [];
  let earnedMinor = 0;
  let events = 0;
  let soldOut = 0;

  const call = async (extension: string, handler: string, input: unknown): Promise<any> => {
    const { status, body } = await host.call(extension, handler, input);
    if (status === 200 && body.result?.status !== 'failed') return body.result;
    const said = `${extension} ${handler}: ${JSON.stringify(body)}`;
    throw body.details?.failure?.code === 'capacity' ? new SoldOut(said) : new Error(said);
  };
  const publish = async (type: string, data: object): Promise<void> => {
    events += 1;
    const message = JSON.stringify({ id: `evt_${events}`, type, data });
    // The panel may send an event twice: its id tells.
    for (let times = random() < 0.3 ? 2 : 1; times > 0; times -= 1) {
      const reply = await fetch(`${host.url}/api/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: message,
      });
      if (reply.status !== 202) throw new Error(`event ${type}: ${await reply.text()}`);
    }
  };
  const operate = async (customer: Customer, operation: string): Promise<void> => {
    const { panel } = customer;
    const extension = `servers/${panel.vendor.name}`;
    let result = await call(extension, operation, customer.service);
    for (let tries = 0; ; tries += 1) {
      const { service } = customer;
      customer.service = {
        ...service,
        properties: { ...service.properties, ...result.properties },
      };
      if (result.status !== 'pending') return;
      if (tries >= SETTLES_MAX) throw new Error(`${extension} ${operation} is pending for ever`);
      panel.subject.finishWork();
      result = await call(extension, 'reconcile', { operation, service: customer.service });
    }
  };

  /** The first payment goes back, by us or by the bank, and the partner's part of it. */
  const takeBack = async (customer: Customer, kind: 'refund' | 'dispute'): Promise<void> => {
    const [invoiceId = ''] = customer.paidInvoices;
    await (kind === 'refund' ? till.giveBack(invoiceId) : till.dispute(invoiceId));
    const amount = { amountMinor: customer.priceMinor, currency: 'EUR' };
    const fact = { externalId: `${kind}-${invoiceId}`, kind, invoiceId, ...amount };
    await publish(kind === 'refund' ? 'payment.refunded' : 'payment.disputed', { fact });
    if (customer.referred) earnedMinor -= customer.priceMinor / REWARD;
  };

  return {
    async openProgramme(): Promise<void> {
      const actor = { id: 'admin', role: 'admin' };
      const values = { userId: affiliate, code: affiliate };
      await call('others/affiliates', 'actions.create', { subject: {}, values, actor });
    },

    signUp(number: number, gateway: Gateway): void {
      const panel = fakes.panels[number % fakes.panels.length];
      if (panel === undefined) throw new Error('There is no panel');
      const id = String(1_000 + number);
      const user = { id, email: `c${id}@example.com`, firstName: 'Ada', lastName: `No ${id}` };
      customers.push({
        ...{ id, gateway, panel, state: 'new', paidInvoices: [] },
        priceMinor: 10 * (50 + Math.floor(random() * 500)),
        referred: number % 3 === 0,
        service: { ...panel.subject.service(id), user },
      });
    },

    async publishSignUps(): Promise<void> {
      for (const { service, referred } of customers) {
        const referral = referred ? { referral: { code: affiliate } } : {};
        await publish('user.created', { user: service.user, ...referral });
      }
    },

    /** Everybody pays; at the renewal one in six does not, and one in ten has a card that fails. */
    async bill(round: 'first' | 'renewal'): Promise<void> {
      for (const customer of customers) {
        const { id, gateway, priceMinor, service, referred } = customer;
        const invoiceId = `${round}-${id}`;
        if (round === 'renewal' && (customer.state !== 'active' || random() < 1 / 6)) continue;
        if (random() < 0.1) {
          await till.payInVain(`${invoiceId}-failed`, priceMinor);
          if (round === 'renewal') continue;
        }
        await till.pay(gateway, invoiceId, priceMinor);
        customer.paidInvoices.push(invoiceId);
        const total = { amountMinor: priceMinor, currency: 'EUR' };
        const invoice = { id: invoiceId, number: invoiceId, total };
        await publish('invoice.paid', { invoice, user: service.user });
        if (referred) earnedMinor += priceMinor / REWARD;
      }
    },

    /** Who finds a panel sold out gets the money back. */
    async provision(): Promise<void> {
      for (const customer of customers) {
        try {
          await operate(customer, 'create');
          customer.state = 'active';
        } catch (error) {
          if (!(error instanceof SoldOut)) throw error;
          await takeBack(customer, 'refund');
          customer.state = 'gone';
          soldOut += 1;
        }
      }
    },

    async suspendUnpaid(): Promise<void> {
      for (const customer of customers) {
        if (customer.state !== 'active' || customer.paidInvoices.length > 1) continue;
        await operate(customer, 'suspend');
        customer.state = 'suspended';
      }
    },

    /** One in eight gets the first payment back; of the others with Mollie one in four disputes it. */
    async giveBack(): Promise<void> {
      for (const customer of customers.filter(({ state }) => state !== 'gone')) {
        const chance = random();
        if (chance < 0.125) await takeBack(customer, 'refund');
        else if (customer.gateway === 'mollie' && chance < 0.375) {
          await takeBack(customer, 'dispute');
        }
      }
    },

    async terminateSome(): Promise<void> {
      for (const customer of customers.filter(({ state }) => state === 'suspended')) {
        if (random() < 0.5) continue;
        await operate(customer, 'terminate');
        customer.state = 'gone';
      }
    },

    /** Where panels and the partner's balance differ from the company's own list. */
    async compare(): Promise<string[]> {
      const problems: string[] = [];
      for (const panel of fakes.panels) {
        const count = (states: readonly string[]): string => JSON.stringify(states.toSorted());
        const mine = customers.filter((each) => each.panel === panel && each.state !== 'gone');
        const wanted = count(mine.map(({ state }) => state));
        const found = count(panel.subject.objects().map(({ state }) => state));
        if (wanted !== found) problems.push(`${panel.vendor.name}: ${wanted}, panel has ${found}`);
      }
      const viewer = { id: 'admin', role: 'admin' };
      const untilMs = performance.now() + WAIT_MS;
      for (;;) {
        const input = { params: { id: affiliate }, viewer };
        const { data } = await call('others/affiliates', 'pages.affiliate', input);
        const balance = data.lines.reduce(
          (sum: number, line: { rewardMinor: number }) => sum + line.rewardMinor,
          0,
        );
        if (balance === earnedMinor) break;
        if (performance.now() > untilMs) {
          problems.push(`affiliate: ${earnedMinor} earned, balance ${balance}`);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      if (fakes.discord.messages.length === 0) problems.push('Discord heard of nothing');
      return problems;
    },

    summary: (): string =>
      `${customers.length - soldOut} services at ${fakes.panels.length} panels (${soldOut} sold out), partner earned ` +
      `${(earnedMinor / 100).toFixed(2)} EUR, ${events} events`,
  };
}
