// The Convoy extension with a fake panel of its own, for its tests and the contract of servers.

import assert from 'node:assert/strict';

import type { JsonObject, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/convoy/extension.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import { API_KEY, startFakeConvoy } from './fake.ts';
import type { FakeConvoy } from './fake.ts';
import { TEMPLATES } from './state.ts';

const HOST = 'convoy.example.com';
const SEALED = 'sealed:AAAABBBBCCCCDDDDEEEEFF';
const GIB = 1_073_741_824;

/** Settings of a product that the fake can make. */
export const SETTINGS = {
  nodeId: 1,
  templates: [TEMPLATES.debian, TEMPLATES.windows],
  cpu: 2,
  memoryMiB: 2048,
  diskGiB: 20,
  bandwidthGiB: 500,
  snapshots: 1,
  backups: 2,
  ipv4: 1,
  ipv6: 1,
} satisfies JsonObject;

/** The extension and its panel. */
export type Bench = ServerSubject & { readonly fake: FakeConvoy };

/** Starts both; the caller disposes of them. */
export async function startBench(values: JsonObject = {}): Promise<Bench> {
  const fake = await startFakeConvoy();
  return {
    fake,
    vendor: fake,
    context({ isWrong = false, signal } = {}) {
      const fetch = createVendorFetch({
        origins: { [`https://${HOST}`]: fake.origin },
        sealed: { [SEALED]: isWrong ? '9|wrong' : API_KEY },
      });
      const config = definition.config?.parse({ host: HOST, apiKey: SEALED, ...values });
      assert.ok(config);
      const call = signal === undefined ? {} : { call: { signal } };
      return createTestContext({ config, fetch, ...call });
    },
    service: (id = '17') => serviceOf(SETTINGS, id),
    objects: () =>
      [...fake.servers.values()]
        .filter(({ name }) => name.includes(' cf-'))
        .map(({ uuid, user_id: user, status, cpu, memory, disk, bandwidth, node_id: node }) => ({
          id: uuid,
          email: fake.users.get(user)?.email ?? '',
          state: status === 'suspended' ? 'suspended' : 'active',
          size: { cpu, memory, disk, bandwidth, node, addresses: held(fake, uuid).length },
        })),
    vanish: (id) => void fake.servers.delete(id),
    addCustomer(email) {
      const id = fake.users.size + 100;
      fake.users.set(id, { id, email, name: 'A', password: 'x', root_admin: false });
    },
    fillPages: () => fillPages(fake),
    finishWork: () => fake.finishJobs(),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

/** The addresses that a server has. */
export const held = (fake: FakeConvoy, uuid: string) =>
  [...fake.addresses.values()].filter(({ server }) => server === uuid);

/** A service of ada@example.com under a product with these settings. */
export function serviceOf(settings: JsonObject, id = '17', more: Partial<Service> = {}): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' },
    product: { id: 'p', name: 'VPS', settings },
    checkout: { template: TEMPLATES.debian, hostname: 'vm1.example.com' },
    properties: {},
    ...more,
  };
}

function fillPages(fake: FakeConvoy): number {
  const count = 230;
  fake.users.set(900, {
    id: 900,
    email: 'others@example.net',
    name: 'O',
    password: 'x',
    root_admin: false,
  });
  for (let id = 1000; id < 1000 + count; id += 1) {
    const uuid = `${String(id).padStart(8, '0')}-0000-4000-8000-000000000000`;
    fake.servers.set(uuid, {
      internal_id: id,
      uuid,
      node_id: 2,
      user_id: 900,
      vmid: id,
      name: `other ${id}`,
      hostname: 'other.example.net',
      status: null,
      cpu: 1,
      memory: 1,
      disk: 1,
      snapshots: 0,
      backups: 0,
      bandwidth: null,
      bandwidth_usage: 0,
      template: TEMPLATES.other,
      password: '',
      isStarted: true,
      work: undefined,
    });
  }
  return count;
}

/** The vendor of the contract suite. */
export const VENDOR: ServerVendor = {
  name: 'convoy',
  definition,
  start: () => startBench(),
  secrets: [API_KEY],
  hasCredentials: ({ headers }) => headers['authorization'] === `Bearer ${API_KEY}`,
  patterns: {
    probe: /^GET \/api\/application\/servers\?/,
    lookup: /^GET \/api\/application\/servers\?.*filter%5Bname%5D=/,
    create: /^POST \/api\/application\/servers$/,
    terminate: /^DELETE \/api\/application\/servers\/[\w-]+$/,
  },
  refusedField: {
    field: 'limits.cpu',
    reply: {
      status: 422,
      json: {
        message: 'The limits.cpu field must be at least 1.',
        errors: { 'limits.cpu': ['The limits.cpu field must be at least 1.'] },
      },
    },
  },
  refusals: [
    {
      code: 'capacity',
      reply: {
        status: 422,
        json: {
          message: 'No',
          errors: { memory: ["The memory value exceeds the node's limit."] },
        },
      },
    },
    { code: 'locked', reply: { status: 409, json: { message: 'The server is not ready.' } } },
  ],
  unauthorized: { status: 401, json: { message: 'Unauthenticated.' } },
  greedyCheckout: { cpu: 64, memoryMiB: 65_536, nodeId: 2, ipv4: 5, bandwidthGiB: 0 },
  larger: {
    settings: { ...SETTINGS, cpu: 4, memoryMiB: 4096, diskGiB: 40, ipv4: 2, bandwidthGiB: 0 },
    size: { cpu: 4, memory: 4 * GIB, disk: 40 * GIB, bandwidth: null, node: 1, addresses: 3 },
  },
  loginHost: HOST,
  badCheckout: { checkout: { hostname: 'not a host' }, field: 'hostname' },
};
