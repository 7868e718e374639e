// PayPal in the real sandbox: the access token that it earns is sealed by the host, so that neither the
// guest nor its storage ever holds it.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { egressTo } from '../helpers/egress.ts';
import { startTestHost } from '../helpers/host.ts';
import type { Answer, TestHost } from '../helpers/host.ts';
import { CLIENT_ID, CLIENT_SECRET, startFakePayPal } from '../vendors/paypal/fake.ts';
import type { FakePayPal } from '../vendors/paypal/fake.ts';

describe('a token that PayPal gives', { timeout: 60_000 }, () => {
  let host: TestHost;
  let paypal: FakePayPal;
  const tokens: string[] = [];
  const pay = async (id: string): Promise<Answer> => {
    const amount = { amountMinor: 1999, currency: 'EUR' };
    const answer = await host.call('gateways/paypal', 'pay', {
      invoice: {
        id,
        total: amount,
        items: [{ id: '1', description: 'VPS', quantity: 1, total: amount }],
      },
      amount,
      user: { id: '7', email: 'ada@example.com' },
      returnUrl: 'https://panel.example.com/return',
    });
    tokens.push(...paypal.state.tokens);
    return answer;
  };
  before(async () => {
    paypal = await startFakePayPal();
    const port = Number(new URL(paypal.origin).port);
    host = await startTestHost(
      {},
      {
        shipped: true,
        egress: egressTo(port),
      },
    );
    const config = { environment: 'sandbox', clientId: CLIENT_ID, clientSecret: CLIENT_SECRET };
    await host.enable('gateways/paypal', config);
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await paypal[Symbol.asyncDispose]();
  });

  it('pays for requests without being seen by the guest', async () => {
    const { status, body } = await pay('71');
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.result.kind, 'redirect');
    assert.equal(paypal.state.orders.size, 1);
  });

  it('is used by the next isolate as well, whose storage has its stand-in', async () => {
    const before = paypal.state.tokens.size;
    const restarted = await host.request('POST', '/extensions/gateways/paypal/restart');
    assert.equal(restarted.status, 200);
    const { status, body } = await pay('72');
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(paypal.state.orders.size, 2);
    assert.equal(paypal.state.tokens.size, before);
    const { body: usage } = await host.request('GET', '/extensions/gateways/paypal/usage');
    const { kept } = usage.secrets.find(({ field }: any) => field === 'accessToken');
    assert.ok(kept >= 1, 'an admin sees that it is kept');
  });

  it('is in no file that the host keeps', async () => {
    const folder = join(host.dir, 'data');
    const files = (await readdir(folder)).filter((name) => name.startsWith('cofferdam.db'));
    const kept = await Promise.all(files.map((name) => readFile(join(folder, name), 'latin1')));
    assert.ok(tokens.length > 0 && kept.join('').includes('token:sandbox:'));
    for (const secret of [...tokens, CLIENT_SECRET]) assert.ok(!kept.join('').includes(secret));
  });
});
