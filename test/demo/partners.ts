// The partners of the demo: who sent whom, what they earned by it, and what refunds took back again.

import type { TestHost } from '../helpers/host.ts';

const EXTENSION = 'others/affiliates';
const ADMIN = { id: 'admin', role: 'admin' };

/** Their share in percent. The first has the programme's own, the second one of his own. */
const SHARES: Readonly<Record<string, number>> = { ann: 10, bob: 20 };

/** What the company keeps of them. */
export type Partners = ReturnType<typeof createPartners>;

/** Both of them, with nothing earned. */
export function createPartners(host: TestHost) {
  const earned = new Map<
    string,
    { readonly partner: string; grossMinor: number; netMinor: number }
  >();
  const paidOut = new Map<string, number>();
  let payouts = 0;

  const call = async (handler: string, input: unknown): Promise<any> => {
    const { status, body } = await host.call(EXTENSION, handler, input);
    if (status === 200) return body.result;
    throw new Error(`${EXTENSION} ${handler}: ${JSON.stringify(body)}`);
  };
  const act = (name: string, values: object, actor: object = ADMIN): Promise<any> =>
    call(`actions.${name}`, { subject: {}, values, actor });
  const balanceOf = async (id: string): Promise<any> => {
    const { data } = await call('pages.affiliate', { params: { id }, viewer: ADMIN });
    return data.balances.find(({ currency }: { currency: string }) => currency === 'EUR') ?? {};
  };
  const sum = (partner: string, of: 'grossMinor' | 'netMinor'): number =>
    [...earned.values()]
      .filter((each) => each.partner === partner)
      .reduce((total, each) => total + share(each[of], SHARES[partner] ?? 0), 0);

  return {
    /** Who sent the customer of this number; nobody sent every third. */
    senderOf: (number: number): string | undefined => ['ann', 'bob'][Math.floor(number / 2) % 3],

    async join(): Promise<void> {
      await act('create', { userId: 'ann', code: 'ann' });
      await act('create', { userId: 'bob', code: 'bob', reward: SHARES['bob'] });
    },

    paid(partner: string, invoiceId: string, amountMinor: number): void {
      earned.set(invoiceId, { partner, grossMinor: amountMinor, netMinor: amountMinor });
    },

    takenBack(invoiceId: string, amountMinor: number): void {
      const entry = earned.get(invoiceId);
      if (entry !== undefined) entry.netMinor -= amountMinor;
    },

    /** Pays out everything that bob has: what refunds take back later becomes a debt of his. */
    async payOut(): Promise<void> {
      const { availableMinor } = await balanceOf('bob');
      await act('setPayoutTo', { payoutTo: 'DE89 3704 0044 0532 0130 00' }, { id: 'bob' });
      const { data } = await act('requestPayout', { currency: 'EUR' }, { id: 'bob' });
      await act('decidePayout', { affiliateId: 'bob', payoutId: data.id, state: 'approved' });
      await act('decidePayout', { affiliateId: 'bob', payoutId: data.id, state: 'paid' });
      paidOut.set('bob', availableMinor);
      payouts += 1;
    },

    async compare(): Promise<string[]> {
      const problems: string[] = [];
      for (const partner of Object.keys(SHARES)) {
        const { earnedMinor, clawedBackMinor, paidMinor, availableMinor } =
          await balanceOf(partner);
        const net = sum(partner, 'netMinor');
        const out = paidOut.get(partner) ?? 0;
        const wanted = [net, sum(partner, 'grossMinor') - net, out, net - out];
        const found = [earnedMinor, clawedBackMinor, paidMinor, availableMinor];
        const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
        if (a !== b) problems.push(`partner ${partner}: books ${b}, balance ${a}`);
      }
      return problems;
    },

    summary: (): string =>
      `partners earned ${((sum('ann', 'netMinor') + sum('bob', 'netMinor')) / 100).toFixed(2)} EUR ` +
      `after claw-back (${payouts} payout)`,
  };
}

/** Rounded down to a whole cent, as the programme says. */
function share(amountMinor: number, percent: number): number {
  return Math.floor((amountMinor * percent) / 100);
}
