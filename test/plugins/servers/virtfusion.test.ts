import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { Json, Service } from 'cofferdam/sdk';

import { claimServer } from '../../contract/server.ts';
import { failureOf, settle } from '../../contract/subject.ts';
import type { TestContext } from '../../helpers/context.ts';
import { startFakeVirtFusion } from '../../vendors/virtfusion/fake.ts';
import type { FakeVirtFusion } from '../../vendors/virtfusion/fake.ts';
import {
  contextOf,
  extension,
  serviceOf,
  SETTINGS,
  virtfusion,
} from '../../vendors/virtfusion/setup.ts';

claimServer(virtfusion);

describe('virtfusion', { timeout: 60_000 }, () => {
  let fake: FakeVirtFusion;
  let storage: Map<string, Json>;
  beforeEach(async () => {
    fake = await startFakeVirtFusion();
    storage = new Map();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = (): TestContext<any> => contextOf(fake, { storage });
  const reconcile = (service: Service) =>
    extension.reconcile({ operation: 'create', service }, context());
  const create = async (service = serviceOf()) => {
    const first = await extension.create(service, context());
    const subject = { context, finishWork: () => fake.finishQueue() };
    return settle(virtfusion, subject as Parameters<typeof settle>[1], {
      operation: 'create',
      service,
      first,
    });
  };
  const only = () => {
    const [server, ...others] = [...fake.servers.values()];
    assert.ok(server);
    assert.deepEqual(others, []);
    return server;
  };
  const sent = (pattern: RegExp) =>
    fake.requests.filter(({ method, path }) => pattern.test(`${method} ${path}`));

  it('puts the chosen system on the server before it calls it done', async () => {
    fake.queueLooks = 2;
    const service = serviceOf();
    const first = await extension.create(service, context());
    assert.equal(first.status, 'pending');
    assert.equal(only().built, null);
    const told = { ...service, properties: first.properties ?? {} };
    assert.equal((await reconcile(told)).status, 'pending');
    assert.equal((await reconcile(told)).status, 'pending');
    const last = await reconcile(told);
    assert.ok(last.status === 'done');
    assert.deepEqual(last.oneTime, { rootPassword: only().password });
    assert.equal(sent(/POST .*\/build$/).length, 1);
    const { operatingSystemId, name, hostname, email } = sent(/POST .*\/build$/)[0]?.json ?? {};
    assert.deepEqual([operatingSystemId, hostname, email], [31, 'web1.example.com', false]);
    assert.match(name, /^web1\.example\.com cofferdam-[0-9a-f]{16}$/);
  });

  it('orders the build again only when the first order was not taken', async () => {
    const service = serviceOf();
    const first = await extension.create(service, context());
    const told = { ...service, properties: first.properties ?? {} };
    fake.answerNext(/\/build$/, { status: 503, json: { message: 'Busy' } });
    await failureOf(reconcile(told), 'unavailable');
    fake.loseReply(/\/build$/);
    await failureOf(reconcile(told), ['unavailable', 'timeout']);
    fake.finishQueue();
    assert.equal((await reconcile(told)).status, 'done');
    assert.equal(sent(/\/build$/).length, 2);
  });

  it('waits for a build that VirtFusion has taken but not begun', async () => {
    const service = serviceOf();
    const first = await extension.create(service, context());
    const told = { ...service, properties: first.properties ?? {} };
    fake.answerNext(/\/build$/, { status: 200, json: { data: {} } });
    assert.equal((await reconcile(told)).status, 'pending');
    assert.equal((await reconcile(told)).status, 'pending');
    assert.equal(sent(/\/build$/).length, 1);
  });

  it('waits while VirtFusion works on the server', async () => {
    const { service } = await create();
    fake.queueLooks = 3;
    await extension.actions['rebuild']?.run({ subject: service, values: { os: 32 } }, context());
    assert.equal((await reconcile(service)).status, 'pending');
    fake.finishQueue();
    assert.equal((await reconcile(service)).status, 'done');
  });

  it('reports a build that failed', async () => {
    fake.isBuildFailing = true;
    const service = serviceOf();
    const first = await extension.create(service, context());
    const told = { ...service, properties: first.properties ?? {} };
    await reconcile(told);
    fake.finishQueue();
    const { message, remedy } = await failureOf(reconcile(told), 'rejected');
    assert.match(message, new RegExp(`could not build server ${only().id}`));
    assert.match(remedy ?? '', /queue/);
  });

  it('tells the password again when nobody can have heard it', async () => {
    const service = serviceOf();
    const first = await extension.create(service, context());
    const told = { ...service, properties: first.properties ?? {} };
    await reconcile(told);
    fake.finishQueue();
    fake.loseReply(/resetPassword/);
    await failureOf(reconcile(told), ['unavailable', 'timeout']);
    const last = await reconcile(told);
    assert.ok(last.status === 'done');
    assert.deepEqual(last.oneTime, { rootPassword: only().password });
    const again = await create();
    assert.deepEqual([again.oneTime, sent(/resetPassword/).length], [{}, 2]);
  });

  it('asks for the password of the user that the system has', async () => {
    const settings = { ...SETTINGS, osIds: 41 };
    const { oneTime } = await create({ ...serviceOf('s-1', settings), checkout: {} });
    assert.equal(oneTime['rootPassword'], only().password);
    assert.equal(sent(/resetPassword/)[0]?.json.user, 'Administrator');
  });

  it('leaves the password to VirtFusion’s mail where the product says so', async () => {
    const { oneTime } = await create(serviceOf('s-1', { ...SETTINGS, sendMail: true }));
    assert.deepEqual(oneTime, { panelPassword: 'made-by-vf-8Xq2' });
    assert.deepEqual([only().mails, sent(/resetPassword/).length], [1, 0]);
  });

  it('adds the customer’s key once', async () => {
    const sshKey = 'ssh-ed25519 AAAAC3Nz ada@home';
    const withKey = (id: string) => {
      const service = serviceOf(id);
      return { ...service, checkout: { ...service.checkout, sshKey } };
    };
    await create(withKey('s-1'));
    await create(withKey('s-2'));
    const [key, ...more] = fake.keys;
    assert.deepEqual([key?.publicKey, more], [sshKey, []]);
    for (const server of fake.servers.values()) assert.deepEqual(server.sshKeys, [key?.id]);
  });

  it('keeps a server whose name the customer changed', async () => {
    const { service } = await create();
    const other = await create(serviceOf('s-2'));
    const [mine, theirs] = [...fake.servers.values()];
    assert.ok(mine && theirs);
    mine.name = theirs.name;
    await extension.suspend({ ...service, properties: {} }, context());
    assert.deepEqual([mine.suspended, theirs.suspended], [true, false]);
    await extension.suspend(other.service, context());
    assert.equal(theirs.suspended, true);
  });

  it('knows the server by its order when the panel forgot it before it was built', async () => {
    const first = await extension.create(serviceOf(), context());
    assert.ok(first.status === 'pending');
    fake.addServer({ ownerId: only().ownerId });
    const again = await extension.create(serviceOf(), context());
    assert.equal(again.status !== 'failed' && again.remoteId, first.remoteId);
  });

  it('knows the server by its mark when the storage is lost, and leaves its password', async () => {
    await create();
    const before = only().password;
    storage.clear();
    const { result, oneTime } = await create();
    assert.deepEqual([result.status, oneTime, only().password], ['done', {}, before]);
  });

  it('touches no server that somebody else has under the stored id', async () => {
    const stranger = fake.addServer({ ownerId: fake.addUser({ email: 'eve@example.net' }).id });
    const mistaken = { ...serviceOf(), properties: { serverId: stranger.id } };
    await failureOf(extension.suspend(mistaken, context()), 'not_found');
    assert.equal((await extension.terminate(mistaken, context())).status, 'done');
    await create();
    const [, mine] = [...fake.servers.values()];
    assert.ok(mine);
    const second = { ...serviceOf('s-2'), properties: { serverId: mine.id } };
    assert.equal((await extension.terminate(second, context())).status, 'done');
    assert.deepEqual([...fake.servers.values()], [stranger, mine]);
  });

  it('finds the server of a lost reply among others of the customer, or asks', async () => {
    const { id: ownerId } = fake.addUser({ email: 'ada@example.com', extRelationId: 7 });
    const before = fake.addServer({ ownerId });
    fake.loseReply(/POST .*\/servers$/);
    await failureOf(extension.create(serviceOf(), context()), ['unavailable', 'timeout']);
    const ordered = [...fake.servers.values()][1];
    const later = fake.addServer({ ownerId });
    const { message } = await failureOf(extension.create(serviceOf(), context()), 'conflict');
    assert.match(message, new RegExp(`Servers ${ordered?.id}, ${later.id} could each be`));
    later.built = '2026-11-25T11:00:00Z';
    const { result } = await create();
    assert.equal(result.status !== 'failed' && result.remoteId, String(ordered?.id));
    assert.deepEqual([before.built, before.name], [null, '']);
  });

  it('forgets an order that was refused, and passes on why', async () => {
    fake.freeIpv4 = 0;
    const { message } = await failureOf(extension.create(serviceOf(), context()), 'capacity');
    assert.match(message, /422: There are not enough IPv4 addresses available\./);
    assert.deepEqual([...storage], []);
  });

  it('tries the order before the sale without making anything', async () => {
    const { product, checkout, user } = serviceOf();
    const ask = (settings = SETTINGS, customer = user) =>
      extension.validate(
        { product: { ...product, settings }, checkout, user: customer },
        context(),
      );
    fake.freeIpv4 = 0;
    assert.deepEqual(await ask(), []);
    fake.addUser({ email: 'ada@example.com', extRelationId: 7 });
    const [problem] = await ask();
    assert.equal(problem?.field, 'groupId');
    assert.match(problem.message, /not enough IPv4/);
    fake.freeIpv4 = 5;
    assert.deepEqual(await ask(), []);
    assert.deepEqual(
      await Promise.all([
        ask({ ...SETTINGS, packageId: 3 }).then(([each]) => each?.field),
        ask({ ...SETTINGS, groupId: 2 }).then(([each]) => each?.field),
        ask({ ...SETTINGS, osIds: [31, 99] }).then((all) => all.length),
      ]),
      ['packageId', 'groupId', 0],
    );
    const trials = sent(/POST .*\/servers$/);
    assert.ok(trials.length > 0);
    assert.ok(trials.every(({ query }) => query.get('dryRun') === 'true'));
    assert.deepEqual([fake.servers.size, storage.size], [0, 0]);
  });

  it('logs in to the server itself, and nowhere but at the control server', async () => {
    const { service } = await create();
    const { url, expiresAt } = await extension.getLoginUrl(service, context());
    assert.equal(url, 'https://cp.example.com/login/token/abc/def?server=1');
    assert.equal(expiresAt, '2026-11-25T12:01:00Z');
    assert.equal(sent(new RegExp(`/users/7/serverAuthenticationTokens/${only().id}$`)).length, 1);
    fake.loginEndpoint = 'https://cp.example.com/login';
    const whole = await extension.getLoginUrl(service, context());
    assert.equal(whole.url, 'https://cp.example.com/login');
    for (const elsewhere of [
      'https://evil.example.net/login',
      '//evil.example.net/',
      'http://cp.example.com/login',
      'javascript:alert(1)',
    ]) {
      fake.loginEndpoint = elsewhere;
      await failureOf(extension.getLoginUrl(service, context()), 'invalid_response');
    }
  });

  it('takes over the whole package, and shrinks no disk', async () => {
    const { service } = await create();
    const change = (packageId: number) =>
      extension.changePackage(
        {
          ...service,
          product: { ...service.product, settings: { ...SETTINGS, packageId } },
          previousProduct: service.product,
        },
        context(),
      );
    await change(2);
    const [order] = sent(/PUT/);
    assert.ok(Object.values(order?.json).every((value) => value === true));
    assert.equal(Object.keys(order?.json).length, 11);
    const { message } = await failureOf(change(1), 'invalid_input');
    assert.match(message, /cannot shrink from 80 to 20 GB/);
    await failureOf(change(77), 'invalid_input');
    assert.deepEqual([only().packageId, sent(/PUT/).length], [2, 1]);
  });

  it('changes the password, but takes none', async () => {
    const { service } = await create();
    const result = await extension.changePassword({ service }, context());
    assert.ok(result.status === 'done');
    assert.deepEqual(result.oneTime, { rootPassword: only().password });
    const given = extension.changePassword({ service, password: 'hunter22' }, context());
    await failureOf(given, 'unsupported');
  });

  it('removes at once, waits for the queue, and leaves protected servers', async () => {
    const { service } = await create();
    only().protected = true;
    const { remedy } = await failureOf(extension.terminate(service, context()), 'conflict');
    assert.match(remedy ?? '', /protection/);
    only().protected = false;
    fake.queueLooks = 3;
    assert.equal((await extension.terminate(service, context())).status, 'pending');
    const ask = () => extension.reconcile({ operation: 'terminate', service }, context());
    assert.equal((await ask()).status, 'pending');
    assert.deepEqual(await ask(), { status: 'done', properties: { serverId: null } });
    const [removal, ...more] = sent(/DELETE/);
    assert.deepEqual([removal?.query.get('delay'), more, storage.size], ['0', [], 0]);
  });

  it('asks to try again while VirtFusion works on the server', async () => {
    const { service } = await create();
    fake.answerNext(/suspend$/, { status: 423, json: { message: 'The server is locked.' } });
    const { retriable } = await failureOf(extension.suspend(service, context()), 'locked');
    assert.equal(retriable, true);
  });

  it('measures the traffic of the month that runs', async () => {
    const { service } = await create();
    assert.deepEqual(await extension.usage(service, context()), [
      { name: 'traffic', used: 1_610_612_736, limit: 10_737_418_240, unit: 'bytes' },
      { name: 'received', used: 1_073_741_824, limit: null, unit: 'bytes' },
      { name: 'sent', used: 536_870_912, limit: null, unit: 'bytes' },
    ]);
  });

  it('shows the customer the server and no secret', async () => {
    const { service } = await create();
    const { name, ...rest } = await extension.info(service, context());
    assert.match(String(name), /^web1\.example\.com cofferdam-/);
    assert.deepEqual(rest, {
      serverId: only().id,
      hostname: 'web1.example.com',
      state: 'running',
      suspended: false,
      addresses: ['192.0.2.15', '2001:db8:7::/64'],
    });
  });

  it('offers what is on sale, from every page', async () => {
    const fields = await extension.productConfig({ packageId: 2 }, context());
    const valuesOf = (name: string) =>
      fields.find((field) => field.name === name)?.options?.map(({ value }) => value) ?? [];
    assert.deepEqual(
      [valuesOf('packageId'), valuesOf('osIds')],
      [
        [1, 2],
        [31, 32, 41],
      ],
    );
    assert.equal(valuesOf('groupId').length, 229);
    assert.equal(valuesOf('groupId').includes(2), false);
    const templates = sent(/fromServerPackageSpec/);
    assert.match(templates[0]?.path ?? '', /\/2$/);
  });

  it('offers a customer only systems of the product that the package still has', async () => {
    const { product } = serviceOf('s-1', { ...SETTINGS, osIds: [32, 99] });
    const fields = await extension.checkoutConfig({ product, values: {} }, context());
    assert.deepEqual(fields.find(({ name }) => name === 'os')?.options, [
      { value: 32, label: 'Ubuntu 26.04' },
    ]);
  });

  it('switches, reinstalls and opens a console, unless the server is suspended', async () => {
    const { service } = await create();
    const run = (name: string, values = {}) => {
      const action = extension.actions[name];
      assert.ok(action, name);
      return action.run({ subject: service, values }, context());
    };
    await run('poweroff');
    assert.equal(only().state, 'stopped');
    await run('start');
    assert.equal(only().state, 'running');
    const { oneTime } = await run('vnc');
    assert.deepEqual(oneTime, { host: '192.0.2.9', port: 5901, password: 'vncpw' });
    await failureOf(run('rebuild', { os: 41 }), 'invalid_input');
    await run('rebuild', { os: 32 });
    fake.finishQueue();
    assert.deepEqual([only().osId, only().mails], [32, 1]);
    await extension.suspend(service, context());
    for (const name of ['start', 'vnc', 'rebuild'])
      await failureOf(run(name, { os: 31 }), 'forbidden');
  });
});
