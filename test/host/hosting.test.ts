// The shipped hosting panels inside the real sandbox, against fakes that behave like the vendors.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { egressTo } from '../helpers/egress.ts';
import { startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';
import { API_TOKEN, startFakeCpanel, USERNAME } from '../vendors/cpanel/fake.ts';
import type { FakeCpanel } from '../vendors/cpanel/fake.ts';
import { LOGIN_KEY, startFakeDirectAdmin } from '../vendors/directadmin/fake.ts';
import type { FakeDirectAdmin } from '../vendors/directadmin/fake.ts';
import { credentialsOf } from '../vendors/directadmin/setup.ts';

const serviceOf = (settings: object) => ({
  id: 's-1',
  user: { id: '7', email: 'ada@example.com' },
  product: { id: 'p', name: 'Hosting', settings },
  checkout: { domain: 'Shop.Example.com' },
  properties: {},
});

describe('hosting panels in the sandbox', { timeout: 60_000 }, () => {
  let host: TestHost;
  let cpanel: FakeCpanel;
  let directadmin: FakeDirectAdmin;

  before(async () => {
    cpanel = await startFakeCpanel();
    directadmin = await startFakeDirectAdmin();
    const ports: Record<string, number> = {
      'whm.example.com': cpanel.port,
      'da.example.com': directadmin.port,
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
    await cpanel[Symbol.asyncDispose]();
    await directadmin[Symbol.asyncDispose]();
  });

  it('makes and removes a cPanel account with a token that the guest never holds', async () => {
    await host.enable('servers/cpanel', {
      host: 'whm.example.com',
      username: USERNAME,
      apiToken: API_TOKEN,
    });
    const tested = await host.request('POST', '/extensions/servers/cpanel/test');
    assert.equal(tested.body.ok, true, JSON.stringify(tested.body));
    const service = serviceOf({ package: 'starter' });
    const { status, body } = await host.call('servers/cpanel', 'create', service);
    assert.equal(status, 200, JSON.stringify(body));
    const { result, callId } = body;
    const account = cpanel.accounts.get(result.remoteId);
    assert.deepEqual(
      [result.status, account?.domain, account?.password],
      ['done', 'shop.example.com', result.oneTime.password],
    );
    const record = await host.request('GET', `/calls/${callId}`);
    const kept = JSON.stringify(record.body);
    assert.ok(!kept.includes(result.oneTime.password) && !kept.includes(API_TOKEN));
    const properties = { ...service.properties, ...result.properties };
    const login = await host.call('servers/cpanel', 'getLoginUrl', { ...service, properties });
    assert.match(login.body.result.url, /^https:\/\/whm\.example\.com:2083\/cpsess/);
    const removed = await host.call('servers/cpanel', 'terminate', { ...service, properties });
    assert.equal(removed.body.result.status, 'done', JSON.stringify(removed.body));
    assert.equal(cpanel.accounts.size, 0);
    const header = `whm ${USERNAME}:${API_TOKEN}`;
    assert.ok(cpanel.requests.every(({ headers }) => headers['authorization'] === header));
  });

  it('makes a DirectAdmin user and logs them in, with a key sealed in Basic credentials', async () => {
    await host.enable('servers/directadmin', {
      host: 'da.example.com',
      username: 'panel',
      loginKey: LOGIN_KEY,
    });
    const tested = await host.request('POST', '/extensions/servers/directadmin/test');
    assert.equal(tested.body.ok, true, JSON.stringify(tested.body));
    const service = serviceOf({ package: 'small', ip: '192.0.2.10' });
    const { status, body } = await host.call('servers/directadmin', 'create', service);
    assert.equal(status, 200, JSON.stringify(body));
    const { result, callId } = body;
    const user = directadmin.users.get(result.remoteId);
    assert.deepEqual(
      [result.status, user?.domain, user?.password],
      ['done', 'shop.example.com', result.oneTime.password],
    );
    const record = await host.request('GET', `/calls/${callId}`);
    const kept = JSON.stringify(record.body);
    assert.ok(!kept.includes(result.oneTime.password) && !kept.includes(LOGIN_KEY));
    const known = { ...service, properties: result.properties };
    const login = await host.call('servers/directadmin', 'getLoginUrl', known);
    assert.match(login.body.result.url, /^https:\/\/da\.example\.com:2222\/api\/login\/url/);
    assert.deepEqual(credentialsOf(directadmin.requests.at(-1)?.headers ?? {}), [
      `panel|${result.remoteId}`,
      LOGIN_KEY,
    ]);
    const removed = await host.call('servers/directadmin', 'terminate', known);
    assert.equal(removed.body.result.status, 'done', JSON.stringify(removed.body));
    assert.equal(directadmin.users.size, 0);
  });
});
