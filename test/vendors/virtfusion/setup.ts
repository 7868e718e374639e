// The VirtFusion extension with its fake, as tests and the claims about servers need them.

import assert from 'node:assert/strict';

import type { Json, JsonObject, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/virtfusion/extension.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { API_TOKEN, startFakeVirtFusion } from './fake.ts';
import type { FakeVirtFusion } from './fake.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

/** Where the control server is in tests. */
export const HOST = 'cp.example.com';
const SEALED = 'sealed:AAAABBBBCCCCDDDDEEEEFF';

/** Settings of a product that can be sold. */
export const SETTINGS: JsonObject = { packageId: 1, groupId: 225, ipv4: 1, osIds: [31, 32] };

type Config = Parameters<typeof extension.testConnection>[0]['config'];

/** A context of one instance; contexts that share `storage` are of the same one. */
export function contextOf(
  fake: FakeVirtFusion,
  options: { isWrong?: boolean; signal?: AbortSignal; storage?: Map<string, Json> } = {},
): TestContext<Config> {
  const fetch = createVendorFetch({
    origins: { [`https://${HOST}`]: fake.origin },
    sealed: { [SEALED]: options.isWrong === true ? 'wrong' : API_TOKEN },
  });
  const config = definition.config?.parse({ host: HOST, apiToken: SEALED });
  assert.ok(config);
  return createTestContext({
    config,
    fetch,
    ...(options.storage === undefined ? {} : { storage: options.storage }),
    ...(options.signal === undefined ? {} : { call: { signal: options.signal } }),
  });
}

/** A service of customer 7, ada@example.com; every one wants the same host name. */
export function serviceOf(id = 's-1', settings: JsonObject = SETTINGS): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' },
    product: { id: 'p', name: 'VPS', settings },
    checkout: { hostname: 'web1.example.com', os: 31 },
    properties: {},
  };
}

async function start(): Promise<ServerSubject> {
  const fake = await startFakeVirtFusion();
  const storage = new Map<string, Json>();
  const others = new Set<number>();
  return {
    vendor: fake,
    context: (options = {}) => contextOf(fake, { ...options, storage }),
    service: (id) => serviceOf(id),
    objects: () =>
      [...fake.servers.values()]
        .filter(({ id }) => !others.has(id))
        .map(({ id, ownerId, suspended, packageId, groupId, ipv4, memory, storage: disk }) => ({
          id: String(id),
          email: fake.users.get(ownerId)?.email ?? '',
          state: suspended ? 'suspended' : 'active',
          size: { packageId, groupId, ipv4, memory, storage: disk },
        })),
    vanish: (id) => void fake.servers.delete(Number(id)),
    addCustomer(email) {
      // VirtFusion knows customers by their relation: whoever is linked to customer 7 is Ada.
      const extRelationId = email.toLowerCase() === 'ada@example.com' ? 7 : null;
      fake.addUser({ email, extRelationId });
    },
    fillPages() {
      const { id: ownerId } = fake.addUser({ email: 'many@example.net' });
      for (let count = 0; count < 450; count += 1) others.add(fake.addServer({ ownerId }).id);
      return 450;
    },
    finishWork: () => fake.finishQueue(),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

/** What the claims about servers need to know. */
export const virtfusion: ServerVendor = {
  name: 'virtfusion',
  definition,
  start,
  secrets: [API_TOKEN],
  hasCredentials: ({ headers }) => headers['authorization'] === `Bearer ${API_TOKEN}`,
  patterns: {
    probe: /^GET \/api\/v1\/connect$/,
    lookup: /^GET \/api\/v1\/users\/7\/byExtRelation$/,
    create: /^POST \/api\/v1\/servers$/,
    terminate: /^DELETE \/api\/v1\/servers\/\d+/,
  },
  refusedField: {
    reply: {
      status: 422,
      json: { message: 'Validation failed', errors: { hypervisorId: ['is not valid.'] } },
    },
    field: 'hypervisorId',
  },
  refusals: [
    {
      code: 'capacity',
      reply: { status: 422, json: { message: 'No available hypervisor in this group' } },
    },
    { code: 'locked', reply: { status: 423, json: { message: 'The hypervisor is locked' } } },
  ],
  unauthorized: { status: 401, json: { message: 'Unauthenticated' } },
  greedyCheckout: { packageId: 2, groupId: 3, ipv4: 9, memory: 65_536, storage: 500, cpuCores: 64 },
  larger: {
    settings: { ...SETTINGS, packageId: 2 },
    size: { packageId: 2, groupId: 225, ipv4: 1, memory: 4096, storage: 80 },
  },
  loginHost: HOST,
  badCheckout: { checkout: { hostname: '-web1' }, field: 'hostname' },
};
