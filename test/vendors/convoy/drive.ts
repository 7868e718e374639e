// How the tests of the Convoy extension drive it: one fresh panel for each test.

import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'node:test';

import type { JsonObject, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/convoy/extension.ts';
import { settle } from '../../contract/subject.ts';
import { handlersOf } from '../../helpers/context.ts';
import type { FakeConvoy } from './fake.ts';
import { serviceOf, SETTINGS, startBench, VENDOR } from './setup.ts';
import type { Bench } from './setup.ts';

/** The extension with all handlers there. */
export const convoy = handlersOf(definition);

/** The order to make a server. */
export const ORDER = /^POST \/api\/application\/servers$/;

/** Bytes */
export const GIB = 1_073_741_824;

/** Registers the hooks of the tests around it. */
export function usePanel() {
  let bench: Bench;
  beforeEach(async () => {
    bench = await startBench();
  });
  afterEach(() => bench[Symbol.asyncDispose]());
  const drive = async (operation: 'create' | 'suspend' | 'terminate', service: Service) =>
    settle(VENDOR, bench, {
      operation,
      service,
      first: await convoy[operation](service, bench.context()),
    });
  return {
    get bench(): Bench {
      return bench;
    },
    get fake(): FakeConvoy {
      return bench.fake;
    },
    context: () => bench.context(),
    drive,
    create: (settings: JsonObject = SETTINGS, id = '17') =>
      drive('create', serviceOf(settings, id)),
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
    orders: () => bench.fake.requests.filter(({ method, path }) => ORDER.test(`${method} ${path}`)),
    /** Gives addresses to somebody else. */
    take: (ids: readonly number[]) => {
      for (const id of ids) {
        const address = bench.fake.addresses.get(id);
        assert.ok(address);
        address.server = 'somebody';
      }
    },
  };
}

/** A service that moves to a product with other settings. */
export const changeTo = (service: Service, settings: JsonObject) => ({
  ...service,
  product: { ...service.product, settings },
  previousProduct: service.product,
});
