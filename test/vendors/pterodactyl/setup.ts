// The Pterodactyl extension with a fake panel of its own, for its tests and the contract of servers.

import assert from 'node:assert/strict';

import type { JsonObject, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/pterodactyl/extension.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import { API_KEY, CLIENT_KEY, startFakePterodactyl } from './fake.ts';
import type { FakePterodactyl } from './fake.ts';

const HOST = 'panel.example.com';
const SEALED = { api: 'sealed:AAAABBBBCCCCDDDDEEEEFF', client: 'sealed:GGGGHHHHIIIIJJJJKKKKLL' };

/** Settings of a product that the fake can make. */
export const SETTINGS = {
  locationIds: [1],
  nestId: 1,
  eggId: 5,
  memoryMiB: 2048,
  diskMiB: 10_240,
  cpuPercent: 200,
  databases: 1,
  portRange: ['25565-25570'],
  env_SERVER_JARFILE: 'paper.jar',
  customerVariables: ['MAX_PLAYERS'],
} satisfies JsonObject;

/** The extension and its panel. */
export type Bench = ServerSubject & { readonly fake: FakePterodactyl };

/** Starts both; the caller disposes of them. */
export async function startBench(values: JsonObject = {}): Promise<Bench> {
  const fake = await startFakePterodactyl();
  const settle = { clientKey: SEALED.client, ...values };
  return {
    fake,
    vendor: fake,
    context({ isWrong = false, signal } = {}) {
      const fetch = createVendorFetch({
        origins: { [`https://${HOST}`]: fake.origin },
        sealed: { [SEALED.api]: isWrong ? 'ptla_wrong' : API_KEY, [SEALED.client]: CLIENT_KEY },
      });
      const config = definition.config?.parse({ host: HOST, apiKey: SEALED.api, ...settle });
      assert.ok(config);
      return createTestContext({
        config,
        fetch,
        ...(signal === undefined ? {} : { call: { signal } }),
      });
    },
    service: (id = '17') => serviceOf(SETTINGS, id),
    objects: () =>
      [...fake.servers.values()]
        .filter(({ external_id: id }) => id !== null)
        .map(({ id, user, status, limits, egg, environment, node }) => ({
          id: String(id),
          email: fake.users.get(user)?.email ?? '',
          state: status === 'suspended' ? 'suspended' : 'active',
          size: { limits, egg, node, jar: environment['SERVER_JARFILE'] },
        })),
    vanish: (id) => void fake.servers.delete(Number(id)),
    addCustomer(email) {
      const id = fake.users.size + 100;
      const username = `user${id}`;
      fake.users.set(id, {
        id,
        email,
        username,
        first_name: 'A',
        last_name: 'B',
        root_admin: false,
      });
    },
    fillPages: () => fillPages(fake),
    finishWork: () => fake.finishInstalls(),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

/** A service of ada@example.com under a product with these settings. */
export function serviceOf(settings: JsonObject, id = '17', more: Partial<Service> = {}): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' },
    product: { id: 'p', name: 'Paper', settings },
    checkout: { serverName: 'Ada’s world', env_MAX_PLAYERS: '30' },
    properties: {},
    ...more,
  };
}

function fillPages(fake: FakePterodactyl): number {
  const count = 230;
  for (let id = 1000; id < 1000 + count; id += 1) {
    fake.users.set(id, {
      id,
      email: `u${id}@example.net`,
      username: `u${id}`,
      first_name: 'U',
      last_name: 'U',
      root_admin: false,
    });
    fake.servers.set(id, {
      id,
      uuid: `${String(id).padStart(8, '0')}-0000-4000-8000-000000000000`,
      external_id: null,
      name: `other ${id}`,
      status: null,
      user: id,
      node: 2,
      allocation: 0,
      egg: 6,
      startup: './ark',
      image: 'x',
      skip_scripts: false,
      limits: { memory: 1, swap: 0, disk: 1, io: 500, cpu: 0, threads: null },
      oom_disabled: true,
      feature_limits: { databases: 0, allocations: 0, backups: 0 },
      environment: {},
    });
  }
  return count;
}

/** The vendor of the contract suite. */
export const VENDOR: ServerVendor = {
  name: 'pterodactyl',
  definition,
  start: () => startBench(),
  secrets: [API_KEY, CLIENT_KEY],
  hasCredentials: ({ headers, path }) =>
    headers['authorization'] === `Bearer ${path.startsWith('/api/client/') ? CLIENT_KEY : API_KEY}`,
  patterns: {
    probe: /^GET \/api\/application\/servers\?/,
    lookup: /^GET \/api\/application\/servers\/external\//,
    create: /^POST \/api\/application\/servers(?:\?|$)/,
    terminate: /^DELETE \/api\/application\/servers\/\d+$/,
  },
  refusedField: {
    field: 'limits.memory',
    reply: {
      status: 422,
      json: {
        errors: [
          {
            code: 'ValidationException',
            status: '422',
            detail: 'The limits.memory must be at least 0.',
            meta: { source_field: 'limits.memory', rule: 'min' },
          },
        ],
      },
    },
  },
  refusals: [
    {
      code: 'capacity',
      reply: {
        status: 400,
        json: {
          errors: [
            {
              code: 'NoViableNodeException',
              status: '400',
              detail: 'No node satisfies the demand.',
            },
          ],
        },
      },
    },
    {
      code: 'locked',
      reply: {
        status: 409,
        json: {
          errors: [
            {
              code: 'ConflictHttpException',
              status: '409',
              detail: 'Another deployment is running.',
            },
          ],
        },
      },
    },
  ],
  unauthorized: {
    status: 401,
    json: {
      errors: [{ code: 'AuthenticationException', status: '401', detail: 'Unauthenticated.' }],
    },
  },
  greedyCheckout: {
    memoryMiB: 65_536,
    nodeId: 2,
    eggId: 6,
    locationIds: [2],
    env_SERVER_JARFILE: 'evil.jar',
    SERVER_JARFILE: 'evil.jar',
  },
  larger: {
    settings: { ...SETTINGS, memoryMiB: 4096, cpuPercent: 400 },
    size: {
      limits: { memory: 4096, swap: 0, disk: 10_240, io: 500, cpu: 400, threads: null },
      egg: 5,
      node: 1,
      jar: 'paper.jar',
    },
  },
  loginHost: HOST,
  badCheckout: { checkout: { env_MAX_PLAYERS: 'many' }, field: 'env_MAX_PLAYERS' },
};
