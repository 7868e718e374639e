import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, describe, it } from 'node:test';

import type { Json, ServerResult } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/enhance/extension.ts';
import { claimServer } from '../../contract/server.ts';
import { failureOf } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import { SPEC, startFakeEnhance } from '../../vendors/enhance/fake.ts';
import type { FakeEnhance } from '../../vendors/enhance/fake.ts';
import { contextOf, ENHANCE, HOST, serviceOf } from '../../vendors/enhance/setup.ts';
import type { CallOptions } from '../../vendors/enhance/setup.ts';
import { addCustomer, GROUPS, SELLER } from '../../vendors/enhance/state.ts';

claimServer(ENHANCE);

const enhance = handlersOf(definition);
const REFUSED = { status: 400, json: { code: 'invalid_input', detail: 'No' } };

/** The five steps of a create, each by the order that Enhance gets. */
const STEPS: Readonly<Record<string, RegExp>> = {
  organisation: /^POST \/api\/orgs\/[^/]+\/customers$/,
  login: /^POST \/api\/logins/,
  member: /^POST \/api\/orgs\/[^/]+\/members$/,
  subscription: /^POST \/api\/orgs\/[^/]+\/customers\/[^/]+\/subscriptions$/,
  website: /^POST \/api\/orgs\/[^/]+\/websites$/,
};

describe('enhance', { timeout: 60_000 }, () => {
  let fake: FakeEnhance;
  let storage: Map<string, Json>;
  before(() => {
    if (SPEC === undefined)
      console.log('skipped: requests are checked by our own rules, ../shared/specs is absent');
  });
  beforeEach(async () => {
    fake = await startFakeEnhance();
    storage = new Map();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = (options: CallOptions = {}) => contextOf(fake, { storage, ...options });
  const create = async (service = serviceOf(), config: object = {}) => {
    const result = await enhance.create(service, context({ config }));
    assert.ok(result.status === 'done');
    return { result, service: { ...service, properties: { ...result.properties } } };
  };
  const customers = () =>
    [...fake.orgs.values()].filter(({ id, status }) => id !== SELLER && status === 'active');
  const subscriptions = () =>
    [...fake.subscriptions.values()].filter(({ status }) => status === 'active');
  const counts = () => [
    customers().length,
    fake.logins.size,
    customers().flatMap(({ members }) => members).length,
    subscriptions().length,
    [...fake.websites.values()].filter(({ status }) => status === 'active').length,
  ];
  const told = (result: ServerResult) => (result.status === 'failed' ? {} : (result.oneTime ?? {}));
  const theLogin = () => {
    const [login] = fake.logins.values();
    assert.ok(login);
    return login;
  };

  it('makes organisation, login, member, subscription and website, and tells the login once', async () => {
    const { result, service } = await create();
    const [org] = customers();
    const [subscription] = subscriptions();
    const [site] = fake.websites.values();
    assert.deepEqual(result, {
      status: 'done',
      remoteId: String(subscription?.id),
      properties: {
        orgId: org?.id,
        subscriptionId: subscription?.id,
        websiteId: site?.id,
        domain: 's1.example.com',
      },
      oneTime: { username: 'ada@example.com', password: theLogin().password },
    });
    assert.deepEqual(
      [org?.name, subscription?.friendlyName, site?.subscriptionId],
      ['Ada Lovelace', 'cofferdam:1', subscription?.id],
    );
    assert.deepEqual(told((await create(service)).result), {});
  });

  it('gives a second service of a customer no second organisation and no second password', async () => {
    await create(serviceOf('1'));
    const { result } = await create(serviceOf('2'));
    assert.deepEqual([counts(), told(result)], [[1, 1, 1, 2, 2], {}]);
  });

  for (const [step, pattern] of Object.entries(STEPS)) {
    it(`goes on after the reply to the order of the ${step} was lost`, async () => {
      fake.loseReply(pattern);
      await failureOf(enhance.create(serviceOf(), context()), ['unavailable', 'timeout']);
      const { result } = await create();
      assert.deepEqual(counts(), [1, 1, 1, 1, 1]);
      assert.deepEqual(told(result), {
        username: 'ada@example.com',
        password: theLogin().password,
      });
    });

    it(`undoes what was made when Enhance refuses the ${step}`, async () => {
      fake.answerNext(pattern, REFUSED);
      await failureOf(enhance.create(serviceOf(), context()), 'rejected');
      const [orgs, , members, ...rest] = counts();
      assert.deepEqual([orgs, members, ...rest], [0, 0, 0, 0]);
      const { result } = await create();
      assert.deepEqual(counts(), [1, 1, 1, 1, 1]);
      assert.deepEqual(told(result), {
        username: 'ada@example.com',
        password: theLogin().password,
      });
    });
  }

  it('undoes the steps of an earlier call when a later one is refused', async () => {
    fake.answerNext(/POST .*\/websites$/, { status: 503, json: { code: 'busy' } });
    await failureOf(enhance.create(serviceOf(), context()), 'unavailable');
    assert.deepEqual(counts(), [1, 1, 1, 1, 0]);
    fake.answerNext(/POST .*\/websites$/, REFUSED);
    await failureOf(enhance.create(serviceOf(), context()), 'rejected');
    assert.deepEqual(counts(), [0, 1, 0, 0, 0]);
  });

  it('undoes nothing of another service, nor what the panel knows as finished', async () => {
    const { service } = await create(serviceOf('1'));
    fake.answerNext(/POST .*\/websites$/, REFUSED);
    await failureOf(enhance.create(serviceOf('2'), context()), 'rejected');
    assert.deepEqual(counts(), [1, 1, 1, 1, 1]);
    fake.websites.clear();
    fake.answerNext(/POST .*\/websites$/, REFUSED);
    await failureOf(enhance.create(service, context()), 'rejected');
    assert.deepEqual(counts(), [1, 1, 1, 1, 0]);
  });

  it('tells the refusal even when the undoing fails, and goes on later', async () => {
    fake.answerNext(/POST .*\/websites$/, REFUSED);
    fake.answerNext(/DELETE .*\/subscriptions/, { status: 500, json: { code: 'internal' } });
    const ctx = context();
    await failureOf(enhance.create(serviceOf(), ctx), 'rejected');
    assert.equal(ctx.logs[0]?.level, 'warn');
    await create();
    assert.deepEqual(counts(), [1, 1, 1, 1, 1]);
  });

  it('hands out no login of somebody else with the address, however often it is asked', async () => {
    const { members } = addCustomer(fake, 'Ada@Example.com');
    for (let tries = 0; tries < 3; tries += 1) {
      const { remedy } = await failureOf(enhance.create(serviceOf(), context()), 'conflict');
      assert.match(remedy ?? '', /Take over customers/);
    }
    assert.deepEqual(counts(), [1, 1, 1, 0, 0]);
    assert.deepEqual([theLogin().password, members.length], ['own', 1]);
  });

  it('takes over an organisation by its owner’s address when the admin said so, password untouched', async () => {
    const { id } = addCustomer(fake, 'Ada@Example.com');
    const config = { adoptCustomers: true };
    const { result, service } = await create(serviceOf(), config);
    assert.deepEqual(
      [subscriptions()[0]?.orgId, told(result), theLogin().password],
      [id, {}, 'own'],
    );
    await enhance.terminate(service, context({ config }));
    assert.equal(fake.orgs.get(id)?.status, 'active');
  });

  it('trusts no name of an organisation: customers may change theirs', async () => {
    const other = addCustomer(fake, 'mallory@example.net');
    other.name = 'Ada Lovelace';
    await create();
    assert.notEqual(subscriptions()[0]?.orgId, other.id);
  });

  it('does without the new name when the organisation cannot be renamed', async () => {
    fake.answerNext(/^PATCH \/api\/orgs\/[^/]+$/, REFUSED);
    const { result } = await create();
    assert.equal(result.status, 'done');
    assert.match(customers()[0]?.name ?? '', /^Ada Lovelace #/);
  });

  it('makes one organisation for two services at once', async () => {
    await Promise.all([create(serviceOf('1')), create(serviceOf('2'))]);
    assert.deepEqual(counts(), [1, 1, 1, 2, 2]);
  });

  it('answers pending while another call works on the customer, and goes on afterwards', async () => {
    storage.set('lock/7', 'other-call');
    const result = await enhance.create(serviceOf(), context());
    assert.deepEqual(result, { status: 'pending', retryAfterMs: 3_000 });
    assert.deepEqual(counts(), [0, 0, 0, 0, 0]);
    assert.equal(storage.get('lock/7'), 'other-call');
    storage.delete('lock/7');
    const ended = await enhance.reconcile({ operation: 'create', service: serviceOf() }, context());
    assert.deepEqual([ended.status, storage.has('lock/7')], ['done', false]);
  });

  it('finds its subscription by the website when panel and storage have forgotten it', async () => {
    await create();
    await enhance.suspend(serviceOf(), context({ storage: new Map() }));
    assert.equal(subscriptions()[0]?.isSuspended, true);
    const stranger = serviceOf('2', { checkout: { domain: 's1.example.com' } });
    await failureOf(enhance.suspend(stranger, context({ storage: new Map() })), 'not_found');
  });

  it('removes softly unless the admin said to wipe', async () => {
    const { service } = await create();
    await enhance.terminate(service, context());
    assert.deepEqual(counts(), [0, 1, 0, 0, 0]);
    assert.deepEqual([fake.subscriptions.size, fake.websites.size], [1, 1]);
    await failureOf(enhance.suspend(service, context()), 'not_found');
    const { product, checkout } = serviceOf();
    assert.deepEqual(await enhance.validate({ product, checkout }, context()), [
      { field: 'domain', message: 'belongs to a removed website whose data is still kept' },
    ]);
    await failureOf(enhance.create(serviceOf(), context()), 'conflict');
    assert.deepEqual(counts(), [0, 1, 0, 0, 0]);
  });

  it('wipes when the admin said so, and the domain is free again', async () => {
    const config = { wipe: true };
    const { service } = await create(serviceOf(), config);
    await enhance.terminate(service, context({ config }));
    assert.deepEqual([fake.subscriptions.size, fake.websites.size, customers().length], [0, 0, 0]);
    const { result } = await create(serviceOf(), config);
    assert.deepEqual([counts(), told(result)], [[1, 1, 1, 1, 1], {}]);
  });

  it('removes an organisation with its last subscription, and not before', async () => {
    const a = await create(serviceOf('1'));
    const b = await create(serviceOf('2'));
    await enhance.terminate(a.service, context());
    assert.equal(customers().length, 1);
    await enhance.terminate(b.service, context({ config: { removeCustomers: false } }));
    assert.equal(customers().length, 1);
    await enhance.terminate(b.service, context());
    assert.equal(customers().length, 0);
  });

  it('says by its own code that a quota is used up', async () => {
    const detail = 'Not enough resource quota left: websites';
    fake.answerNext(/POST .*\/websites$/, { status: 400, json: { code: 'invalid', detail } });
    const { message } = await failureOf(enhance.create(serviceOf(), context()), 'capacity');
    assert.match(message, /websites/);
  });

  it('passes on login links to its own host only, over https', async () => {
    const { service } = await create();
    for (const origin of ['https://evil.example', `http://${HOST}`, 'javascript:']) {
      fake.loginOrigin = origin;
      await failureOf(enhance.getLoginUrl(service, context()), 'invalid_response');
    }
    fake.loginOrigin = 'https://my.hosting.example';
    const config = { loginHost: 'my.hosting.example' };
    const { url } = await enhance.getLoginUrl(service, context({ config }));
    assert.match(url, /^https:\/\/my\.hosting\.example\/login\/sso\?otp=/);
  });

  it('sets passwords of the login and of SSH on demand', async () => {
    const { service } = await create();
    const first = theLogin().password;
    const changed = await enhance.changePassword({ service }, context());
    assert.deepEqual(told(changed), { username: 'ada@example.com', password: theLogin().password });
    assert.notEqual(theLogin().password, first);
    const { sshPassword, measure } = enhance.actions;
    assert.ok(sshPassword && measure);
    const shown = await sshPassword.run({ subject: service, values: {} }, context());
    assert.deepEqual(shown.oneTime, { sshPassword: [...fake.websites.values()][0]?.sshPassword });
    await measure.run({ subject: service, values: {} }, context());
    assert.deepEqual(fake.measured, [subscriptions()[0]?.id]);
  });

  it('offers the server groups that the chosen plan allows', async () => {
    const groups = async (plan?: number) =>
      (await enhance.productConfig(plan === undefined ? {} : { plan }, context()))
        .find(({ name }) => name === 'serverGroup')
        ?.options?.map(({ label }) => label);
    assert.deepEqual(await groups(11), ['Europe', 'America']);
    assert.deepEqual(await groups(12), ['Europe']);
    fake.answerNext(/groups$/, { status: 403, json: { code: 'forbidden' } });
    assert.equal(await groups(), undefined);
    const service = serviceOf();
    const product = { ...service.product, settings: { plan: '12', serverGroup: GROUPS[0].id } };
    await create({ ...service, product });
    assert.equal([...fake.websites.values()][0]?.serverGroupId, GROUPS[0].id);
  });

  it('measures, informs and lists by the ids of the panel', async () => {
    const { service } = await create();
    assert.deepEqual(await enhance.usage(service, context()), [
      { name: 'diskspace', used: 4_096, limit: 10_737_418_240, unit: 'bytes' },
      { name: 'transfer', used: 512, limit: null, unit: 'bytes' },
      { name: 'mailboxes', used: 2, limit: 10, unit: 'count' },
    ]);
    assert.deepEqual(await enhance.info(service, context()), {
      plan: 'Starter',
      status: 'active',
      domain: 's1.example.com',
      addresses: ['203.0.113.9'],
      username: 'ada@example.com',
    });
    const [listed] = await enhance.list({}, context());
    assert.deepEqual(
      [listed?.serviceId, listed?.email, listed?.status],
      ['1', 'ada@example.com', 'active'],
    );
  });

  it('lists 900 customers, and says that 901 are too many', async () => {
    const sell = (id: number): void => {
      const { id: orgId } = addCustomer(fake, `other${id}@example.net`);
      const more = { planId: 11, friendlyName: '', status: 'active', isSuspended: false } as const;
      fake.subscriptions.set(id, { id, orgId, ...more });
    };
    for (let id = 1; id <= 900; id += 1) sell(id);
    assert.equal((await enhance.list({}, context())).length, 900);
    sell(901);
    await failureOf(enhance.list({}, context()), 'capacity');
  });

  it('refuses ids that are none before a request is made of them', async () => {
    const properties = { orgId: '../../settings', subscriptionId: 1 };
    await failureOf(enhance.suspend({ ...serviceOf(), properties }, context()), 'not_found');
    assert.ok(fake.requests.every(({ path }) => !path.includes('settings')));
  });
});
