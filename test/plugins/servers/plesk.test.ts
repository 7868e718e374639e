import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, describe, it } from 'node:test';

import type { Json, ServerResult, Service } from 'cofferdam/sdk';

import { parseSize } from '../../../plugins/servers/plesk/commands.ts';
import definition from '../../../plugins/servers/plesk/extension.ts';
import {
  createPassword,
  customerLoginOf,
  siteLoginOf,
} from '../../../plugins/servers/plesk/names.ts';
import { claimServer } from '../../contract/server.ts';
import { failureOf } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import { LOGIN, PASSWORD, SPEC, startFakePlesk } from '../../vendors/plesk/fake.ts';
import type { FakePlesk } from '../../vendors/plesk/fake.ts';
import { contextOf, HOST, PLESK, serviceOf } from '../../vendors/plesk/setup.ts';
import type { CallOptions } from '../../vendors/plesk/setup.ts';

claimServer(PLESK);

const plesk = handlersOf(definition);

describe('plesk', { timeout: 60_000 }, () => {
  let fake: FakePlesk;
  before(() => {
    if (SPEC === undefined)
      console.log('skipped: requests are checked by our own rules, ../shared/specs is absent');
  });
  beforeEach(async () => {
    fake = await startFakePlesk();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = (options: CallOptions = {}) => contextOf(fake, options);
  const create = async (service = serviceOf(), options: CallOptions = {}) => {
    const result = await plesk.create(service, context(options));
    assert.ok(result.status === 'done');
    return { result, service: { ...service, properties: { ...result.properties } } };
  };
  const ours = () =>
    [...fake.clients.values()].filter(({ external_id }) => external_id.startsWith('cofferdam'));
  const writes = () =>
    fake.requests
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path }) => `${method} ${path.replace('/api/v2', '')}`);
  const told = (result: ServerResult) => (result.status === 'failed' ? {} : (result.oneTime ?? {}));

  it('makes the customer and the site, linked, and tells both logins once', async () => {
    const { result } = await create();
    const [client] = ours();
    const [site] = fake.domains.values();
    assert.deepEqual(result.properties, {
      domainId: site?.id,
      domain: 's1.example.com',
      customerId: client?.id,
    });
    assert.deepEqual(told(result), {
      ftpUsername: site?.ftpLogin,
      ftpPassword: site?.ftpPassword,
      panelUsername: client?.login,
      panelPassword: client?.password,
    });
    assert.deepEqual(
      [client?.external_id, client?.name, site?.clientId],
      ['cofferdam:7', 'Ada Lovelace', client?.id],
    );
  });

  it('gives a second site of a customer its own system user and no second customer', async () => {
    const first = await create(serviceOf('1'));
    const second = await create(serviceOf('2'));
    assert.equal(ours().length, 1);
    assert.notEqual(told(first.result)['ftpUsername'], told(second.result)['ftpUsername']);
    assert.deepEqual(Object.keys(told(second.result)), ['ftpUsername', 'ftpPassword']);
  });

  it('makes no customer when it cannot know whether there is one', async () => {
    fake.answerNext(/GET \/api\/v2\/clients$/, {
      status: 500,
      json: { code: 500, message: 'Internal error' },
    });
    await failureOf(plesk.create(serviceOf(), context()), 'unavailable');
    assert.deepEqual([ours().length, writes()], [0, []]);
  });

  it('finds the customer whose making lost its reply, and sets a password that is told', async () => {
    fake.loseReply(/POST \/api\/v2\/clients$/);
    await failureOf(plesk.create(serviceOf(), context()), ['unavailable', 'timeout']);
    const { result } = await create();
    const [client, ...others] = ours();
    assert.deepEqual([others.length, told(result)['panelPassword']], [0, client?.password]);
  });

  it('sets the password of a site anew when the reply that told it was lost', async () => {
    fake.loseReply(/POST \/api\/v2\/domains$/);
    await failureOf(plesk.create(serviceOf(), context()), ['unavailable', 'timeout']);
    const [site] = fake.domains.values();
    const lost = site?.ftpPassword;
    const { result, service } = await create();
    assert.equal(told(result)['ftpPassword'], site?.ftpPassword);
    assert.notEqual(site?.ftpPassword, lost);
    const again = await create(service);
    assert.deepEqual(told(again.result), {});
  });

  it('leaves the password of an older site alone', async () => {
    await create();
    const [site] = fake.domains.values();
    assert.ok(site);
    site.created = '2026-01-05';
    assert.deepEqual(told((await create()).result), {});
  });

  it('takes the new customer back when Plesk refuses the site', async () => {
    const service = serviceOf();
    const product = { ...service.product, settings: { plan: 'Gone' } };
    const { message } = await failureOf(
      plesk.create({ ...service, product }, context()),
      'rejected',
    );
    assert.match(message, /Service plan "Gone" does not exist/);
    assert.deepEqual([ours().length, fake.domains.size], [0, 0]);
  });

  it('keeps a customer that was there before when Plesk refuses a site', async () => {
    await create(serviceOf('1'));
    const service = serviceOf('2');
    const product = { ...service.product, settings: { plan: 'Gone' } };
    await failureOf(plesk.create({ ...service, product }, context()), 'rejected');
    assert.deepEqual([ours().length, fake.domains.size], [1, 1]);
  });

  it('tells the refusal even when the customer cannot be taken back', async () => {
    const service = serviceOf();
    const product = { ...service.product, settings: { plan: 'Gone' } };
    fake.answerNext(/DELETE \/api\/v2\/clients/, {
      status: 500,
      json: { code: 500, message: 'No' },
    });
    const ctx = context();
    const { message } = await failureOf(plesk.create({ ...service, product }, ctx), 'rejected');
    assert.match(message, /"Gone"/);
    assert.equal(ctx.logs[0]?.level, 'warn');
    const { result } = await create();
    assert.equal(told(result)['panelPassword'], ours()[0]?.password);
  });

  it('touches neither a site of somebody else nor of another service of the customer', async () => {
    const other = fake.addClient('someone@else.example');
    const mine = await create(serviceOf('1'));
    const [site] = fake.domains.values();
    assert.ok(site);
    const same = serviceOf('2', { checkout: { domain: 's1.example.com' } });
    await failureOf(plesk.create(same, context()), 'conflict');
    await failureOf(plesk.suspend(same, context()), 'not_found');
    assert.equal((await plesk.terminate(same, context())).status, 'done');
    fake.domains.set(site.id, { ...site, clientId: other.id });
    await failureOf(plesk.suspend(mine.service, context()), 'not_found');
    assert.equal((await plesk.terminate(mine.service, context())).status, 'done');
    assert.deepEqual([fake.domains.size, fake.domains.get(site.id)?.status], [1, 'active']);
  });

  it('knows a site by its number when the customer renamed its system user', async () => {
    const { service } = await create();
    const [site] = fake.domains.values();
    assert.ok(site);
    fake.domains.set(site.id, { ...site, ftpLogin: 'ada' });
    await plesk.suspend(service, context());
    assert.equal(fake.domains.get(site.id)?.status, 'suspended');
    assert.equal((await plesk.info(service, context()))['ftpUsername'], 'ada');
  });

  it('takes no customer over by address unless the admin said so', async () => {
    const before = fake.addClient('Ada@Example.com');
    await create(serviceOf(), {
      config: { host: HOST, login: LOGIN, password: 'sealed:P' },
      sealed: { 'sealed:P': PASSWORD },
    });
    assert.deepEqual([before.external_id, ours().length], ['', 1]);
    assert.notEqual([...fake.domains.values()][0]?.clientId, before.id);
  });

  it('takes over no reseller, nobody’s else’s customer, and never removes who was taken over', async () => {
    fake.addClient('ada@example.com', { type: 'reseller' });
    fake.addClient('ada@example.com', { external_id: 'other-panel:7' });
    const before = fake.addClient('ada@example.com');
    const config = { host: HOST, apiKey: 'sealed:K', adoptCustomers: true };
    const sealed = { 'sealed:K': 'c5b239d1-8eb6-8cee-76b7-aa16be37fee8' };
    const { result, service } = await create(serviceOf(), { config, sealed });
    assert.equal([...fake.domains.values()][0]?.clientId, before.id);
    assert.equal(told(result)['panelPassword'], undefined);
    await plesk.terminate(service, context({ config, sealed }));
    assert.ok(fake.clients.has(before.id));
  });

  it('removes a customer with the last site, and not before', async () => {
    const a = await create(serviceOf('1'));
    const b = await create(serviceOf('2'));
    await plesk.terminate(a.service, context());
    assert.equal(ours().length, 1);
    await plesk.terminate(b.service, context());
    assert.deepEqual([ours().length, fake.clients.size], [0, 1]);
  });

  it('keeps empty customers when the admin said so', async () => {
    const config = { host: HOST, login: LOGIN, password: 'sealed:P', removeCustomers: false };
    const { service } = await create();
    await plesk.terminate(service, context({ config, sealed: { 'sealed:P': PASSWORD } }));
    assert.equal(ours().length, 1);
  });

  it('removes no customer for whom a site is being made', async () => {
    const storage = new Map<string, Json>([['making/7/2', true]]);
    const { service } = await create();
    await plesk.terminate(service, context({ storage }));
    assert.deepEqual([ours().length, fake.domains.size], [1, 0]);
  });

  it('shows a customer again who got a site while being removed', async () => {
    const { service } = await create();
    const [client] = ours();
    assert.ok(client);
    const storage = new Map<string, Json>();
    fake.beforeNext(/PUT \/api\/v2\/clients/, () => storage.set('making/7/2', true));
    const login = client.login;
    await plesk.terminate(service, context({ storage }));
    assert.deepEqual([client.external_id, client.login], ['cofferdam:7', login]);
    assert.ok(fake.clients.has(client.id));
  });

  it('ends later what an earlier call began to remove', async () => {
    const { service } = await create();
    fake.answerNext(/DELETE \/api\/v2\/clients/, {
      status: 500,
      json: { code: 500, message: 'No' },
    });
    await failureOf(plesk.terminate(service, context()), 'unavailable');
    assert.equal(ours()[0]?.external_id, 'cofferdam-removed:7');
    const again = await create(serviceOf('2'));
    assert.equal(ours().length, 2);
    await plesk.terminate(service, context());
    assert.deepEqual(
      ours().map(({ external_id }) => external_id),
      ['cofferdam:7'],
    );
    await plesk.terminate(again.service, context());
    assert.deepEqual([ours().length, fake.clients.size], [0, 1]);
  });

  it('lists 900 customers, and says that 901 are too many', async () => {
    for (let index = 0; index < 900; index += 1) {
      fake.addClient('x@example.com', { external_id: `cofferdam:u${index}` });
    }
    assert.deepEqual(await plesk.list({}, context()), []);
    fake.addClient('x@example.com', { external_id: 'cofferdam:u900' });
    await failureOf(plesk.list({}, context()), 'capacity');
  });

  it('reads a failing utility behind a reply of 200', async () => {
    const { service } = await create();
    const product = { ...service.product, settings: { plan: 'Gone' } };
    const change = { ...service, product, previousProduct: service.product };
    const { message } = await failureOf(plesk.changePackage(change, context()), 'rejected');
    assert.match(message, /Unable to find service plan "Gone"/);
  });

  it('never takes a missing utility for a missing site', async () => {
    const { service } = await create();
    fake.commands = ['customer'];
    await failureOf(plesk.terminate({ ...service, properties: {} }, context()), 'unsupported');
    assert.equal(fake.domains.size, 1);
    const { ok, message } = await plesk.testConnection(context());
    assert.deepEqual(
      [ok, message],
      [false, 'Plesk lets this login call no subscription, service_plan, admin'],
    );
  });

  it('logs in with a name and a password in the Basic header', async () => {
    const config = { host: HOST, login: LOGIN, password: 'sealed:P' };
    const { ok } = await plesk.testConnection(
      context({ config, sealed: { 'sealed:P': PASSWORD } }),
    );
    assert.equal(ok, true);
    assert.equal(
      fake.requests[0]?.headers['authorization'],
      `Basic ${btoa(`${LOGIN}:${PASSWORD}`)}`,
    );
    assert.equal(fake.requests[0]?.headers['x-api-key'], undefined);
  });

  it('asks for credentials when there are none, without a request', async () => {
    for (const config of [{ host: HOST }, { host: HOST, login: LOGIN }]) {
      await failureOf(plesk.testConnection(context({ config })), 'invalid_config');
    }
    assert.equal(fake.requests.length, 0);
  });

  it('leads a login link to the host of the config, whatever the server calls itself', async () => {
    const { service } = await create();
    const { url } = await plesk.getLoginUrl(service, context());
    assert.equal(url, `https://${HOST}:8443/login?secret=one-time-1`);
  });

  it('sets passwords on demand, by the environment of the utility', async () => {
    const { service } = await create();
    const [site] = fake.domains.values();
    const { oneTime } = (await plesk.changePassword({ service }, context())) as { oneTime: object };
    assert.deepEqual(oneTime, { ftpUsername: site?.ftpLogin, ftpPassword: site?.ftpPassword });
    await plesk.changePassword({ service, password: 'Given-by-0wner' }, context());
    assert.equal(site?.ftpPassword, 'Given-by-0wner');
    const call = fake.requests.findLast(({ body }) => body.includes('PSA_PASSWORD'));
    assert.deepEqual(call?.json.params, ['--update', 's1.example.com', '-passwd', '']);
  });

  it('sets a new password for the panel and applies a plan again', async () => {
    const { service } = await create();
    const { resetPanelPassword, applyPlan } = plesk.actions;
    assert.ok(resetPanelPassword && applyPlan);
    const shown = await resetPanelPassword.run({ subject: service, values: {} }, context());
    assert.equal(shown.oneTime?.['panelPassword'], ours()[0]?.password);
    await applyPlan.run({ subject: service, values: {} }, context());
    assert.deepEqual(fake.synced, ['s1.example.com']);
  });

  it('measures bytes, and lists the sites of this panel only', async () => {
    const { service } = await create();
    assert.deepEqual(await plesk.usage(service, context()), [
      { name: 'disk', used: 126_976, limit: null, unit: 'bytes' },
      { name: 'traffic', used: 1_572_864, limit: null, unit: 'bytes' },
    ]);
    const [stranger] = fake.clients.values();
    const [site] = fake.domains.values();
    assert.ok(stranger && site);
    fake.domains.set(999, { ...site, id: 999, name: 'other.example', clientId: stranger.id });
    await plesk.suspend(service, context());
    assert.deepEqual(await plesk.list({}, context()), [
      {
        remoteId: String(site.id),
        name: 's1.example.com',
        status: 'suspended',
        email: 'ada@example.com',
        properties: service.properties,
      },
    ]);
  });

  it('says before the sale that a domain is hosted here already', async () => {
    const { service } = await create();
    const { product, checkout } = service as Service;
    assert.deepEqual(await plesk.validate({ product, checkout }, context()), [
      { field: 'domain', message: 'is hosted here already' },
    ]);
  });

  it('offers the plans and the addresses of the server', async () => {
    const fields = await plesk.productConfig({}, context());
    assert.deepEqual(
      fields.map(({ name, options }) => [name, options?.map(({ value }) => value)]),
      [
        ['plan', ['Starter', 'Business']],
        ['ip', ['203.0.113.7']],
      ],
    );
  });
});

describe('names and passwords for Plesk', () => {
  it('makes passwords of 14 characters with every class, none like another', () => {
    const all = Array.from({ length: 500 }, createPassword);
    assert.equal(new Set(all).size, all.length);
    for (const password of all) {
      assert.equal(password.length, 14);
      for (const each of [/[a-z]/, /[A-Z]/, /\d/, /[!*#_-]/]) assert.match(password, each);
    }
  });

  it('derives logins that Plesk takes from any id', async () => {
    const config = { mark: 'cofferdam' } as Parameters<typeof siteLoginOf>[0];
    const service = serviceOf('ünïcode/42');
    assert.match(await siteLoginOf(config, service), /^s[0-9a-f]{12}$/);
    assert.match(await customerLoginOf(config, service.user), /^c[0-9a-f]{12}$/);
    const other = { ...config, mark: 'second' };
    assert.notEqual(await siteLoginOf(config, service), await siteLoginOf(other, service));
  });

  it('reads sizes as Plesk writes them, and nothing else', () => {
    assert.deepEqual(
      ['0 B', '96.0 KB', '1,5 MB/Month', '2 TB', 'Unlimited', '', '12'].map(parseSize),
      [0, 98_304, 1_572_864, 2 * 1_024 ** 4, undefined, undefined, undefined],
    );
  });
});
