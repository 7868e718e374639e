import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { Json, Service } from 'cofferdam/sdk';

import { claimServer } from '../../contract/server.ts';
import { failureOf, settle } from '../../contract/subject.ts';
import type { TestContext } from '../../helpers/context.ts';
import { startFakeVirtualizor } from '../../vendors/virtualizor/fake.ts';
import type { FakeVirtualizor } from '../../vendors/virtualizor/fake.ts';
import {
  contextOf,
  extension,
  HOST,
  serviceOf,
  SETTINGS,
  virtualizor,
} from '../../vendors/virtualizor/setup.ts';

claimServer(virtualizor);

describe('virtualizor', { timeout: 60_000 }, () => {
  let fake: FakeVirtualizor;
  let storage: Map<string, Json>;
  beforeEach(async () => {
    fake = await startFakeVirtualizor();
    storage = new Map();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const context = (): TestContext<any> => contextOf(fake, { storage });
  const create = async (service = serviceOf()) => {
    const first = await extension.create(service, context());
    const subject = { context, finishWork: () => fake.finishTasks() };
    return settle(virtualizor, subject as Parameters<typeof settle>[1], {
      operation: 'create',
      service,
      first,
    });
  };
  const only = () => {
    const [vps, ...others] = [...fake.vpses.values()];
    assert.ok(vps);
    assert.deepEqual(others, []);
    return vps;
  };
  const sent = (act: string): URLSearchParams[] =>
    fake.requests
      .filter(({ query }) => query.get('act') === act)
      .map(({ body }) => new URLSearchParams(body));

  it('takes the plan of exactly that name, though another begins like it', async () => {
    await create(serviceOf('s-1', { ...SETTINGS, plan: 'KVM Starter' }));
    const { plid, ram, space } = only();
    assert.deepEqual([plid, ram, space], ['3', '1024', '20']);
  });

  it('refuses a plan that is not there, ambiguous, or of another kind', async () => {
    for (const plan of ['KVM Start', 'KVM', '9', 'LXC Starter']) {
      const service = serviceOf('s-1', { ...SETTINGS, plan });
      const { message } = await failureOf(extension.create(service, context()), 'invalid_input');
      assert.match(message, /"plan" names no plan of kind kvm/);
    }
    const [first] = fake.plans;
    assert.ok(first);
    fake.plans.push({ ...first, plid: '70' });
    const twice = serviceOf('s-1', { ...SETTINGS, plan: first.plan_name });
    const { message } = await failureOf(extension.create(twice, context()), 'invalid_input');
    assert.match(message, /names several plans/);
    assert.equal(fake.vpses.size, 0);
  });

  it('answers pending while the build runs, and done when it has ended', async () => {
    fake.taskLooks = 3;
    const service = serviceOf();
    const first = await extension.create(service, context());
    assert.equal(first.status, 'pending');
    const told = { ...service, properties: first.properties ?? {} };
    const again = await extension.create(told, context());
    assert.equal(again.status, 'pending');
    assert.equal(only().notes, null);
    fake.finishTasks();
    const last = await extension.reconcile({ operation: 'create', service: told }, context());
    assert.deepEqual(last, {
      status: 'done',
      remoteId: only().vpsid,
      properties: { vpsid: only().vpsid, passwordTold: null },
    });
    assert.match(only().notes ?? '', /^Service s-1 \(cofferdam-[0-9a-f]{16}\)$/);
    assert.equal(storage.size, 0);
  });

  it('reports a build that failed, with the task to look at', async () => {
    fake.isBuildFailing = true;
    const service = serviceOf();
    const first = await extension.create(service, context());
    fake.finishTasks();
    const told = { ...service, properties: first.properties ?? {} };
    const failure = await failureOf(
      extension.reconcile({ operation: 'create', service: told }, context()),
      'rejected',
    );
    assert.match(failure.message, /could not build server \d+: Could not create the disk/);
    assert.match(failure.remedy ?? '', /task \d+/);
  });

  it('tells a password that works, from the host’s random source', async () => {
    const { oneTime } = await create();
    assert.match(String(oneTime['rootPassword']), /^[A-Za-z2-9]{20}$/);
    assert.equal(only().rootpass, oneTime['rootPassword']);
    assert.match(String(oneTime['panelPassword']), /^[A-Za-z2-9]{20}$/);
    const again = await create(serviceOf('s-2'));
    assert.equal(again.oneTime['panelPassword'], undefined);
    assert.notEqual(again.oneTime['rootPassword'], oneTime['rootPassword']);
  });

  it('gives a new password when the reply that told the first one was lost', async () => {
    fake.loseReply(/act=addvs/);
    await failureOf(extension.create(serviceOf(), context()), ['unavailable', 'timeout']);
    const before = only().rootpass;
    const { oneTime } = await create();
    assert.equal(only().rootpass, oneTime['rootPassword']);
    assert.notEqual(only().rootpass, before);
  });

  it('leaves the password alone when the panel only forgot the server', async () => {
    await create();
    const before = only().rootpass;
    const { oneTime } = await create();
    assert.deepEqual([only().rootpass, oneTime], [before, {}]);
  });

  it('takes no server for its own because of a host name', async () => {
    const uid = fake.addUser('ada@example.com');
    const byHand = fake.addVps({ uid, hostname: 'web1.example.com' });
    await failureOf(extension.suspend(serviceOf(), context()), 'not_found');
    const { result } = await create();
    assert.notEqual(result.status !== 'failed' && result.remoteId, byHand.vpsid);
    await extension.terminate(serviceOf(), context());
    fake.finishTasks();
    assert.deepEqual([...fake.vpses.keys()], [byHand.vpsid]);
    assert.equal(byHand.notes, null);
  });

  it('finds the server of a lost reply beside one by hand of the same name, or asks', async () => {
    const uid = fake.addUser('ada@example.com');
    const byHand = fake.addVps({ uid, hostname: 'web1.example.com' });
    fake.loseReply(/act=addvs/);
    await failureOf(extension.create(serviceOf(), context()), ['unavailable', 'timeout']);
    const { vpsid } = [...fake.vpses.values()][1] ?? {};
    const later = fake.addVps({ uid, hostname: 'web1.example.com' });
    const { message } = await failureOf(extension.create(serviceOf(), context()), 'conflict');
    assert.match(message, new RegExp(`Servers ${vpsid}, ${later.vpsid} could each be`));
    fake.vpses.delete(later.vpsid);
    const { result } = await create();
    assert.equal(result.status !== 'failed' && result.remoteId, vpsid);
    assert.equal(byHand.notes, null);
  });

  it('touches no server that another service or customer has under the stored id', async () => {
    await create(serviceOf('theirs'));
    const theirs = only();
    const mistaken: Service = { ...serviceOf('mine'), properties: { vpsid: theirs.vpsid } };
    await failureOf(extension.suspend(mistaken, context()), 'not_found');
    assert.equal((await extension.terminate(mistaken, context())).status, 'done');
    const stranger = fake.addVps({ uid: fake.addUser('eve@example.net') });
    const other = { ...serviceOf('mine'), properties: { vpsid: stranger.vpsid } };
    assert.equal((await extension.terminate(other, context())).status, 'done');
    assert.deepEqual([...fake.vpses.values()], [theirs, stranger]);
  });

  it('forgets an order that was refused', async () => {
    fake.answerNext(/act=addvs/, { status: 200, json: { title: 'Add', error: ['No room'] } });
    await failureOf(extension.create(serviceOf(), context()), 'rejected');
    assert.deepEqual([...storage], []);
  });

  it('forgets an unanswered order when the service ends', async () => {
    fake.loseReply(/act=addvs/);
    await failureOf(extension.create(serviceOf(), context()), ['unavailable', 'timeout']);
    await extension.terminate(serviceOf(), context());
    fake.finishTasks();
    assert.equal((await extension.terminate(serviceOf(), context())).status, 'done');
    assert.deepEqual([fake.vpses.size, storage.size], [0, 0]);
  });

  it('uses the customer that another call made meanwhile', async () => {
    fake.beforeNext(/act=adduser/, () => void fake.addUser('ada@example.com'));
    await create();
    assert.equal(fake.users.size, 1);
  });

  it('gives no server to an account that is more than a customer', async () => {
    fake.addUser('ada@example.com', '1');
    const { remedy } = await failureOf(extension.create(serviceOf(), context()), 'conflict');
    assert.match(remedy ?? '', /another e-mail address/);
    assert.equal(fake.vpses.size, 0);
  });

  it('orders what the plan says and nothing that the customer says', async () => {
    const greedy = { ...serviceOf(), checkout: { ...virtualizor.greedyCheckout, os: '1002' } };
    await create(greedy);
    const [order] = sent('addvs');
    assert.ok(order);
    const { rootpass: _secret, uid: _uid, hostname = '', ...rest } = Object.fromEntries(order);
    assert.match(hostname, /^vps-[0-9a-f]{16}$/);
    assert.deepEqual(rest, {
      addvps: '1',
      node_select: '1',
      virt: 'kvm',
      osid: '1002',
      plid: '3',
      space: '20',
      ram: '1024',
      swapram: '512',
      bandwidth: '1000',
      network_speed: '0',
      cpu: '1024',
      cores: '1',
      cpu_percent: '0',
      num_ips: '1',
      num_ips6: '0',
      num_ips6_subnet: '0',
      vnc: '1',
      osreinstall_limit: '0',
      kvm_cache: '0',
      io_mode: '0',
      vnc_keymap: 'en-us',
      nic_type: 'virtio',
    });
  });

  it('refuses to shrink a disk or to change the kind', async () => {
    const { service } = await create(serviceOf('s-1', { ...SETTINGS, plan: '4' }));
    const change = (settings: Service['product']['settings']) =>
      extension.changePackage(
        {
          ...service,
          product: { ...service.product, settings },
          previousProduct: service.product,
        },
        context(),
      );
    const { message } = await failureOf(change({ ...SETTINGS, plan: '3' }), 'invalid_input');
    assert.match(message, /cannot shrink from 160 to 20 GiB/);
    await failureOf(change({ virt: 'lxc', plan: '9', osIds: ['2001'] }), 'invalid_input');
    assert.equal(only().plid, '4');
  });

  it('changes the root password', async () => {
    const { service } = await create();
    const result = await extension.changePassword({ service }, context());
    assert.ok(result.status === 'done');
    assert.equal(result.oneTime?.['rootPassword'], only().rootpass);
  });

  it('makes a login link, and none out of parts that could lead elsewhere', async () => {
    const { service } = await create();
    const { url } = await extension.getLoginUrl(service, context());
    const { vpsid } = only();
    assert.equal(
      url,
      `https://${HOST}:4083/sessvkD9MBpOg0aFkHfD/?as=efgBrcHtvyVEGcvaeI9q2A9X4kaOAU18&svs=${vpsid}`,
    );
    for (const token_key of ['../evil', '/evil.example', '', null]) {
      fake.answerNext(/act=sso/, { status: 200, json: { token_key, sid: 'abcdef' } });
      await failureOf(extension.getLoginUrl(service, context()), 'invalid_response');
    }
  });

  it('measures in bytes, and calls a limit of zero no limit', async () => {
    const { service } = await create();
    assert.deepEqual(await extension.usage(service, context()), [
      { name: 'cpu', used: 12.5, limit: 100, unit: 'percent' },
      { name: 'memory', used: 256 * 2 ** 20, limit: 1024 * 2 ** 20, unit: 'bytes' },
      { name: 'disk', used: 2.5 * 2 ** 30, limit: 20 * 2 ** 30, unit: 'bytes' },
      { name: 'traffic', used: 1.5 * 2 ** 30, limit: null, unit: 'bytes' },
    ]);
  });

  it('lists whose service a server is, and keeps what people wrote into its notes', async () => {
    const first = await extension.create(serviceOf(), context());
    only().notes = 'VIP, ask Grace';
    fake.finishTasks();
    const service = { ...serviceOf(), properties: first.properties ?? {} };
    await extension.reconcile({ operation: 'create', service }, context());
    assert.match(only().notes ?? '', /^VIP, ask Grace\nService s-1 \(cofferdam-[0-9a-f]{16}\)$/);
    const [found] = await extension.list({}, context());
    assert.deepEqual(found, {
      remoteId: only().vpsid,
      name: 'web1.example.com',
      status: 'active',
      serviceId: 's-1',
      email: 'ada@example.com',
      properties: { vpsid: only().vpsid },
    });
  });

  it('shows the customer the server and no secret', async () => {
    const { service } = await create();
    assert.deepEqual(await extension.info(service, context()), {
      vpsid: only().vpsid,
      hostname: 'web1.example.com',
      virtualization: 'kvm',
      system: 'debian-13-x86_64',
      suspended: false,
      running: true,
      addresses: ['192.0.2.44'],
    });
  });

  it('offers plans and systems of the kind that is chosen', async () => {
    const fields = await extension.productConfig({ virt: 'lxc' }, context());
    const optionsOf = (name: string) =>
      fields.find((field) => field.name === name)?.options?.map(({ value }) => value);
    assert.deepEqual(optionsOf('virt'), ['kvm', 'lxc']);
    assert.deepEqual([optionsOf('plan'), optionsOf('osIds')], [['9'], ['2001']]);
    assert.equal(fields.find(({ name }) => name === 'virt')?.live, true);
  });

  it('offers a customer only systems of the product that the master still has', async () => {
    const settings = { ...SETTINGS, osIds: ['1002', '1999', '2001'] };
    const { product } = serviceOf('s-1', settings);
    const fields = await extension.checkoutConfig({ product, values: {} }, context());
    assert.deepEqual(fields.find(({ name }) => name === 'os')?.options, [
      { value: '1002', label: 'ubuntu-26.04-x86_64' },
    ]);
  });

  it('says before the sale what create would refuse', async () => {
    const problemsOf = async (settings: Service['product']['settings'], checkout = {}) => {
      const { product } = serviceOf('s-1', settings);
      const problems = await extension.validate({ product, checkout }, context());
      return problems.map(({ field }) => field);
    };
    assert.deepEqual(await problemsOf(SETTINGS), ['os']);
    assert.deepEqual(await problemsOf(SETTINGS, { os: '2001' }), ['os']);
    assert.deepEqual(await problemsOf({ ...SETTINGS, osIds: '1999' }), ['os']);
    assert.deepEqual(await problemsOf({ ...SETTINGS, plan: '99' }, { os: '1001' }), ['plan']);
    assert.deepEqual(await problemsOf({ ...SETTINGS, osIds: 1001 }), []);
    const service = serviceOf('s-1', { virt: 'kvm', osIds: ['1001'] });
    const { message } = await failureOf(extension.create(service, context()), 'invalid_input');
    assert.match(message, /"plan"/);
  });

  it('starts, stops, reinstalls and opens a console', async () => {
    const { service } = await create();
    const run = (name: string, values = {}) => {
      const action = extension.actions[name];
      assert.ok(action, name);
      return action.run({ subject: service, values }, context());
    };
    await run('poweroff');
    assert.equal(only().running, false);
    await run('start');
    assert.equal(only().running, true);
    const { oneTime } = await run('rebuild', { os: '1002' });
    assert.deepEqual([only().osid, only().rootpass], ['1002', oneTime?.['rootPassword']]);
    await failureOf(run('rebuild', { os: '2001' }), 'invalid_input');
    assert.deepEqual((await run('vnc')).oneTime, {
      host: '192.0.2.4',
      port: 5905,
      password: 'vncpw123',
    });
  });

  it('lets nobody start what is suspended', async () => {
    const { service } = await create();
    await extension.suspend(service, context());
    for (const name of ['start', 'rebuild', 'vnc']) {
      const action = extension.actions[name];
      assert.ok(action);
      const values = { os: '1001' };
      await failureOf(action.run({ subject: service, values }, context()), 'forbidden');
    }
    assert.deepEqual([only().running, only().suspended], [false, '1']);
  });
});
