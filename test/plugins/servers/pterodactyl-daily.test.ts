// Forms, rights, power, usage: what is done with a Pterodactyl server once it runs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { failureOf } from '../../contract/subject.ts';
import { pterodactyl, usePanel } from '../../vendors/pterodactyl/drive.ts';
import { serviceOf, SETTINGS, startBench } from '../../vendors/pterodactyl/setup.ts';

const PORTS = { ...SETTINGS, portVariables: ['QUERY_PORT', 'RCON_PORT=25569-25570'] };

describe('pterodactyl', { timeout: 60_000 }, () => {
  const panel = usePanel();

  describe('day to day', () => {
    it('reads lists to their last page for the form', async () => {
      for (let id = 10; id < 140; id += 1)
        panel.fake.locations.push({ id, short: `l${id}`, long: null });
      const fields = await pterodactyl.productConfig({ nestId: 2 }, panel.context());
      const options = (name: string) => fields.find((each) => each.name === name)?.options ?? [];
      assert.equal(options('locationIds').length, 132);
      assert.deepEqual(options('eggId'), [{ value: 6, label: 'Ark' }]);
      const there = await pterodactyl.productConfig({ locationIds: [2] }, panel.context());
      assert.deepEqual(there.find(({ name }) => name === 'nodeId')?.options, [
        { value: 2, label: 'node-2' },
      ]);
    });

    it('makes fields of the egg’s rules', async () => {
      const settings = { ...SETTINGS, nestId: 2, eggId: 6, customerVariables: 'MAP,MODS,LICENSE' };
      const { product } = serviceOf(settings);
      const fields = await pterodactyl.checkoutConfig({ product, values: {} }, panel.context());
      assert.deepEqual(
        fields.map(({ name, type, required = false, options }) => [
          name,
          type,
          required,
          options?.map(({ value }) => value),
        ]),
        [
          ['serverName', 'text', false, undefined],
          ['env_MAP', 'select', false, ['Island', 'Ragnarok']],
          ['env_MODS', 'select', false, ['1', '0']],
          ['env_LICENSE', 'text', true, undefined],
        ],
      );
      const problems = await pterodactyl.validate(
        { product, checkout: { serverName: 'n'.repeat(192), env_MAP: 'Moon', env_MODS: '2' } },
        panel.context(),
      );
      assert.deepEqual(
        problems.map(({ field }) => field),
        ['env_MAP', 'env_MODS', 'env_LICENSE', 'serverName'],
      );
    });

    it('names the rights that the key lacks, and a client key that is no administrator’s', async () => {
      panel.fake.rights['eggs'] = 0;
      panel.fake.rights['users'] = 0;
      const { ok, message } = await pterodactyl.testConnection(panel.context());
      assert.deepEqual([ok, message], [false, 'The application API key may not read users, eggs']);
      Object.assign(panel.fake.rights, { eggs: 1, users: 3 });
      panel.fake.isClientAdmin = false;
      assert.equal((await pterodactyl.testConnection(panel.context())).ok, false);
    });

    it('says which right is missing instead of guessing without it', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      panel.fake.rights['users'] = 0;
      const lost = { ...service, properties: {} };
      const { message } = await failureOf(pterodactyl.suspend(lost, panel.context()), 'forbidden');
      assert.match(message, /users/);
      panel.fake.rights['servers'] = 1;
      await failureOf(pterodactyl.suspend(service, panel.context()), 'forbidden');
    });

    it('sends power signals, and says why a suspended server takes none', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      for (const name of ['start', 'stop', 'restart', 'kill']) await panel.run(name, service);
      assert.deepEqual(
        panel.fake.signals.map(({ signal }) => signal),
        ['start', 'stop', 'restart', 'kill'],
      );
      await pterodactyl.suspend(service, panel.context());
      await failureOf(panel.run('start', service), 'locked');
    });

    it('says what is missing for usage and power without a client key', async () => {
      await using plain = await startBench({ clientKey: undefined as never });
      await pterodactyl.create(serviceOf(SETTINGS), plain.context());
      const call = pterodactyl.usage(serviceOf(SETTINGS), plain.context());
      const { remedy } = await failureOf(call, 'unsupported');
      assert.match(remedy ?? '', /client API key/);
    });

    it('removes a server from the panel by force when its node is gone for good', async () => {
      const { service } = await panel.create(serviceOf(SETTINGS));
      panel.fake.isWingsDown = true;
      await failureOf(pterodactyl.terminate(service, panel.context()), 'unavailable');
      assert.equal(panel.fake.servers.size, 1);
      await panel.run('forget', service);
      assert.equal(panel.fake.servers.size, 0);
    });

    it('shows the customer addresses, the main one first', async () => {
      const { service } = await panel.create(serviceOf(PORTS));
      const { addresses, ...rest } = await pterodactyl.info(service, panel.context());
      const main = panel.fake.allocations.get(panel.only().allocation);
      assert.ok(Array.isArray(addresses));
      assert.deepEqual([addresses.length, addresses[0]], [3, `${main?.ip}:${main?.port}`]);
      assert.deepEqual(rest, {
        name: 'Ada’s world',
        identifier: panel.only().uuid.slice(0, 8),
        status: 'installed',
        memoryMiB: 2048,
        diskMiB: 10_240,
        cpuPercent: 200,
      });
    });

    it('passes on the panel’s own rate limit', async () => {
      panel.fake.requestsLeft = 0;
      const call = pterodactyl.testConnection(panel.context());
      const { retryAfterMs } = await failureOf(call, 'rate_limited');
      assert.equal(retryAfterMs, 42_000);
    });
  });
});
