// Addresses and room against others who are faster; accounts, traffic and forms of Convoy.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { JsonObject } from 'cofferdam/sdk';

import { failureOf, settle } from '../../contract/subject.ts';
import { changeTo, convoy, GIB, ORDER, usePanel } from '../../vendors/convoy/drive.ts';
import { PASSWORD } from '../../vendors/convoy/rules.ts';
import { held, serviceOf, SETTINGS, VENDOR } from '../../vendors/convoy/setup.ts';
import { TEMPLATES } from '../../vendors/convoy/state.ts';

describe('convoy', { timeout: 60_000 }, () => {
  const panel = usePanel();

  describe('addresses', () => {
    it('that were taken between the choice and the order are replaced', async () => {
      panel.fake.beforeNext(ORDER, () => panel.take(panel.orders()[0]?.json.limits.address_ids));
      const { result } = await panel.create();
      assert.equal(result.status, 'done');
      assert.deepEqual([panel.orders().length, held(panel.fake, panel.only().uuid).length], [2, 2]);
      assert.equal(panel.fake.users.size, 1);
    });

    it('that the panel gave to another order without a word are replaced', async () => {
      panel.fake.afterCheck = () => panel.take(panel.orders()[0]?.json.limits.address_ids);
      const { result } = await panel.create();
      assert.equal(result.status, 'done');
      const own = held(panel.fake, panel.only().uuid).map(({ type }) => type);
      assert.deepEqual(own.toSorted(), ['ipv4', 'ipv6']);
    });

    it('that are taken while they are replaced are replaced again', async () => {
      const service = serviceOf(SETTINGS);
      const first = await convoy.create(service, panel.context());
      panel.take(held(panel.fake, panel.only().uuid).map(({ id }) => id));
      const build = /^PATCH .*\/settings\/build$/;
      const lastBuild = () =>
        panel.fake.requests.findLast(({ method }) => method === 'PATCH')?.json;
      panel.fake.beforeNext(build, () => panel.take(lastBuild().address_ids));
      const { result } = await settle(VENDOR, panel.bench, { operation: 'create', service, first });
      assert.equal(result.status, 'done');
      assert.equal(held(panel.fake, panel.only().uuid).length, 2);
    });

    it('of which there are too few are said to be so before anybody gets an account', async () => {
      const settings = { ...SETTINGS, ipv4: 7 };
      const call = convoy.create(serviceOf(settings), panel.context());
      const { message, remedy, retriable } = await failureOf(call, 'capacity');
      assert.match(message, /6 free ipv4 addresses, not 7/);
      assert.ok((remedy ?? '').length > 20);
      assert.equal(retriable, false);
      assert.deepEqual([panel.writes(), panel.fake.users.size], [[], 0]);
      const { product, checkout } = serviceOf(settings);
      await failureOf(convoy.validate({ product, checkout }, panel.context()), 'capacity');
    });

    it('stay with the server when the package changes, and only the surplus goes', async () => {
      const { service } = await panel.create({ ...SETTINGS, ipv4: 2 });
      const before = held(panel.fake, panel.only().uuid).map(({ id }) => id);
      await convoy.changePackage(changeTo(service, { ...SETTINGS, ipv4: 3 }), panel.context());
      const after = held(panel.fake, panel.only().uuid).map(({ id }) => id);
      assert.deepEqual([after.length, before.every((id) => after.includes(id))], [4, true]);
      await convoy.changePackage(changeTo(service, SETTINGS), panel.context());
      const last = held(panel.fake, panel.only().uuid);
      assert.deepEqual(last.map(({ type }) => type).toSorted(), ['ipv4', 'ipv6']);
      assert.ok(last.every(({ id }) => after.includes(id)));
    });
  });

  describe('capacity', () => {
    it('of the node is looked at before anything is made or changed', async () => {
      const { service } = await panel.create();
      const before = structuredClone(panel.only());
      for (const [settings, what] of [
        [{ ...SETTINGS, memoryMiB: 900_000 }, 'memory'],
        [{ ...SETTINGS, diskGiB: 9_000 }, 'disk'],
      ] satisfies [JsonObject, string][]) {
        const call = convoy.create(serviceOf(settings, 'b'), panel.context());
        const { message } = await failureOf(call, 'capacity');
        assert.match(message, new RegExp(what));
        const change = convoy.changePackage(changeTo(service, settings), panel.context());
        await failureOf(change, 'capacity');
      }
      assert.deepEqual([panel.only(), panel.fake.users.size], [before, 1]);
    });

    it('that the panel itself finds short takes the new account back', async () => {
      const errors = { 'limits.memory': ["The memory value exceeds the node's limit."] };
      panel.fake.answerNext(ORDER, { status: 422, json: { message: 'no', errors } });
      await failureOf(convoy.create(serviceOf(SETTINGS), panel.context()), 'capacity');
      assert.equal(panel.fake.users.size, 0);
    });

    it('keeps an account that was there before, and one of an order that may have come through', async () => {
      panel.fake.answerNext(ORDER, { status: 502, html: '<html>Bad gateway</html>' });
      await failureOf(convoy.create(serviceOf(SETTINGS), panel.context()), 'unavailable');
      assert.equal(panel.fake.users.size, 1);
      panel.fake.answerNext(ORDER, { status: 400, json: { message: 'no' } });
      await failureOf(convoy.create(serviceOf(SETTINGS), panel.context()), 'rejected');
      assert.equal(panel.fake.users.size, 1);
    });

    it('never makes a disk smaller', async () => {
      const { service } = await panel.create();
      const smaller = changeTo(service, { ...SETTINGS, diskGiB: 19 });
      const { message } = await failureOf(
        convoy.changePackage(smaller, panel.context()),
        'invalid_input',
      );
      assert.match(message, /shrink from 20 to 19/);
    });
  });

  describe('accounts', () => {
    it('are opened by a link of 15 seconds, never an administrator’s', async () => {
      const { service } = await panel.create();
      const { url, expiresAt } = await convoy.getLoginUrl(service, panel.context());
      const token = new URL(url).searchParams.get('token') ?? '';
      assert.equal(panel.fake.tokens.get(token), panel.only().user_id);
      assert.equal(new URL(url).pathname, '/authenticate');
      assert.ok(Date.parse(expiresAt ?? '') - Date.now() <= 15_000);
      const [user] = panel.fake.users.values();
      assert.ok(user);
      user.root_admin = true;
      await failureOf(convoy.getLoginUrl(service, panel.context()), 'forbidden');
      await failureOf(convoy.changePassword({ service }, panel.context()), 'forbidden');
      assert.equal(panel.fake.tokens.size, 1);
    });

    it('get a new password that is told once, and nothing else of them changes', async () => {
      const { service } = await panel.create();
      const [before] = structuredClone([...panel.fake.users.values()]);
      const result = await convoy.changePassword({ service }, panel.context());
      assert.ok(result.status === 'done');
      const { accountEmail, accountPassword: password } = result.oneTime ?? {};
      assert.match(String(password), PASSWORD);
      assert.equal(accountEmail, 'ada@example.com');
      assert.deepEqual([...panel.fake.users.values()], [{ ...before, password }]);
      assert.ok(!JSON.stringify(result.properties).includes(String(password)));
    });

    it('are taken from whoever made them a moment before', async () => {
      panel.fake.beforeNext(/^POST .*\/users$/, () => panel.bench.addCustomer('ada@example.com'));
      const { result, oneTime } = await panel.create();
      assert.deepEqual([result.status, panel.fake.users.size], ['done', 1]);
      assert.equal(oneTime['accountPassword'], undefined);
    });
  });

  describe('day to day', () => {
    it('counts traffic anew with a renewal only where the product says so', async () => {
      const { service } = await panel.create();
      panel.only().bandwidth_usage = 7 * GIB;
      assert.equal((await convoy.renew(service, panel.context())).status, 'done');
      const [traffic] = await convoy.usage(service, panel.context());
      assert.deepEqual(traffic, {
        name: 'traffic',
        used: 7 * GIB,
        limit: 500 * GIB,
        unit: 'bytes',
      });
      const addresses = held(panel.fake, panel.only().uuid).length;
      const { product } = changeTo(service, { ...SETTINGS, resetBandwidthOnRenew: true });
      for (let tries = 0; tries < 2; tries += 1)
        await convoy.renew({ ...service, product }, panel.context());
      const { bandwidth_usage: used, memory } = panel.only();
      assert.deepEqual([used, memory], [0, 2 * GIB]);
      assert.equal(held(panel.fake, panel.only().uuid).length, addresses);
      assert.equal(panel.writes().filter((each) => each.endsWith('/build')).length, 1);
    });

    it('offers the templates of the node: live for the admin, the allowed ones for the customer', async () => {
      const offered = async (values: JsonObject) => {
        const fields = await convoy.productConfig(values, panel.context());
        return fields.find(({ name }) => name === 'templates')?.options?.map(({ label }) => label);
      };
      assert.deepEqual(await offered({}), []);
      assert.deepEqual(await offered({ nodeId: 1 }), ['Linux: Debian 13', 'Windows: Windows 2025']);
      assert.deepEqual(await offered({ nodeId: '2' }), ['Linux: Alma 10']);
      const { product } = serviceOf({ ...SETTINGS, templates: [TEMPLATES.windows] });
      const [field] = await convoy.checkoutConfig({ product, values: {} }, panel.context());
      assert.deepEqual(field?.options, [
        { value: TEMPLATES.windows, label: 'Windows: Windows 2025' },
      ]);
    });

    it('reads nodes to the last page', async () => {
      const [node] = panel.fake.nodes;
      assert.ok(node);
      for (let id = 10; id < 140; id += 1) panel.fake.nodes.push({ ...node, id, name: `pve${id}` });
      const [field] = await convoy.productConfig({}, panel.context());
      assert.equal(field?.options?.length, 132);
    });

    it('says what is wrong with a checkout, field by field', async () => {
      const { product } = serviceOf(SETTINGS);
      const check = async (checkout: JsonObject) =>
        (await convoy.validate({ product, checkout }, panel.context())).map(({ field }) => field);
      assert.deepEqual(await check({}), ['template', 'hostname']);
      const { debian: template } = TEMPLATES;
      assert.deepEqual(await check({ template, hostname: `${'a'.repeat(64)}.com` }), ['hostname']);
      assert.deepEqual(await check({ template: TEMPLATES.other, hostname: 'vm1' }), ['template']);
    });

    it('leaves a server as it was when Proxmox does not obey', async () => {
      const { service } = await panel.create();
      panel.fake.isProxmoxDown = true;
      const { retriable } = await failureOf(
        convoy.suspend(service, panel.context()),
        'unavailable',
      );
      assert.deepEqual([retriable, panel.only().status], [true, null]);
    });

    it('shows the customer what they have', async () => {
      const { service } = await panel.create();
      const { addresses, ...rest } = await convoy.info(service, panel.context());
      assert.deepEqual(
        addresses,
        held(panel.fake, panel.only().uuid)
          .toSorted((a, b) => (a.type < b.type ? -1 : 1))
          .map(({ address }) => address),
      );
      assert.deepEqual(rest, {
        hostname: 'vm1.example.com',
        vmid: panel.only().vmid,
        status: 'built',
        cpu: 2,
        memoryMiB: 2048,
        diskMiB: 20_480,
      });
    });

    it('says that a panel without nodes sells nothing', async () => {
      panel.fake.nodes.length = 0;
      const { ok, remedy } = await convoy.testConnection(panel.context());
      assert.equal(ok, false);
      assert.ok(remedy);
    });
  });
});
