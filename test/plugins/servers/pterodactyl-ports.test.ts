// Where a server goes and which ports it gets, against others who are faster.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { JsonObject } from 'cofferdam/sdk';

import { failureOf, settle } from '../../contract/subject.ts';
import { changeTo, ORDER, pterodactyl, usePanel } from '../../vendors/pterodactyl/drive.ts';
import { serviceOf, SETTINGS, VENDOR } from '../../vendors/pterodactyl/setup.ts';

const PORTS = { ...SETTINGS, portVariables: ['QUERY_PORT', 'RCON_PORT=25569-25570'] };

describe('pterodactyl', { timeout: 60_000 }, () => {
  const panel = usePanel();

  describe('places and ports', () => {
    it('honours the location and the node of the product', async () => {
      await panel.create(serviceOf({ ...SETTINGS, locationIds: [2] }, 'a'));
      await panel.create(serviceOf({ ...SETTINGS, nodeId: 3 }, 'b'));
      assert.deepEqual(
        [...panel.fake.servers.values()].map(({ node }) => node),
        [2, 3],
      );
    });

    it('gives variables ports of their own on one address, within their ranges', async () => {
      const { result } = await panel.create(serviceOf(PORTS));
      assert.equal(result.status, 'done');
      const { id, allocation, environment, feature_limits: limits } = panel.only();
      const own = panel.held(id);
      assert.deepEqual([own.length, new Set(own.map(({ ip }) => ip)).size], [3, 1]);
      const port = (name: string) => Number(environment[name]);
      assert.ok(port('RCON_PORT') === 25_569 || port('RCON_PORT') === 25_570);
      assert.deepEqual(
        new Set(own.map((each) => each.port)),
        new Set([
          panel.fake.allocations.get(allocation)?.port,
          port('QUERY_PORT'),
          port('RCON_PORT'),
        ]),
      );
      assert.equal(limits['allocations'], 3);
    });

    it('finds ports even when the first choice would leave another without', async () => {
      for (const each of panel.fake.allocations.values())
        if (each.node !== 1 || each.ip !== '192.0.2.1' || each.port > 25_566) each.server = 9_999;
      const portVariables = ['QUERY_PORT=25565-25566', 'RCON_PORT=25565'];
      const settings = { ...SETTINGS, portRange: [], portVariables };
      await failureOf(pterodactyl.create(serviceOf(settings), panel.context()), 'capacity');
      for (const each of panel.fake.allocations.values())
        if (each.ip === '192.0.2.1' && each.port === 25_570) each.server = null;
      await panel.create(serviceOf(settings));
      const { environment, allocation } = panel.only();
      assert.deepEqual(
        [
          environment['QUERY_PORT'],
          environment['RCON_PORT'],
          panel.fake.allocations.get(allocation)?.port,
        ],
        ['25566', '25565', 25_570],
      );
    });

    it('plans again when a port was taken between the plan and the order', async () => {
      let stolen: number | undefined;
      panel.fake.beforeNext(ORDER, () => {
        stolen = panel.lastOrder().allocation.default;
        const allocation = panel.fake.allocations.get(Number(stolen));
        assert.ok(allocation);
        allocation.server = 9_999;
      });
      const { result } = await panel.create(serviceOf(PORTS));
      assert.equal(result.status, 'done');
      assert.equal(
        panel.held(panel.only().id).some(({ id }) => id === stolen),
        false,
      );
      assert.equal(panel.writes().filter((each) => each === 'POST /servers').length, 2);
    });

    it('plans again when the panel finds the port taken only as it saves', async () => {
      panel.fake.afterCheck = () => {
        const { allocation } = panel.lastOrder();
        const thief = { id: 500, external_id: null, allocation: allocation.default };
        panel.fake.servers.set(500, { ...thief, limits: {}, node: 2 } as never);
        const taken = panel.fake.allocations.get(allocation.default);
        if (taken !== undefined) taken.server = 500;
      };
      const { result } = await panel.create(serviceOf(PORTS));
      assert.equal(result.status, 'done');
      assert.equal(panel.fake.servers.size, 2);
    });

    it('replaces a port that the panel gave to another order without a word', async () => {
      const service = serviceOf(PORTS);
      const first = await pterodactyl.create(service, panel.context());
      const { id, environment } = panel.only();
      const lost = panel.held(id).find(({ port }) => String(port) === environment['QUERY_PORT']);
      assert.ok(lost);
      lost.server = 9_999;
      const { result } = await settle(VENDOR, panel.bench, { operation: 'create', service, first });
      assert.equal(result.status, 'done');
      const ports = panel.held(id).map(({ port }) => String(port));
      assert.equal(ports.length, 3);
      assert.ok(ports.includes(panel.only().environment['QUERY_PORT'] ?? ''));
    });

    it('keeps at it when the replacement is taken as well', async () => {
      const service = serviceOf(PORTS);
      const first = await pterodactyl.create(service, panel.context());
      const { id, allocation } = panel.only();
      const main = panel.fake.allocations.get(allocation);
      assert.ok(main);
      main.server = 9_999;
      for (const each of panel.held(id)) each.server = 9_999;
      const { result } = await settle(VENDOR, panel.bench, { operation: 'create', service, first });
      assert.equal(result.status, 'done');
      assert.equal(panel.held(id).length, 3);
      assert.ok(panel.held(id).some((each) => each.id === panel.only().allocation));
    });

    it('gives a dedicated address only where nobody else is', async () => {
      const settings = { ...PORTS, dedicatedIp: true, nodeId: 1 };
      await panel.create(serviceOf(settings, 'a'));
      await panel.create(serviceOf(settings, 'b'));
      const ips = [...panel.fake.servers.values()].map(({ id }) => panel.held(id)[0]?.ip);
      assert.deepEqual(new Set(ips), new Set(['192.0.2.1', '198.51.100.1']));
      await failureOf(pterodactyl.create(serviceOf(settings, 'c'), panel.context()), 'capacity');
    });

    it('says that there is no room before anybody gets an account', async () => {
      for (const [settings, what] of [
        [{ ...SETTINGS, memoryMiB: 900_000 }, 'any node'],
        [{ ...SETTINGS, memoryMiB: 900_000, nodeId: 1 }, 'the named node'],
        [{ ...SETTINGS, diskMiB: 9_000_000, nodeId: 1 }, 'its disk'],
      ] satisfies [JsonObject, string][]) {
        const call = pterodactyl.create(serviceOf(settings), panel.context());
        const { retriable, remedy } = await failureOf(call, 'capacity');
        assert.equal(retriable, false);
        assert.ok((remedy ?? '').length > 20, what);
        const { product, checkout } = serviceOf(settings);
        await failureOf(pterodactyl.validate({ product, checkout }, panel.context()), 'capacity');
      }
      assert.deepEqual([panel.writes(), panel.fake.users.size], [[], 0]);
    });

    it('takes a node that does not count its memory', async () => {
      for (const node of panel.fake.nodes) node.memory_overallocate = -1;
      const settings = { ...SETTINGS, memoryMiB: 900_000, nodeId: 1 };
      assert.equal((await panel.create(serviceOf(settings))).result.status, 'done');
    });
  });

  describe('another package', () => {
    it('counts all addresses of the server and adds those that the new product promises', async () => {
      const { service } = await panel.create(serviceOf({ ...SETTINGS, extraAllocations: 1 }));
      assert.equal(panel.only().feature_limits['allocations'], 2);
      const larger = changeTo(service, { ...PORTS, extraAllocations: 2 });
      const { status } = await pterodactyl.changePackage(larger, panel.context());
      assert.deepEqual(
        [status, panel.only().feature_limits['allocations'], panel.held(panel.only().id).length],
        ['done', 5, 3],
      );
      const ports = panel.held(panel.only().id).map(({ port }) => String(port));
      for (const name of ['QUERY_PORT', 'RCON_PORT'])
        assert.ok(ports.includes(panel.only().environment[name] ?? ''), name);
    });

    it('keeps what the customer set at the panel, and what the admin set wins', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      Object.assign(panel.only(), { image: 'ghcr.io/pterodactyl/yolks:java_17' });
      Object.assign(panel.only().environment, { MAX_PLAYERS: '55', SERVER_JARFILE: 'mine.jar' });
      await pterodactyl.changePackage(changeTo(service, SETTINGS), panel.context());
      assert.deepEqual(
        [
          panel.only().image,
          panel.only().environment['MAX_PLAYERS'],
          panel.only().environment['SERVER_JARFILE'],
        ],
        ['ghcr.io/pterodactyl/yolks:java_17', '55', 'paper.jar'],
      );
    });

    it('with another egg takes that egg’s command and image', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      const ark = { ...SETTINGS, nestId: 2, eggId: 6, customerVariables: [], env_LICENSE: 'abc' };
      await pterodactyl.changePackage(changeTo(service, ark), panel.context());
      assert.deepEqual(
        [
          panel.only().egg,
          panel.only().startup,
          panel.only().image,
          panel.only().environment['LICENSE'],
        ],
        [6, './ark {{MAP}}', 'ghcr.io/pterodactyl/games:source', 'abc'],
      );
    });

    it('changes nothing when the egg refuses a value or the node has no room', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      const before = structuredClone(panel.only());
      const bad = changeTo(service, { ...SETTINGS, memoryMiB: 4096, env_SERVER_JARFILE: 'x.exe' });
      await failureOf(pterodactyl.changePackage(bad, panel.context()), 'invalid_input');
      const huge = changeTo(service, { ...SETTINGS, memoryMiB: 65_537 });
      await failureOf(pterodactyl.changePackage(huge, panel.context()), 'capacity');
      assert.deepEqual(panel.only(), before);
      const full = changeTo(service, { ...SETTINGS, memoryMiB: 65_536 });
      assert.equal((await pterodactyl.changePackage(full, panel.context())).status, 'done');
    });

    it('on another node says that the server stays where it is', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      const context = panel.context();
      await pterodactyl.changePackage(changeTo(service, { ...SETTINGS, nodeId: 2 }), context);
      assert.equal(panel.only().node, 1);
      assert.deepEqual(
        context.logs.map(({ level }) => level),
        ['warn'],
      );
    });
  });
});
