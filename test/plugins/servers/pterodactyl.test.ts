// What the contract of servers does not say; each fault of earlier integrations of this panel is a claim.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { JsonObject, ServerResult } from 'cofferdam/sdk';

import { failureOf } from '../../contract/subject.ts';
import { ORDER, pterodactyl, usePanel } from '../../vendors/pterodactyl/drive.ts';
import { USERNAME } from '../../vendors/pterodactyl/rules.ts';
import { serviceOf, SETTINGS, startBench } from '../../vendors/pterodactyl/setup.ts';

const LOOKUP = /^GET \/api\/application\/servers\/external\//;

describe('pterodactyl', { timeout: 60_000 }, () => {
  const panel = usePanel();

  describe('installing', () => {
    it('is pending until the panel says that the server is installed', async () => {
      const service = serviceOf(SETTINGS);
      const first = await pterodactyl.create(service, panel.context());
      assert.equal(first.status === 'pending' && first.retryAfterMs, 5_000);
      const again = await pterodactyl.reconcile({ operation: 'create', service }, panel.context());
      assert.equal(again.status, 'pending');
      panel.fake.finishInstalls();
      const last = await pterodactyl.reconcile({ operation: 'create', service }, panel.context());
      assert.equal(last.status, 'done');
    });

    it('that failed is a failure with a way out, and the action is that way', async () => {
      const service = serviceOf(SETTINGS);
      await pterodactyl.create(service, panel.context());
      panel.fake.finishInstalls({ isFailed: true });
      const call = pterodactyl.reconcile({ operation: 'create', service }, panel.context());
      const { remedy } = await failureOf(call, 'rejected');
      assert.match(remedy ?? '', /Reinstall/);
      await panel.run('reinstall', service);
      assert.equal(panel.only().status, 'installing');
    });

    it('again is refused while suspended, because the panel would forget that', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      await pterodactyl.suspend(service, panel.context());
      await failureOf(panel.run('reinstall', service), 'locked');
      assert.equal(panel.only().status, 'suspended');
    });

    it('leaves nothing behind when the node is down, and works when it is back', async () => {
      panel.fake.isWingsDown = true;
      const service = serviceOf(SETTINGS);
      const call = pterodactyl.create(service, panel.context());
      const { retriable, remedy } = await failureOf(call, 'unavailable');
      assert.deepEqual([retriable, panel.fake.servers.size], [true, 0]);
      assert.match(remedy ?? '', /Wings/);
      panel.fake.isWingsDown = false;
      assert.equal((await panel.create(service)).result.status, 'done');
    });
  });

  describe('the order', () => {
    it('carries every flag and limit of the product', async () => {
      await panel.create(
        serviceOf({
          ...SETTINGS,
          swapMiB: -1,
          io: 300,
          cpuPinning: '0-1,3',
          backups: 3,
          extraAllocations: 2,
          dockerImage: 'ghcr.io/pterodactyl/yolks:java_17',
          startup: 'java -jar x.jar',
          skipScripts: true,
          startOnCompletion: true,
          oomKiller: true,
        }),
      );
      const { environment: _environment, deploy, ...order } = panel.lastOrder();
      assert.deepEqual(deploy, {
        locations: [1],
        dedicated_ip: false,
        port_range: ['25565-25570'],
      });
      assert.deepEqual(order, {
        external_id: '17',
        name: 'Ada’s world',
        user: 1,
        egg: 5,
        docker_image: 'ghcr.io/pterodactyl/yolks:java_17',
        startup: 'java -jar x.jar',
        skip_scripts: true,
        start_on_completion: true,
        oom_disabled: false,
        limits: { memory: 2048, swap: -1, disk: 10_240, io: 300, cpu: 200, threads: '0-1,3' },
        feature_limits: { databases: 1, backups: 3, allocations: 3 },
      });
    });

    it('fills each variable: the product’s, the customer’s, the egg’s', async () => {
      await panel.create(serviceOf(SETTINGS));
      assert.deepEqual(panel.lastOrder().environment, {
        MINECRAFT_VERSION: 'latest',
        SERVER_JARFILE: 'paper.jar',
        MAX_PLAYERS: '30',
        QUERY_PORT: '',
        RCON_PORT: '',
      });
    });

    it('ignores a customer’s value for a variable that the admin set, even a listed one', async () => {
      const settings = { ...SETTINGS, env_MAX_PLAYERS: '10' };
      await panel.create(serviceOf(settings));
      assert.equal(panel.only().environment['MAX_PLAYERS'], '10');
      const product = serviceOf(settings).product;
      const fields = await pterodactyl.checkoutConfig({ product, values: {} }, panel.context());
      assert.deepEqual(
        fields.map(({ name }) => name),
        ['serverName'],
      );
    });

    it('is not sent with a value that the egg refuses, and the variable is named', async () => {
      const settings = { ...SETTINGS, nestId: 2, eggId: 6 };
      const call = pterodactyl.create(serviceOf(settings), panel.context());
      const { message } = await failureOf(call, 'invalid_input');
      assert.match(message, /env_LICENSE.*must have a value/);
      assert.deepEqual(panel.writes(), []);
    });

    it('names every field that the panel refuses', async () => {
      const error = (source_field: string, detail: string) => ({
        code: 'ValidationException',
        status: '422',
        detail,
        meta: { source_field, rule: 'min' },
      });
      panel.fake.answerNext(ORDER, {
        status: 422,
        json: { errors: [error('limits.io', 'too small'), error('name', 'too long')] },
      });
      const call = pterodactyl.create(serviceOf(SETTINGS), panel.context());
      const { message } = await failureOf(call, 'rejected');
      assert.match(message, /limits\.io: too small; name: too long/);
    });

    it('takes another shape of error for what its status says, not for a crash', async () => {
      panel.fake.answerNext(ORDER, { status: 400, json: { error: { reason: 'no' } } });
      await failureOf(pterodactyl.create(serviceOf(SETTINGS), panel.context()), 'rejected');
      panel.fake.answerNext(ORDER, { status: 503, json: ['down'] });
      await failureOf(pterodactyl.create(serviceOf(SETTINGS), panel.context()), 'unavailable');
    });

    it('names the product setting that is wrong', async () => {
      for (const [bad, name] of [
        [{ memoryMiB: -1 }, 'memoryMiB'],
        [{ portRange: '70000' }, 'portRange'],
        [{ portRange: ['20-10'] }, 'portRange'],
        [{ cpuPinning: 'a' }, 'cpuPinning'],
        [{ portVariables: 'A=b' }, 'portVariables'],
        [{ portVariables: 'NO_SUCH' }, 'portVariables'],
        [{ eggId: 99 }, 'eggId'],
        [{ nodeId: 99 }, 'nodeId'],
        [{ nestId: null }, 'nestId'],
      ] satisfies [JsonObject, string][]) {
        const call = pterodactyl.create(serviceOf({ ...SETTINGS, ...bad }), panel.context());
        const { message } = await failureOf(call, 'invalid_input');
        assert.match(message, new RegExp(`"${name}"`));
      }
      assert.deepEqual(panel.writes(), []);
    });
  });

  describe('looking it up', () => {
    it('takes no 404 but the panel’s own for "there is none"', async () => {
      for (const json of [
        { message: 'no such host' },
        {
          errors: [
            {
              code: 'NotFoundHttpException',
              status: '404',
              detail: 'The route x could not be found.',
            },
          ],
        },
      ]) {
        panel.fake.answerNext(LOOKUP, { status: 404, json });
        const call = pterodactyl.create(serviceOf(SETTINGS), panel.context());
        await failureOf(call, 'invalid_response');
        panel.fake.answerNext(LOOKUP, { status: 404, json });
        const end = pterodactyl.terminate(serviceOf(SETTINGS), panel.context());
        await failureOf(end, 'invalid_response');
      }
      assert.deepEqual(panel.writes(), []);
    });

    it('never takes, suspends or removes another customer’s server with the same id', async () => {
      await panel.create(serviceOf(SETTINGS));
      const other = serviceOf(SETTINGS, '17', { user: { id: '8', email: 'eve@example.com' } });
      await failureOf(pterodactyl.create(other, panel.context()), 'conflict');
      await failureOf(pterodactyl.suspend(other, panel.context()), 'conflict');
      await failureOf(pterodactyl.terminate(other, panel.context()), 'conflict');
      assert.equal(panel.only().status, null);
    });

    it('keeps two panels on one Pterodactyl apart by the prefix', async () => {
      await panel.create(serviceOf(SETTINGS));
      const second = await startBench({ externalIdPrefix: 'b-' });
      await using _end = second;
      const other = serviceOf(SETTINGS);
      await pterodactyl.create(other, second.context());
      assert.equal([...second.fake.servers.values()][0]?.external_id, 'b-17');
      const [listed] = await pterodactyl.list({}, second.context());
      assert.equal(listed?.serviceId, '17');
    });

    it('works with service ids that cannot stand in a path', async () => {
      for (const id of ['..', 'a/b', 'é', 'x'.repeat(300)]) {
        const service = serviceOf(SETTINGS, id);
        const { result } = await panel.create(service);
        assert.equal(result.status, 'done', id);
        assert.equal((await panel.create(service)).result.status, 'done');
      }
      const ids = [...panel.fake.servers.values()].map((each) => each.external_id ?? '');
      assert.equal(new Set(ids).size, 4);
      for (const id of ids) assert.match(id, /^sha256-[0-9a-f]{32}$/);
    });

    it('finds a server whose external id was cleared, but not one that now is another’s', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      panel.only().external_id = null;
      await pterodactyl.suspend(service, panel.context());
      assert.equal(panel.only().status, 'suspended');
      panel.only().external_id = '99';
      await failureOf(pterodactyl.terminate(service, panel.context()), 'conflict');
      assert.equal(panel.fake.servers.size, 1);
    });

    it('counts a server as gone when its old id is another server’s now', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      const server = panel.only();
      panel.fake.servers.set(server.id, {
        ...server,
        uuid: crypto.randomUUID(),
        external_id: null,
      });
      assert.equal((await pterodactyl.terminate(service, panel.context())).status, 'done');
      assert.equal(panel.fake.servers.size, 1);
    });
  });

  describe('accounts', () => {
    it('have a user name that the panel takes, whatever the address', async () => {
      const locals = ['a', '.', '---', 'Ada.Lovelace', 'ünïcode', '_x_', 'l'.repeat(150)];
      for (const [at, local] of locals.entries()) {
        const user = { id: '7', email: `${local}@example.com` };
        const { result } = await panel.create(serviceOf(SETTINGS, `s${at}`, { user }));
        assert.equal(result.status, 'done', local);
      }
      for (const { username } of panel.fake.users.values()) assert.match(username, USERNAME);
      assert.equal(panel.fake.users.size, locals.length);
    });

    it('are taken from whoever made them a moment before', async () => {
      panel.fake.beforeNext(/^POST .*\/users$/, () => panel.bench.addCustomer('ada@example.com'));
      assert.equal((await panel.create(serviceOf(SETTINGS))).result.status, 'done');
      assert.equal(panel.fake.users.size, 1);
    });

    it('get a new password that is told once, and nothing else of them changes', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      const before = structuredClone([...panel.fake.users.values()][0]);
      const result = (await pterodactyl.changePassword(
        { service },
        panel.context(),
      )) as ServerResult & { oneTime: JsonObject };
      const { username, password } = result.oneTime;
      assert.match(String(password), /^[A-Za-z2-9]{20}$/);
      assert.equal(username, before?.username);
      assert.deepEqual([...panel.fake.users.values()], [{ ...before, password }]);
      assert.ok(
        !JSON.stringify(result.status === 'done' && result.properties).includes(String(password)),
      );
      await pterodactyl.changePassword({ service, password: 'given-one' }, panel.context());
      assert.equal([...panel.fake.users.values()][0]?.password, 'given-one');
    });

    it('of administrators keep their password', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      const [user] = panel.fake.users.values();
      assert.ok(user);
      user.root_admin = true;
      await failureOf(pterodactyl.changePassword({ service }, panel.context()), 'forbidden');
      assert.equal(user.password, undefined);
    });
  });
});
