import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { ServerResult } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/directadmin/extension.ts';
import { accountName } from 'cofferdam/sdk';
import { claimServer } from '../../contract/server.ts';
import { failureOf } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import { startFakeDirectAdmin, USERNAME } from '../../vendors/directadmin/fake.ts';
import type { FakeDirectAdmin } from '../../vendors/directadmin/fake.ts';
import {
  contextOf,
  credentialsOf,
  DIRECTADMIN,
  serviceOf,
} from '../../vendors/directadmin/setup.ts';

claimServer(DIRECTADMIN);

const directadmin = handlersOf(definition);

describe('directadmin', { timeout: 60_000 }, () => {
  let fake: FakeDirectAdmin;
  beforeEach(async () => {
    fake = await startFakeDirectAdmin();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = () => contextOf(fake);
  const created = async (id = '1') => {
    const service = serviceOf(id);
    const result = await directadmin.create(service, context());
    assert.equal(result.status, 'done');
    return { result, service: { ...service, properties: { ...result.properties } } };
  };
  const orders = () => fake.requests.filter(({ method }) => method === 'POST');
  const passwordOf = (result: ServerResult) =>
    result.status === 'failed' ? undefined : result.oneTime?.['password'];

  it('asks who it is, and refuses to work as a mere user', async () => {
    const { ok, message } = await directadmin.testConnection(context());
    assert.deepEqual([ok, message], [true, 'DirectAdmin answers to the reseller "panel"']);
    fake.role = 'user';
    assert.equal((await directadmin.testConnection(context())).ok, false);
    fake.role = 'admin';
    fake.userPackages.length = 0;
    const none = await directadmin.testConnection(context());
    assert.match(none.message ?? '', /no user packages/);
  });

  it('asks by GET and changes by POST, with everything in the body', async () => {
    const { service, result } = await created();
    await directadmin.changePassword({ service }, context());
    await directadmin.suspend(service, context());
    await directadmin.unsuspend(service, context());
    await directadmin.getLoginUrl(service, context());
    await directadmin.terminate(service, context());
    assert.deepEqual(
      orders().map(({ path }) => path),
      [
        '/CMD_API_ACCOUNT_USER',
        '/CMD_API_USER_PASSWD',
        '/CMD_API_SELECT_USERS',
        '/CMD_API_SELECT_USERS',
        '/api/login-keys/urls',
        '/CMD_API_SELECT_USERS',
      ],
    );
    const password = String(passwordOf(result));
    for (const { query, path, body, headers } of orders()) {
      assert.equal(query.size, 0);
      const type = path.startsWith('/api/')
        ? 'application/json'
        : 'application/x-www-form-urlencoded';
      assert.equal(headers['content-type'], type);
      assert.equal(body.includes(password), path === '/CMD_API_ACCOUNT_USER');
    }
  });

  it('makes the user with the password it tells, and mails it to nobody', async () => {
    const { result } = await created();
    const form = new URLSearchParams(orders()[0]?.body);
    const user = fake.users.get(String(result.remoteId));
    assert.deepEqual([user?.password, form.get('notify')], [passwordOf(result), 'no']);
    const made = new Set<unknown>([passwordOf(result)]);
    for (let index = 0; index < 50; index += 1) {
      const { service } = { service: serviceOf('1', { properties: { ...result.properties } }) };
      made.add(passwordOf(await directadmin.changePassword({ service }, context())));
    }
    assert.equal(made.size, 51);
    // Earlier ports shuffled an alphabet: no character could come twice.
    const repeats = [...made].filter((each) => new Set(String(each)).size < String(each).length);
    assert.ok(repeats.length > 25, `${repeats.length} of 51 repeat a character`);
    for (const password of made) assert.match(String(password), /^[A-HJ-NP-Za-km-z2-9]{20}$/);
  });

  it('logs the user in by a link made as that user, with no password of theirs', async () => {
    const { service, result } = await created();
    const before = Date.now();
    const { url, expiresAt = '' } = await directadmin.getLoginUrl(service, context());
    assert.match(url, /^https:\/\/da\.example\.com:2222\/api\/login\/url\?key=/);
    const [last] = orders().slice(-1);
    assert.deepEqual(credentialsOf(last?.headers ?? {})[0], `${USERNAME}|${result.remoteId}`);
    assert.deepEqual(last?.json, { allowNetworks: [], expires: expiresAt });
    const lastsMs = Date.parse(expiresAt) - before;
    assert.ok(lastsMs >= 300_000 && lastsMs < 310_000, expiresAt);
    assert.deepEqual(Object.keys(service.properties), ['username', 'domain']);
  });

  it('keeps a login link on the host of the config, by https', async () => {
    const { service } = await created();
    fake.linkOrigin = 'https://elsewhere.example.org:8443';
    const { url } = await directadmin.getLoginUrl(service, context());
    assert.equal(new URL(url).host, 'da.example.com:2222');
    for (const origin of ['http://da.example.com:2222', 'javascript:alert(1)//', 'nothing']) {
      fake.linkOrigin = origin;
      await failureOf(directadmin.getLoginUrl(service, context()), 'invalid_response');
    }
  });

  it('never toggles a suspension: it says which of the two is meant', async () => {
    const { service, result } = await created();
    const user = fake.users.get(String(result.remoteId));
    assert.ok(user);
    // Somebody suspends between the look and the order: a toggle would activate.
    fake.beforeNext(/POST \/CMD_API_SELECT_USERS/, () => void (user.suspended = true));
    await directadmin.suspend(service, context());
    assert.equal(user.suspended, true);
    fake.beforeNext(/POST \/CMD_API_SELECT_USERS/, () => void (user.suspended = false));
    await directadmin.unsuspend(service, context());
    assert.equal(user.suspended, false);
    const before = orders().length;
    await directadmin.unsuspend(service, context());
    assert.equal(orders().length, before);
  });

  it('offers user packages only: one for resellers cannot be given to a user', async () => {
    const fields = await directadmin.productConfig({}, context());
    assert.deepEqual(
      fields.map(({ name, options }) => [name, options?.map(({ value }) => value)]),
      [
        ['package', ['large', 'small']],
        ['ip', ['192.0.2.10', '192.0.2.11']],
      ],
    );
    assert.ok(fields.every(({ required }) => required === true));
  });

  it('validates package, address and domain against the server', async () => {
    const { checkout, product } = serviceOf();
    fake.add({ username: 'bob', domains: ['bob.example.org', 's1.example.com'] });
    const settings = { package: 'reseller-gold', ip: '203.0.113.9' };
    const problems = await directadmin.validate(
      { product: { ...product, settings }, checkout },
      context(),
    );
    assert.deepEqual(
      problems.map(({ field }) => field),
      ['package', 'ip', 'domain'],
    );
  });

  it('takes a domain for taken only when it is exactly that one', async () => {
    fake.add({ username: 'bob', domain: 'shop-s1.example.com' });
    fake.add({ username: 'eve', domain: 's1.example.com.au' });
    const { checkout, product } = serviceOf();
    assert.deepEqual(await directadmin.validate({ product, checkout }, context()), []);
    assert.equal((await directadmin.create(serviceOf(), context())).status, 'done');
    fake.add({ username: 'mal', domain: 's2.example.com' });
    const taken = await failureOf(directadmin.create(serviceOf('2'), context()), 'conflict');
    assert.match(taken.message, /under "mal"/);
  });

  it('refuses an order without a domain, a package or an address before it sends anything', async () => {
    const service = serviceOf();
    for (const settings of [{ ip: '192.0.2.10' }, { package: 'small' }, { package: '', ip: 'x' }]) {
      const product = { ...service.product, settings };
      await failureOf(directadmin.create({ ...service, product }, context()), 'invalid_input');
    }
    const { message } = await failureOf(
      directadmin.create({ ...service, checkout: { domain: 'www.example.com' } }, context()),
      'invalid_input',
    );
    assert.match(message, /"domain" must be the name without "www\."/);
    assert.deepEqual(fake.requests, []);
  });

  it('changes the package by CMD_API_MODIFY_USER, and only when it is another', async () => {
    const { service } = await created();
    const large = { ...service.product, settings: { package: 'large', ip: '192.0.2.10' } };
    const change = { ...service, product: large, previousProduct: service.product };
    await directadmin.changePackage(change, context());
    const [last] = orders().slice(-1);
    assert.deepEqual(Object.fromEntries(new URLSearchParams(last?.body)), {
      json: 'yes',
      action: 'package',
      user: service.properties['username'],
      package: 'large',
    });
    const before = orders().length;
    await directadmin.changePackage(change, context());
    assert.equal(orders().length, before);
    const gone = { ...large, settings: { package: 'retired', ip: '192.0.2.10' } };
    await failureOf(
      directadmin.changePackage({ ...change, product: gone }, context()),
      'invalid_input',
    );
  });

  it('sets a new password when the first one was lost with the reply', async () => {
    fake.loseReply(/CMD_API_ACCOUNT_USER/);
    await failureOf(directadmin.create(serviceOf(), context()), 'unavailable');
    const result = await directadmin.create(serviceOf(), context());
    assert.equal(passwordOf(result), [...fake.users.values()][0]?.password);
    assert.equal(fake.users.size, 1);
  });

  it('leaves the password of an older user alone, and of one whose age is unknown', async () => {
    const username = await accountName('1');
    for (const dateCreated of ['Thu Apr 1 12:00:00 2021', 'who knows', '']) {
      fake.add({ username, domain: 's1.example.com', password: 'kept', dateCreated });
      const result = await directadmin.create(serviceOf(), context());
      assert.deepEqual([result.status, passwordOf(result)], ['done', undefined]);
      assert.equal(fake.users.get(username)?.password, 'kept');
    }
    const { service } = await created('2');
    assert.equal(passwordOf(await directadmin.create(service, context())), undefined);
  });

  it('never touches somebody else: another domain, a reseller, an admin', async () => {
    fake.add({ username: 'bob', domain: 'bob.example.org' });
    fake.add({ username: 'rita', userType: 'reseller', domain: 'rita.example.org' });
    fake.add({ username: 'adam', userType: 'admin', domain: 'adam.example.org' });
    const wrong = [
      { username: 'bob', domain: 'old.example.org' },
      { username: 'rita', domain: 'rita.example.org' },
      { username: 'adam', domain: 'adam.example.org' },
    ];
    for (const properties of wrong) {
      const service = serviceOf('9', { properties });
      for (const operation of ['suspend', 'terminate', 'getLoginUrl'] as const)
        await failureOf(directadmin[operation](service, context()), 'conflict');
    }
    assert.deepEqual([fake.users.size, orders()], [3, []]);
    const linked = serviceOf('9', { properties: { username: 'bob', domain: 'bob.example.org' } });
    assert.equal((await directadmin.suspend(linked, context())).status, 'done');
  });

  it('follows a user whose first domain was changed', async () => {
    const { service, result } = await created();
    const user = fake.users.get(String(result.remoteId));
    assert.ok(user);
    Object.assign(user, { domain: 'new.example.com', domains: ['new.example.com'] });
    assert.equal((await directadmin.suspend(service, context())).status, 'done');
    assert.equal((await directadmin.terminate(service, context())).status, 'done');
    assert.equal(fake.users.size, 0);
  });

  it('counts a user who went away during the deletion as terminated', async () => {
    const { service } = await created();
    fake.beforeNext(/POST \/CMD_API_SELECT_USERS/, () => fake.users.clear());
    assert.equal((await directadmin.terminate(service, context())).status, 'done');
  });

  it('measures against limits, and leaves out what the package does not have', async () => {
    const { service } = await created();
    assert.deepEqual(await directadmin.usage(service, context()), [
      { name: 'disk', used: 14 * 2 ** 20, limit: 1_000 * 2 ** 20, unit: 'bytes' },
      { name: 'traffic', used: 1_234_567, limit: null, unit: 'bytes' },
      { name: 'files', used: 120, limit: null, unit: 'count' },
      { name: 'domains', used: 1, limit: 1, unit: 'count' },
      { name: 'mailboxes', used: 1, limit: 50, unit: 'count' },
    ]);
  });

  it('lists users, not resellers, and drops one who went away meanwhile', async () => {
    await created();
    fake.add({ username: 'rita', userType: 'reseller' });
    fake.add({ username: 'gone' });
    fake.beforeNext(/users\/gone\/config/, () => fake.users.delete('gone'));
    const list = await directadmin.list({}, context());
    assert.deepEqual(
      list.map(({ name, email, status }) => [name, email, status]),
      [['s1.example.com', 'ada@example.com', 'active']],
    );
  });

  it('lists more users than one call may ask about, the last by name only', async () => {
    for (let index = 0; index < 905; index += 1) fake.add({ username: `other${index}` });
    const ctx = context();
    const list = await directadmin.list({}, ctx);
    assert.deepEqual(
      [list.length, list.filter(({ status }) => status === 'unknown').length],
      [905, 5],
    );
    assert.match(ctx.logs[0]?.message ?? '', /905 users/);
    assert.ok(fake.requests.length < 1_000);
  });

  it('takes no password that DirectAdmin cannot keep', async () => {
    const { service, result } = await created();
    for (const password of ['short', 'p'.repeat(65), 'pässwörter', 'tab\tinside', 'alllowercase'])
      await failureOf(
        directadmin.changePassword({ service, password }, context()),
        'invalid_input',
      );
    await directadmin.changePassword({ service, password: 'Correct-Horse-1' }, context());
    assert.equal(fake.users.get(String(result.remoteId))?.password, 'Correct-Horse-1');
  });
});
