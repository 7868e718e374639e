// The company of the demo: who its customers are and what they have at which panel. At the end the panels'
// fakes, the partners' balances and the receivers of events are held against its own list.

import type { Service } from 'cofferdam/sdk';

import type { TestHost } from '../helpers/host.ts';
import { ADMIN_TOKEN } from '../helpers/host.ts';
import type { Fakes, Panel } from '../vendors/fakes.ts';
import { GATEWAYS } from './books.ts';
import type { Gateway } from './books.ts';
import type { Partners } from './partners.ts';
import type { Plant } from './plant.ts';
import type { Till } from './till.ts';

/** What a customer does in this month: each panel has one of every kind among its first six. */
const STORIES = ['upgrades', 'pays late', 'leaves', 'stays', 'upgrades', 'pays never'] as const;
/** What becomes of the first payments of a gateway, in turn. */
const RETURNS = ['all', 'a part', 'lost', 'won', 'two parts', 'nothing'] as const;

type Customer = {
  readonly id: string;
  readonly gateway: Gateway;
  readonly panel: Panel;
  readonly story: (typeof STORIES)[number];
  readonly priceMinor: number;
  readonly sender: string | undefined;
  service: Service;
  remoteId: string;
  state: 'new' | 'active' | 'suspended' | 'gone';
  isUpgraded: boolean;
};

const SETTLES_MAX = 20;

/** The panel has no room for another one. */
class SoldOut extends Error {}

/** Founds it. */
export function createCompany(
  host: TestHost,
  fakes: Fakes,
  given: {
    readonly till: Till;
    readonly partners: Partners;
    readonly random: () => number;
    readonly plant: Plant;
  },
) {
  const { till, partners, random, plant } = given;
  const customers: Customer[] = [];
  const moves: Record<string, number> = {};
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
  const operate = async (
    customer: Customer,
    operation: string,
    input: object = customer.service,
  ): Promise<void> => {
    const { panel } = customer;
    const extension = `servers/${panel.vendor.name}`;
    let result = await call(extension, operation, input);
    for (let tries = 0; ; tries += 1) {
      const { service } = customer;
      const properties = { ...service.properties, ...result.properties };
      customer.service = { ...service, properties };
      customer.remoteId = result.remoteId ?? customer.remoteId;
      if (result.status !== 'pending') break;
      if (tries >= SETTLES_MAX) throw new Error(`${extension} ${operation} is pending for ever`);
      panel.subject.finishWork();
      result = await call(extension, 'reconcile', { operation, service: { ...input, properties } });
    }
    moves[operation] = (moves[operation] ?? 0) + 1;
  };
  const pay = async (customer: Customer, round: 'first' | 'renewal'): Promise<void> => {
    const { id, gateway, priceMinor, sender, service } = customer;
    const invoiceId = `${round}-${id}`;
    // One in four has a card that is refused at first.
    if (random() < 0.25) await till.payInVain(gateway, invoiceId, priceMinor);
    await till.pay(gateway, invoiceId, priceMinor);
    const total = { amountMinor: priceMinor, currency: 'EUR' };
    const isLost = sender !== undefined && round === 'renewal' && plant('reward');
    const invoice = { id: invoiceId, number: invoiceId, total };
    if (!isLost) await publish('invoice.paid', { invoice, user: service.user });
    if (sender !== undefined) partners.paid(sender, invoiceId, priceMinor);
  };
  /** A part of the first payment goes back, and the partner's part of that. */
  const takeBack = async (
    { id, gateway }: Customer,
    kind: 'refund' | 'dispute',
    amountMinor: number,
  ): Promise<void> => {
    const invoiceId = `first-${id}`;
    if (gateway === 'bank-transfer' && kind === 'dispute') return;
    if (kind === 'refund') await till.giveBack(invoiceId, amountMinor);
    else await till.dispute(invoiceId, false);
    const externalId = `${kind}-${invoiceId}-${events}`;
    const fact = { externalId, kind, invoiceId, amountMinor, currency: 'EUR' };
    await publish(kind === 'refund' ? 'payment.refunded' : 'payment.disputed', { fact });
    partners.takenBack(invoiceId, amountMinor);
  };
  /** A dispute that is won: the partner is told of both, and keeps the reward. */
  const win = async ({ id, gateway, priceMinor }: Customer): Promise<void> => {
    if (gateway === 'bank-transfer') return;
    const invoiceId = `first-${id}`;
    await till.dispute(invoiceId, true);
    const fact = {
      externalId: `won-${invoiceId}`,
      invoiceId,
      amountMinor: priceMinor,
      currency: 'EUR',
    };
    await publish('payment.disputed', { fact: { ...fact, state: 'disputed' } });
    await publish('payment.disputed', { fact: { ...fact, state: 'failed' } });
  };
  const of = (state: Customer['state'], ...stories: readonly Customer['story'][]): Customer[] =>
    customers.filter((each) => each.state === state && stories.includes(each.story));

  return {
    signUp(number: number): void {
      const panel = fakes.panels[number % fakes.panels.length];
      if (panel === undefined) throw new Error('There is no panel');
      const id = String(1_000 + number);
      const user = { id, email: `c${id}@example.com`, firstName: 'Ada', lastName: `No ${id}` };
      customers.push({
        ...{ id, panel, remoteId: '', state: 'new', isUpgraded: false },
        gateway: GATEWAYS[number % GATEWAYS.length] ?? 'stripe',
        story: STORIES[Math.floor(number / fakes.panels.length) % STORIES.length] ?? 'stays',
        priceMinor: 500 + Math.floor(random() * 5_000),
        sender: partners.senderOf(number),
        service: { ...panel.subject.service(id), user },
      });
    },

    async publishSignUps(): Promise<void> {
      for (const { service, sender } of customers) {
        const referral = sender === undefined ? {} : { referral: { code: sender } };
        await publish('user.created', { user: service.user, ...referral });
      }
    },

    async billAll(): Promise<void> {
      for (const customer of customers) await pay(customer, 'first');
    },

    /** Who finds a panel sold out gets the money back. */
    async provision(): Promise<void> {
      for (const customer of customers) {
        try {
          await operate(customer, 'create');
          customer.state = 'active';
        } catch (error) {
          if (!(error instanceof SoldOut)) throw error;
          await takeBack(customer, 'refund', customer.priceMinor);
          customer.state = 'gone';
          soldOut += 1;
        }
      }
    },

    async upgrade(): Promise<void> {
      for (const customer of of('active', 'upgrades')) {
        const { service, panel } = customer;
        const { product } = service;
        const larger = { ...product, settings: panel.vendor.larger?.settings ?? {} };
        const change = { ...service, product: larger, previousProduct: product };
        try {
          await operate(customer, 'changePackage', change);
        } catch (error) {
          // No room for more: the service stays as it is.
          if (!(error instanceof SoldOut)) throw error;
          soldOut += 1;
          continue;
        }
        customer.service = { ...customer.service, product: larger };
        customer.isUpgraded = true;
      }
    },

    /** Those who stay pay again; some of the others only find their card refused. */
    async renew(): Promise<void> {
      for (const customer of of('active', 'upgrades', 'stays')) await pay(customer, 'renewal');
      for (const { id, gateway, priceMinor } of of('active', 'pays late', 'leaves', 'pays never')) {
        await till.payInVain(gateway, `renewal-${id}`, priceMinor);
      }
    },

    async suspendUnpaid(): Promise<void> {
      for (const customer of of('active', 'pays late', 'leaves', 'pays never')) {
        await operate(customer, 'suspend');
        customer.state = 'suspended';
      }
    },

    async payLate(): Promise<void> {
      for (const customer of of('suspended', 'pays late')) {
        await pay(customer, 'renewal');
        await operate(customer, 'unsuspend');
        customer.state = 'active';
      }
    },

    async terminate(): Promise<void> {
      for (const customer of of('suspended', 'leaves')) {
        await operate(customer, 'terminate');
        customer.state = 'gone';
      }
    },

    /** First payments go back in every way that a gateway knows. */
    async giveBack(): Promise<void> {
      for (const gateway of GATEWAYS) {
        const own = customers.filter(
          (each) => each.gateway === gateway && !(each.state === 'gone' && each.story !== 'leaves'),
        );
        for (const [nth, customer] of own.entries()) {
          const part = Math.floor(customer.priceMinor / 3);
          const way = RETURNS[nth % RETURNS.length];
          if (way === 'all') await takeBack(customer, 'refund', customer.priceMinor);
          if (way === 'a part') await takeBack(customer, 'refund', part);
          if (way === 'lost') await takeBack(customer, 'dispute', customer.priceMinor);
          if (way === 'won') await win(customer);
          if (way === 'two parts') {
            await takeBack(customer, 'refund', part);
            await takeBack(customer, 'refund', customer.priceMinor - part);
          }
        }
      }
    },

    /** Where panels, partners and receivers of events differ from the company's own list. */
    async compare(): Promise<string[]> {
      const problems = await partners.compare();
      for (const panel of fakes.panels) {
        const mine = customers.filter((each) => each.panel === panel && each.state !== 'gone');
        const victim = panel.subject.objects().find(({ state }) => state === 'active');
        if (victim !== undefined && plant('server')) panel.subject.vanish(victim.id);
        const wanted = mine.map(({ remoteId, state }) => `${remoteId} ${state}`);
        const objects = panel.subject.objects();
        const found = objects.map(({ id, state }) => `${id} ${state}`);
        problems.push(...differences(panel.vendor.name, wanted, found));
        for (const { isUpgraded, remoteId } of mine) {
          const object = objects.find(({ id }) => id === remoteId);
          const isLarger =
            JSON.stringify(object?.size) === JSON.stringify(panel.vendor.larger?.size);
          if (object !== undefined && isUpgraded !== isLarger)
            problems.push(`${panel.vendor.name} ${object.id}: ${JSON.stringify(object.size)}`);
        }
      }
      const received = new Set(fakes.receiver.messages.map(({ id }) => id)).size;
      if (received !== events) problems.push(`${events} events, the webhook told ${received}`);
      if (fakes.discord.messages.length === 0) problems.push('Discord heard of nothing');
      return problems;
    },

    summary: (): string => {
      const done = Object.entries(moves).map(([operation, count]) => `${count} ${operation}`);
      const sold = soldOut === 0 ? '' : ` (${soldOut} sold out)`;
      return `${fakes.panels.length} panels${sold}: ${done.join(', ')}; ${partners.summary()}, ${events} events`;
    },
  };
}

function differences(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  return [
    ...wanted.filter((each) => !found.includes(each)).map((each) => `${what} lacks ${each}`),
    ...found.filter((each) => !wanted.includes(each)).map((each) => `${what} has ${each} too many`),
  ];
}
