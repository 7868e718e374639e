// What the contract of servers does not say; each fault of earlier integrations of this panel is a claim.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { JsonObject } from 'cofferdam/sdk';

import { failureOf, settle } from '../../contract/subject.ts';
import { changeTo, convoy, GIB, ORDER, usePanel } from '../../vendors/convoy/drive.ts';
import { PASSWORD, US_KEYBOARD } from '../../vendors/convoy/rules.ts';
import { held, serviceOf, SETTINGS, startBench, VENDOR } from '../../vendors/convoy/setup.ts';
import { TEMPLATES } from '../../vendors/convoy/state.ts';

const LOOKUP = /^GET \/api\/application\/servers\?/;

describe('convoy', { timeout: 60_000 }, () => {
  const panel = usePanel();

  describe('the order', () => {
    it('carries the limits in bytes, the start flag and a name within 40 characters', async () => {
      const hostname = `${'a'.repeat(50)}.example.com`;
      const first = await convoy.create(
        serviceOf({ ...SETTINGS, startOnCompletion: false }, '17', {
          checkout: { template: TEMPLATES.debian, hostname },
        }),
        panel.context(),
      );
      const { name, account_password: password, limits, ...order } = panel.orders()[0]?.json;
      assert.match(name, /^a{24} cf-[0-9a-f]{12}$/);
      assert.equal(first.status === 'pending' && first.oneTime?.['password'], password);
      const { address_ids: ids, ...sizes } = limits;
      assert.equal(ids.length, 2);
      assert.deepEqual(sizes, {
        cpu: 2,
        memory: 2 * GIB,
        disk: 20 * GIB,
        snapshots: 1,
        backups: 2,
        bandwidth: 500 * GIB,
      });
      assert.deepEqual(order, {
        node_id: 1,
        user_id: 1,
        hostname,
        vmid: null,
        template_uuid: TEMPLATES.debian,
        should_create_server: true,
        start_on_completion: false,
      });
    });

    it('means unlimited by no bandwidth and by 0, at creation and at every change', async () => {
      const { service } = await panel.create({
        ...SETTINGS,
        bandwidthGiB: 0,
        snapshots: '',
        backups: null,
      });
      assert.deepEqual(
        [panel.only().bandwidth, panel.only().snapshots, panel.only().backups],
        [null, null, null],
      );
      await convoy.changePackage(changeTo(service, { ...SETTINGS, backups: 0 }), panel.context());
      assert.deepEqual([panel.only().bandwidth, panel.only().backups], [500 * GIB, 0]);
      const { bandwidthGiB: _none, ...unlimited } = SETTINGS;
      await convoy.changePackage(changeTo(service, unlimited), panel.context());
      assert.equal(panel.only().bandwidth, null);
    });

    it('asks for no addresses when the product has none', async () => {
      const { ipv4: _v4, ipv6: _v6, ...rest } = SETTINGS;
      await panel.create({ ...rest, ipv4: 0, ipv6: null });
      assert.deepEqual(panel.orders()[0]?.json.limits.address_ids, []);
      assert.equal(held(panel.fake, panel.only().uuid).length, 0);
    });

    it('has passwords that the panel takes, different each time', async () => {
      const seen = new Set<string>();
      for (const id of ['a', 'b', 'c']) {
        const user = { id, email: `${id}@example.com` };
        const service = serviceOf({ ...SETTINGS, ipv4: 0, ipv6: 0 }, id, { user });
        const { oneTime } = await panel.drive('create', service);
        for (const name of ['password', 'accountPassword']) {
          const text = String(oneTime[name]);
          assert.match(text, PASSWORD);
          assert.match(text, US_KEYBOARD);
          seen.add(text);
        }
      }
      assert.equal(seen.size, 6);
    });

    it('is not sent for a template that is hidden, not on offer or of another node', async () => {
      for (const template of [TEMPLATES.hidden, TEMPLATES.windows, TEMPLATES.other, 'nonsense']) {
        const service = serviceOf({ ...SETTINGS, templates: TEMPLATES.debian }, '17', {
          checkout: { template, hostname: 'vm1' },
        });
        const { message } = await failureOf(
          convoy.create(service, panel.context()),
          'invalid_input',
        );
        assert.match(message, /"template"/);
      }
      assert.deepEqual(panel.writes(), []);
    });

    it('names the product setting that is wrong', async () => {
      for (const [bad, name] of [
        [{ memoryMiB: 15 }, 'memoryMiB'],
        [{ cpu: 0 }, 'cpu'],
        [{ ipv4: -1 }, 'ipv4'],
        [{ templates: 'debian' }, 'templates'],
        [{ nodeId: null }, 'nodeId'],
        [{ nodeId: 99 }, 'nodeId'],
      ] satisfies [JsonObject, string][]) {
        const call = convoy.create(serviceOf({ ...SETTINGS, ...bad }), panel.context());
        const { message } = await failureOf(call, 'invalid_input');
        assert.match(message, new RegExp(`"${name}"`));
      }
      assert.deepEqual(panel.writes(), []);
    });

    it('names every field that the panel refuses', async () => {
      const errors = { 'limits.cpu': ['too few'], hostname: ['too long', 'not a name'] };
      panel.fake.answerNext(ORDER, {
        status: 422,
        json: { message: 'too few (and 2 more)', errors },
      });
      const { message } = await failureOf(
        convoy.create(serviceOf(SETTINGS), panel.context()),
        'rejected',
      );
      assert.match(message, /limits\.cpu: too few; hostname: too long not a name/);
    });
  });

  describe('building', () => {
    it('is pending until the panel has built it', async () => {
      const service = serviceOf(SETTINGS);
      assert.equal((await convoy.create(service, panel.context())).status, 'pending');
      const ask = () => convoy.reconcile({ operation: 'create', service }, panel.context());
      assert.equal((await ask()).status, 'pending');
      panel.fake.finishJobs();
      assert.equal((await ask()).status, 'done');
    });

    it('that failed is a failure; to terminate and to create again is the way out', async () => {
      const service = serviceOf(SETTINGS);
      await convoy.create(service, panel.context());
      panel.fake.finishJobs({ isFailed: true });
      const call = convoy.reconcile({ operation: 'create', service }, panel.context());
      const { remedy } = await failureOf(call, 'rejected');
      assert.match(remedy ?? '', /terminate/);
      await failureOf(convoy.suspend(service, panel.context()), 'locked');
      const ended = await panel.drive('terminate', service);
      assert.equal(ended.result.status, 'done');
      assert.equal((await panel.drive('create', ended.service)).result.status, 'done');
    });

    it('is waited for before suspending: its end would take the suspension back', async () => {
      const service = serviceOf(SETTINGS);
      await convoy.create(service, panel.context());
      const first = await convoy.suspend(service, panel.context());
      assert.equal(first.status, 'pending');
      assert.equal(panel.only().status, 'installing');
      const { result } = await settle(VENDOR, panel.bench, {
        operation: 'suspend',
        service,
        first,
      });
      assert.deepEqual([result.status, panel.only().status], ['done', 'suspended']);
    });

    it('is waited for before removing: the machine would be built without its server', async () => {
      const service = serviceOf(SETTINGS);
      await convoy.create(service, panel.context());
      const first = await convoy.terminate(service, panel.context());
      assert.deepEqual([first.status, panel.only().work], ['pending', 'build']);
      const { result } = await settle(VENDOR, panel.bench, {
        operation: 'terminate',
        service,
        first,
      });
      assert.deepEqual([result.status, panel.fake.servers.size], ['done', 0]);
    });
  });

  describe('looking it up', () => {
    it('takes no 404 but the panel’s own for "there is none"', async () => {
      const { service } = await panel.create();
      for (const json of [{ message: 'The route x could not be found.' }, { error: 'nope' }]) {
        panel.fake.answerNext(/^GET .*\/servers\/[\w-]+\?/, { status: 404, json });
        await failureOf(convoy.terminate(service, panel.context()), 'invalid_response');
      }
      panel.fake.answerNext(LOOKUP, { status: 404, json: { message: '' } });
      await failureOf(
        convoy.create(serviceOf(SETTINGS, 'new'), panel.context()),
        'invalid_response',
      );
      assert.equal(panel.fake.servers.size, 1);
    });

    it('never touches a server of another customer that has the same name', async () => {
      await panel.create();
      const other = serviceOf(SETTINGS, '17', { user: { id: '8', email: 'eve@example.com' } });
      for (const call of [convoy.create, convoy.suspend, convoy.terminate, convoy.getLoginUrl])
        await failureOf(call(other, panel.context()), 'conflict');
      assert.equal(panel.only().status, null);
    });

    it('keeps two panels on one Convoy apart by the namespace', async () => {
      await using second = await startBench({ namespace: 'b' });
      await convoy.create(serviceOf(SETTINGS), second.context());
      await convoy.create(serviceOf(SETTINGS), panel.context());
      const [name] = [...second.fake.servers.values()].map((each) => each.name);
      assert.notEqual(name, panel.only().name);
    });

    it('knows a server that its owner renamed, and whose owner changed the address', async () => {
      const { service } = await panel.create();
      panel.only().name = 'my box';
      const [user] = panel.fake.users.values();
      assert.ok(user);
      user.email = 'new@example.com';
      assert.equal((await panel.drive('suspend', service)).result.status, 'done');
      assert.equal(panel.only().status, 'suspended');
    });

    it('takes the older of two when an order that was thought lost came through, and removes both', async () => {
      const { service } = await panel.create();
      const { uuid: _uuid, ...twin } = panel.only();
      const uuid = crypto.randomUUID();
      panel.fake.servers.set(uuid, { ...twin, uuid, internal_id: 50 });
      const lost = { ...service, properties: {} };
      const context = panel.context();
      const { remoteId } = (await convoy.suspend(lost, context)) as { remoteId: string };
      assert.equal(remoteId, service.properties['uuid']);
      assert.deepEqual(
        context.logs.map(({ level }) => level),
        ['error'],
      );
      await panel.drive('terminate', lost);
      assert.equal(panel.fake.servers.size, 0);
    });
  });

  describe('removing', () => {
    it('waits for the panel, and asks it once', async () => {
      const { service } = await panel.create();
      const first = await convoy.terminate(service, panel.context());
      assert.deepEqual([first.status, panel.only().status], ['pending', 'deleting']);
      const again = await convoy.reconcile({ operation: 'terminate', service }, panel.context());
      assert.equal(again.status, 'pending');
      assert.equal(panel.writes().filter((each) => each.startsWith('DELETE')).length, 1);
      await failureOf(convoy.create(serviceOf(SETTINGS), panel.context()), 'locked');
      const { result } = await settle(VENDOR, panel.bench, {
        operation: 'terminate',
        service,
        first,
      });
      assert.equal(result.status, 'done');
    });

    it('that failed is a failure, and is tried again when it is asked for again', async () => {
      const { service } = await panel.create();
      await convoy.terminate(service, panel.context());
      panel.fake.finishJobs({ isFailed: true });
      const ask = convoy.reconcile({ operation: 'terminate', service }, panel.context());
      await failureOf(ask, 'rejected');
      const { result } = await panel.drive('terminate', service);
      assert.deepEqual([result.status, panel.fake.servers.size], ['done', 0]);
    });

    it('from the panel alone is an action for admins', async () => {
      const { service } = await panel.create();
      await convoy.terminate(service, panel.context());
      const action = convoy.actions['forget'];
      assert.equal(action?.audience, 'admin');
      await action.run({ subject: service, values: {} }, panel.context());
      assert.equal(panel.fake.servers.size, 0);
    });
  });
});
