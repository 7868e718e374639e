// How the tests of the Pterodactyl extension drive it: one fresh panel for each test.

import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'node:test';

import type { ActionResult, JsonObject, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/pterodactyl/extension.ts';
import { settle } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import type { FakePterodactyl } from './fake.ts';
import { startBench, VENDOR } from './setup.ts';
import type { Bench } from './setup.ts';

/** The extension with all handlers there. */
export const pterodactyl = handlersOf(definition);

/** The order to make a server. */
export const ORDER = /^POST \/api\/application\/servers(?:\?|$)/;

/** Registers the hooks of the tests around it. */
export function usePanel() {
  let bench: Bench;
  beforeEach(async () => {
    bench = await startBench();
  });
  afterEach(() => bench[Symbol.asyncDispose]());
  return {
    get bench(): Bench {
      return bench;
    },
    get fake(): FakePterodactyl {
      return bench.fake;
    },
    context: () => bench.context(),
    create: async (service: Service) =>
      settle(VENDOR, bench, {
        operation: 'create',
        service,
        first: await pterodactyl.create(service, bench.context()),
      }),
    /** What changed something at the panel. */
    writes: () =>
      bench.fake.requests
        .filter(({ method }) => method !== 'GET')
        .map(({ method, path }) => `${method} ${path.replace('/api/application', '')}`),
    /** The one server there is. */
    only: () => {
      const [server, ...others] = [...bench.fake.servers.values()];
      assert.ok(server);
      assert.deepEqual(others, []);
      return server;
    },
    /** The addresses that a server has. */
    held: (id: number) =>
      [...bench.fake.allocations.values()].filter(({ server }) => server === id),
    /** What the newest order asked for. */
    lastOrder: () =>
      bench.fake.requests.findLast(({ path, method }) => ORDER.test(`${method} ${path}`))?.json,
    run: (
      name: keyof NonNullable<typeof definition.actions>,
      subject: Service,
    ): Promise<ActionResult> => {
      const action = pterodactyl.actions[name];
      assert.ok(action);
      return action.run({ subject, values: {} }, bench.context());
    },
  };
}

/** A service that moves to a product with other settings. */
export const changeTo = (service: Service, settings: JsonObject) => ({
  ...service,
  product: { ...service.product, settings },
  previousProduct: service.product,
});
