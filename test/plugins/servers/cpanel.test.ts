import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { ServerResult } from 'cofferdam/sdk';

import { accountName } from 'cofferdam/sdk';
import definition from '../../../plugins/servers/cpanel/extension.ts';
import { claimServer } from '../../contract/server.ts';
import { failureOf } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import { startFakeCpanel } from '../../vendors/cpanel/fake.ts';
import type { FakeCpanel } from '../../vendors/cpanel/fake.ts';
import { contextOf, CPANEL, serviceOf } from '../../vendors/cpanel/setup.ts';

claimServer(CPANEL);

const cpanel = handlersOf(definition);
describe('cpanel', { timeout: 60_000 }, () => {
  let fake: FakeCpanel;
  beforeEach(async () => {
    fake = await startFakeCpanel();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = () => contextOf(fake);
  const created = async (id = '1') => {
    const service = serviceOf(id);
    const result = await cpanel.create(service, context());
    assert.equal(result.status, 'done');
    return { result, service: { ...service, properties: { ...result.properties } } };
  };
  const orders = () => fake.requests.filter(({ method }) => method === 'POST');
  const passwordOf = (result: ServerResult) =>
    result.status === 'failed' ? undefined : result.oneTime?.['password'];

  it('names privileges that the token lacks', async () => {
    fake.privileges.set('kill-acct', false);
    const { ok, message } = await cpanel.testConnection(context());
    assert.deepEqual([ok, message], [false, 'The API token lacks kill-acct']);
    fake.privileges.set('all', true);
    assert.equal((await cpanel.testConnection(context())).ok, true);
  });

  it('asks by GET, changes by POST, and says api.version 1 each time', async () => {
    const { service } = await created();
    const change = { ...service, previousProduct: service.product };
    const product = { ...service.product, settings: { package: 'business' } };
    await cpanel.changePackage({ ...change, product }, context());
    await cpanel.changePassword({ service }, context());
    await cpanel.suspend(service, context());
    await cpanel.unsuspend(service, context());
    await cpanel.getLoginUrl(service, context());
    await cpanel.usage(service, context());
    await cpanel.productConfig({}, context());
    await cpanel.terminate(service, context());
    assert.deepEqual(
      orders().map(({ path }) => path.replace('/json-api/', '')),
      [
        'createacct',
        'changepackage',
        'passwd',
        'suspendacct',
        'unsuspendacct',
        'create_user_session',
        'removeacct',
      ],
    );
    for (const { method, query, body, path } of fake.requests) {
      const parameters = new URLSearchParams(method === 'POST' ? body : query);
      assert.equal(parameters.get('api.version'), '1', path);
      assert.equal(method === 'POST' ? query.size : body.length, 0, path);
    }
  });

  it('sends the password it tells, and puts no password into an address', async () => {
    const { result } = await created();
    const password = String(passwordOf(result));
    assert.match(password, /^[A-HJ-NP-Za-km-z2-9]{20}$/);
    assert.equal(fake.accounts.get(String(result.remoteId))?.password, password);
    assert.ok(fake.requests.every(({ query }) => !query.toString().includes(password)));
    const other = await created('2');
    assert.notEqual(passwordOf(other.result), password);
  });

  it('refuses an order without a domain or a package before it sends anything', async () => {
    const service = serviceOf();
    const bad = await failureOf(
      cpanel.create({ ...service, checkout: {} }, context()),
      'invalid_input',
    );
    assert.match(bad.message, /"domain" has no value/);
    const product = { ...service.product, settings: { package: '' } };
    const none = await failureOf(
      cpanel.create({ ...service, product }, context()),
      'invalid_input',
    );
    assert.match(none.message, /"package"/);
    assert.deepEqual(fake.requests, []);
  });

  it('says who has the domain already', async () => {
    fake.add({ user: 'bob', domain: 's1.example.com' });
    const { message } = await failureOf(cpanel.create(serviceOf(), context()), 'conflict');
    assert.match(message, /under "bob"/);
    const { product, checkout } = serviceOf();
    assert.deepEqual(
      (await cpanel.validate({ product, checkout }, context())).map(({ field }) => field),
      ['domain'],
    );
  });

  it('validates the package against what WHM offers', async () => {
    const { product, checkout } = serviceOf();
    const gone = { ...product, settings: { package: 'retired' } };
    const problems = await cpanel.validate({ product: gone, checkout }, context());
    assert.deepEqual(
      problems.map(({ field }) => field),
      ['package'],
    );
  });

  it('finds an account by its whole name, whatever WHM takes the search for', async () => {
    // A server that knows no "exact" searches by a pattern: other accounts come along.
    const { service, result } = await created();
    const name = String(result.remoteId);
    const lines = [`x${name}`, `${name}x`, name].map((user) => ({
      user,
      domain: user === name ? 's1.example.com' : `${user}.example.org`,
      suspended: user === name ? 0 : 1,
    }));
    fake.answerNext(/listaccts/, {
      status: 200,
      json: { metadata: { result: 1, version: 1 }, data: { acct: lines } },
    });
    assert.deepEqual((await cpanel.info(service, context()))['status'], 'active');
  });

  it('sets a new password when the first one was lost with the reply', async () => {
    fake.loseReply(/createacct/);
    await failureOf(cpanel.create(serviceOf(), context()), 'unavailable');
    const result = await cpanel.create(serviceOf(), context());
    const account = [...fake.accounts.values()][0];
    assert.equal(passwordOf(result), account?.password);
    assert.equal(fake.accounts.size, 1);
  });

  it('leaves the password of an older account alone', async () => {
    const user = await accountName('1');
    fake.add({ user, domain: 's1.example.com', password: 'kept', startedAt: 1_600_000_000 });
    const result = await cpanel.create(serviceOf(), context());
    assert.deepEqual([result.status, passwordOf(result)], ['done', undefined]);
    assert.equal(fake.accounts.get(user)?.password, 'kept');
    const { service } = await created('2');
    assert.equal(passwordOf(await cpanel.create(service, context())), undefined);
  });

  it('never touches an account that has the name but another domain', async () => {
    fake.add({ user: 'bob', domain: 'bobs-shop.example.org' });
    const imported = serviceOf('9', { properties: { username: 'bob', domain: 'old.example.org' } });
    for (const operation of ['suspend', 'terminate', 'getLoginUrl'] as const)
      await failureOf(cpanel[operation](imported, context()), 'conflict');
    assert.deepEqual([fake.accounts.size, orders()], [1, []]);
    const linked = {
      ...imported,
      properties: { username: 'bob', domain: 'bobs-shop.example.org' },
    };
    assert.equal((await cpanel.suspend(linked, context())).status, 'done');
  });

  it('follows an account whose main domain was changed in WHM', async () => {
    const { service, result } = await created();
    const account = fake.accounts.get(String(result.remoteId));
    assert.ok(account);
    account.domain = 'renamed.example.com';
    assert.equal((await cpanel.suspend(service, context())).status, 'done');
    assert.equal((await cpanel.terminate(service, context())).status, 'done');
    assert.equal(fake.accounts.size, 0);
  });

  it('suspends with a reason, and leaves alone what is as wanted', async () => {
    const { service, result } = await created();
    await cpanel.suspend(service, context());
    const account = fake.accounts.get(String(result.remoteId));
    assert.equal(account?.suspendreason, 'Suspended by the billing panel');
    const before = orders().length;
    await cpanel.suspend(service, context());
    assert.equal(orders().length, before);
  });

  it('changes the package by changepackage, not by modifyacct', async () => {
    const { service } = await created();
    const product = { ...service.product, settings: { package: 'business' } };
    await cpanel.changePackage(
      { ...service, product, previousProduct: service.product },
      context(),
    );
    const [last] = orders().slice(-1);
    assert.equal(last?.path, '/json-api/changepackage');
    assert.deepEqual(Object.fromEntries(new URLSearchParams(last?.body)), {
      'api.version': '1',
      user: service.properties['username'],
      pkg: 'business',
    });
    const retired = { ...product, settings: { package: 'retired' } };
    const change = { ...service, product: retired, previousProduct: product };
    await failureOf(cpanel.changePackage(change, context()), 'invalid_input');
  });

  it('keeps a login link on the host of the config, by https, with its end', async () => {
    const { service } = await created();
    fake.linkHost = 'elsewhere.example.org';
    const { url, expiresAt } = await cpanel.getLoginUrl(service, context());
    assert.match(url, /^https:\/\/whm\.example\.com:2083\/cpsess\d+\/login\/\?session=/);
    assert.equal(expiresAt, '2026-11-25T09:46:40.000Z');
    for (const link of ['javascript:alert(1)', 'http://whm.example.com:2082/x', 'no link']) {
      fake.answerNext(/create_user_session/, {
        status: 200,
        json: { metadata: { result: 1, version: 1 }, data: { url: link } },
      });
      await failureOf(cpanel.getLoginUrl(service, context()), 'invalid_response');
    }
    const { webmail } = cpanel.actions;
    assert.ok(webmail);
    const opened = await webmail.run({ subject: service, values: {} }, context());
    assert.match(opened.url ?? '', /^https:\/\/whm\.example\.com:2096\//);
  });

  it('measures disk and traffic in bytes, and does without traffic where it may not look', async () => {
    const { service } = await created();
    const usage = await cpanel.usage(service, context());
    assert.deepEqual(usage, [
      { name: 'disk', used: 14 * 2 ** 20, limit: 1_000 * 2 ** 20, unit: 'bytes' },
      { name: 'files', used: 120, limit: null, unit: 'count' },
      { name: 'traffic', used: 1_234_567, limit: 1_048_576_000, unit: 'bytes' },
    ]);
    fake.privileges.set('show-bandwidth', false);
    const ctx = context();
    assert.deepEqual(
      (await cpanel.usage(service, ctx)).map(({ name }) => name),
      ['disk', 'files'],
    );
    assert.match(ctx.logs[0]?.message ?? '', /show-bandwidth/);
    fake.answerNext(/showbw/, { status: 502, html: '<html></html>' });
    await failureOf(cpanel.usage(service, context()), 'unavailable');
  });

  it('changes a password, given or made, and says which', async () => {
    const { service, result } = await created();
    const made = passwordOf(await cpanel.changePassword({ service }, context()));
    const account = fake.accounts.get(String(result.remoteId));
    assert.equal(account?.password, made);
    await cpanel.changePassword({ service, password: 'Correct-Horse-1' }, context());
    assert.equal(account?.password, 'Correct-Horse-1');
    await failureOf(
      cpanel.changePassword({ service, password: 'short' }, context()),
      'invalid_input',
    );
    await failureOf(
      cpanel.changePassword({ service, password: 'aaaaaaaaa' }, context()),
      'invalid_input',
    );
  });

  it('answers pending before the deadline, and reconcile finds what WHM finished', async () => {
    const slow = hold(/createacct/);
    const first = await cpanel.create(serviceOf(), slow());
    assert.equal(first.status, 'pending');
    assert.equal(first.retryAfterMs, 15_000);
    const service = { ...serviceOf(), properties: { ...first.properties } };
    const later = await cpanel.reconcile({ operation: 'create', service }, context());
    assert.deepEqual(
      [later.status, later.status !== 'failed' && later.remoteId, later.properties],
      ['done', first.remoteId, { ...first.properties, orderedAt: null }],
    );
    // The password told with "pending" is the one that holds.
    assert.equal(fake.accounts.get(String(first.remoteId))?.password, passwordOf(first));
    assert.equal(passwordOf(later), undefined);
  });

  it('waits for an order that runs, and gives it again when it came to nothing', async () => {
    const first = await cpanel.create(serviceOf(), hold(/createacct/)());
    fake.accounts.clear();
    assert.ok(first.status === 'pending' && first.properties !== undefined);
    const service = { ...serviceOf(), properties: first.properties };
    const waiting = await cpanel.reconcile({ operation: 'create', service }, context());
    assert.deepEqual([waiting.status, waiting.properties], ['pending', first.properties]);
    assert.equal(fake.accounts.size, 0);
    const old = { ...first.properties, orderedAt: '2026-11-24T00:00:00.000Z' };
    const again = await cpanel.reconcile(
      { operation: 'create', service: { ...service, properties: old } },
      context(),
    );
    assert.equal(again.status, 'done');
    assert.equal([...fake.accounts.values()][0]?.password, passwordOf(again));
  });

  it('asks again later, too, when the host gives up on WHM before the call ends', async () => {
    const silent = Object.assign(new Error('WHM did not answer'), { code: 'REMOTE_TIMED_OUT' });
    const wrap = (send: typeof fetch) => async (input: unknown, init?: RequestInit) => {
      const reply = await send(String(input), init);
      if (!/(create|remove)acct/.test(String(input))) return reply;
      await reply.body?.cancel();
      throw silent;
    };
    const service = serviceOf();
    const made = await cpanel.create(service, contextOf(fake, { wrap }));
    assert.equal(made.status, 'pending');
    assert.equal(typeof passwordOf(made), 'string');
    const properties = { ...made.properties };
    const gone = await cpanel.terminate({ ...service, properties }, contextOf(fake, { wrap }));
    assert.deepEqual([gone.status, fake.accounts.size], ['pending', 0]);
  });

  it('removes an account over several looks when WHM takes long', async () => {
    const { service } = await created();
    const first = await cpanel.terminate(service, hold(/removeacct/)());
    assert.equal(first.status, 'pending');
    const properties = { ...service.properties, ...first.properties };
    const reconciled = await cpanel.reconcile(
      { operation: 'terminate', service: { ...service, properties } },
      context(),
    );
    assert.deepEqual(
      [reconciled.status, reconciled.properties],
      ['done', { username: null, domain: null, orderedAt: null }],
    );
    await failureOf(cpanel.reconcile({ operation: 'suspend', service }, context()), 'unsupported');
  });

  it('offers the packages of the server, none when there are none', async () => {
    const fields = await cpanel.productConfig({}, context());
    assert.deepEqual(
      fields.find(({ name }) => name === 'package')?.options?.map(({ label }) => label),
      [
        'business (disk 5000 MB, traffic unlimited)',
        'starter (disk 1000 MB, traffic unlimited)',
        'unmetered (disk unlimited, traffic unlimited)',
      ],
    );
    fake.packages.clear();
    const [empty] = await cpanel.productConfig({}, context());
    assert.deepEqual(empty?.options, []);
  });

  it('gives a dedicated address only where the product says so', async () => {
    const service = serviceOf();
    const product = { ...service.product, settings: { package: 'starter', dedicatedIp: true } };
    await cpanel.create({ ...service, product }, context());
    assert.equal([...fake.accounts.values()][0]?.dedicatedIp, true);
  });

  /** A context whose call ends soon, while the fake does its work and never answers. */
  function hold(path: RegExp) {
    return () =>
      contextOf(fake, {
        deadlineMs: Date.now() + 1_600,
        wrap: (send) => async (input, init) => {
          if (!path.test(String(input))) return send(input, init);
          const { signal, ...rest } = init ?? {};
          await send(input, rest);
          return new Promise((_resolve, reject) => {
            const end = () => reject(signal?.reason);
            if (signal?.aborted === true) end();
            signal?.addEventListener('abort', end);
          });
        },
      });
  }
});
