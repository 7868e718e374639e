// Panels that install for a while, inside the real sandbox, against fakes that behave like the vendors.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { egressTo } from '../helpers/egress.ts';
import { startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';
import { API_KEY as CONVOY_KEY, startFakeConvoy } from '../vendors/convoy/fake.ts';
import type { FakeConvoy } from '../vendors/convoy/fake.ts';
import { SETTINGS as CONVOY, serviceOf as convoyService } from '../vendors/convoy/setup.ts';
import { API_KEY, CLIENT_KEY, startFakePterodactyl } from '../vendors/pterodactyl/fake.ts';
import type { FakePterodactyl } from '../vendors/pterodactyl/fake.ts';
import { SETTINGS, serviceOf } from '../vendors/pterodactyl/setup.ts';

describe('panels that install, in the sandbox', { timeout: 60_000 }, () => {
  let host: TestHost;
  let pterodactyl: FakePterodactyl;
  let convoy: FakeConvoy;

  before(async () => {
    pterodactyl = await startFakePterodactyl();
    convoy = await startFakeConvoy();
    const ports: Record<string, number> = {
      'games.example.com': pterodactyl.port,
      'convoy.example.com': convoy.port,
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
    await pterodactyl[Symbol.asyncDispose]();
    await convoy[Symbol.asyncDispose]();
  });

  const test = async (name: string) => {
    const { body } = await host.request('POST', `/extensions/servers/${name}/test`);
    assert.equal(body.ok, true, JSON.stringify(body));
  };
  const call = async (name: string, handler: string, input: unknown) => {
    const { status, body } = await host.call(`servers/${name}`, handler, input);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };

  it('makes a game server on Pterodactyl, and measures it with the second key', async () => {
    await host.enable('servers/pterodactyl', {
      host: 'https://games.example.com',
      apiKey: API_KEY,
      clientKey: CLIENT_KEY,
    });
    await test('pterodactyl');
    const service = serviceOf({ ...SETTINGS, portVariables: ['QUERY_PORT'] });
    const { result } = await call('pterodactyl', 'create', service);
    assert.equal(result.status, 'pending');
    pterodactyl.finishInstalls();
    const known = { ...service, properties: result.properties };
    const asked = await call('pterodactyl', 'reconcile', { operation: 'create', service: known });
    assert.equal(asked.result.status, 'done');
    const usage = await call('pterodactyl', 'usage', known);
    assert.equal(usage.result.length, 5);
    const ended = await call('pterodactyl', 'terminate', known);
    assert.deepEqual([ended.result.status, pterodactyl.servers.size], ['done', 0]);
    assert.ok(!JSON.stringify([result, asked, usage]).includes(API_KEY));
  });

  it('makes a machine on Convoy and opens its owner’s account', async () => {
    await host.enable('servers/convoy', {
      host: 'https://convoy.example.com',
      apiKey: CONVOY_KEY,
    });
    await test('convoy');
    const service = convoyService(CONVOY);
    const { result, callId } = await call('convoy', 'create', service);
    assert.equal(result.status, 'pending');
    const [server] = convoy.servers.values();
    assert.equal(server?.password, result.oneTime.password);
    const record = JSON.stringify((await host.request('GET', `/calls/${callId}`)).body);
    assert.ok(!record.includes(result.oneTime.password) && !record.includes(CONVOY_KEY));
    convoy.finishJobs();
    const known = { ...service, properties: result.properties };
    const asked = await call('convoy', 'reconcile', { operation: 'create', service: known });
    assert.equal(asked.result.status, 'done');
    const login = await call('convoy', 'getLoginUrl', known);
    assert.match(login.result.url, /^https:\/\/convoy\.example\.com\/authenticate\?token=/);
    assert.equal((await call('convoy', 'terminate', known)).result.status, 'pending');
    convoy.finishJobs();
    const gone = { operation: 'terminate', service: known };
    assert.equal((await call('convoy', 'reconcile', gone)).result.status, 'done');
  });
});
