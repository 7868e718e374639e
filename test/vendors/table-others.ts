// Rows of the others: every event that they take, every action and page.

import type { Fakes } from './fakes.ts';
import { expect } from './table.ts';
import type { Table } from './table.ts';

const ADMIN = { id: 'boss', role: 'admin' };
const ADA = { id: 'ada', role: 'customer', email: 'ada@example.com' };
const EUR = 'EUR';
const TOTAL = { amountMinor: 1999, currency: EUR };
const DATA = {
  id: '5',
  user: { id: 'u1', name: 'Ada', email: 'u1@example.com' },
  invoice: { id: 'i1', number: 'INV-1', total: TOTAL },
  order: { id: 'o1', total: TOTAL },
  fact: { externalId: 're_1', invoiceId: 'i1', amountMinor: 999, currency: EUR },
  referral: { code: 'ada' },
};

/** Runs every handler of the four. */
export async function runOthers(table: Table, { discord, receiver }: Fakes): Promise<void> {
  await runAffiliates(table);
  await runEvents(table, 'affiliates');
  await runPayouts(table);
  await runAnnouncements(table);
  await runEvents(table, 'announcements');
  for (const [name, count] of [
    ['discordnotifications', () => discord.messages.length],
    ['webhook', () => receiver.messages.length],
  ] as const) {
    await runEvents(table, name, count);
    const extension = `others/${name}`;
    const input = { subject: {}, values: {}, actor: ADMIN };
    await table.runner(extension)('actions.test', () =>
      arrives(count, () => table.call(extension, 'actions.test', input)),
    );
  }
}

/** Every event that the extension takes, by its own description of itself. */
async function runEvents(table: Table, name: string, count?: () => number): Promise<void> {
  const extension = `others/${name}`;
  const { body } = await table.host.request('GET', `/extensions/${extension}`);
  const events = (body.handlers as string[]).filter((each) => each.startsWith('on.'));
  for (const handler of events) {
    const type = handler.slice('on.'.length);
    const event = { id: `evt-${type}`, type, at: new Date().toISOString(), data: DATA };
    const deliver = (): Promise<unknown> => table.call(extension, handler, event);
    await table.runner(extension)(handler, () =>
      count === undefined ? deliver() : arrives(count, deliver),
    );
  }
}

async function arrives(count: () => number, act: () => Promise<unknown>): Promise<void> {
  const before = count();
  await act();
  expect('the number of messages that arrived', count() - before, 1);
}

/** One extension's actions and pages, each as a row. */
function formsOf(table: Table, extension: string) {
  const run = table.runner(extension);
  return {
    act: (name: string, values: object, actor: object = ADMIN): Promise<any> =>
      run(`actions.${name}`, async () => {
        const handler = `actions.${name}`;
        const result = await table.call(extension, handler, { subject: {}, values, actor });
        if (result.error !== undefined) throw new Error(result.error.message);
        return result.data;
      }),
    page: (name: string, params: object, viewer: object = ADMIN): Promise<any> =>
      run(`pages.${name}`, () => table.call(extension, `pages.${name}`, { params, viewer })),
  };
}

async function runAffiliates(table: Table): Promise<void> {
  const { act, page } = formsOf(table, 'others/affiliates');
  await act('join', {}, ADA);
  await act('create', { userId: 'bob', code: 'bob' });
  await act('update', { affiliateId: 'ada', code: 'ada', reward: 10 });
  await act('visit', { code: 'ada', visitorId: 'v1' });
  await page('code', { code: 'ada' });
}

/** After the events: half of 19.99 is left of what was paid, ten percent of it are 1.00. */
async function runPayouts(table: Table): Promise<void> {
  const { act, page } = formsOf(table, 'others/affiliates');
  await act('clear', { userId: 'u1' });
  await page('me', {}, ADA);
  await page('affiliates', {});
  await table.runner('others/affiliates')('pages.affiliate', async () => {
    const asked = { params: { id: 'ada' }, viewer: ADMIN };
    const { data } = await table.call('others/affiliates', 'pages.affiliate', asked);
    expect('the reward', data.lines[0].rewardMinor, 100);
  });
  await act('setPayoutTo', { payoutTo: 'DE89 3704 0044 0532 0130 00' }, ADA);
  const payout = await act('requestPayout', { currency: EUR }, ADA);
  const decision = { affiliateId: 'ada', payoutId: payout?.id, state: 'paid' };
  await act('decidePayout', decision);
}

async function runAnnouncements(table: Table): Promise<void> {
  const { act, page } = formsOf(table, 'others/announcements');
  const values = { title: 'Works', text: 'On *Friday*', state: 'published' };
  const post = await act('save', values);
  await page('list', {}, ADA);
  await page('post', { slug: post?.slug }, ADA);
  await act('markRead', { id: post?.id }, ADA);
  await page('widget', {}, ADA);
  for (const each of ['rss', 'json', 'all']) await page(each, {});
  await act('archive', { id: post?.id });
  await act('delete', { id: post?.id });
}
