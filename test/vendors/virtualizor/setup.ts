// The Virtualizor extension with its fake, as tests and the claims about servers need them.

import assert from 'node:assert/strict';

import type { Json, JsonObject, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/virtualizor/extension.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch, handlersOf } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { API_KEY, API_PASSWORD, CLIENT_PREFIX, LOGIN_PAGE, startFakeVirtualizor } from './fake.ts';
import type { FakeVirtualizor } from './fake.ts';

/** The extension with all handlers there. */
export const extension = handlersOf(definition);

/** Where the master is in tests. */
export const HOST = 'virt.example.com';
const SEALED = { key: 'sealed:AAAABBBBCCCCDDDDEEEEFF', pass: 'sealed:GGGGHHHHIIIIJJJJKKKKLL' };

/** Settings of a product that can be sold. */
export const SETTINGS: JsonObject = { virt: 'kvm', plan: '3', osIds: ['1001', '1002'] };

type Config = Parameters<typeof extension.testConnection>[0]['config'];

/** A context of one instance; contexts that share `storage` are of the same one. */
export function contextOf(
  fake: FakeVirtualizor,
  options: { isWrong?: boolean; signal?: AbortSignal; storage?: Map<string, Json> } = {},
): TestContext<Config> {
  const fetch = createVendorFetch({
    origins: {
      [`https://${HOST}:4085`]: fake.origin,
      [`https://${HOST}:4083`]: `${fake.origin}${CLIENT_PREFIX}`,
    },
    sealed: {
      [SEALED.key]: options.isWrong === true ? 'wrong' : API_KEY,
      [SEALED.pass]: API_PASSWORD,
    },
  });
  const config = definition.config?.parse({
    host: HOST,
    apiKey: SEALED.key,
    apiPassword: SEALED.pass,
  });
  assert.ok(config);
  return createTestContext({
    config,
    fetch,
    ...(options.storage === undefined ? {} : { storage: options.storage }),
    ...(options.signal === undefined ? {} : { call: { signal: options.signal } }),
  });
}

/** A service of ada@example.com; every one wants the same host name. */
export function serviceOf(id = 's-1', settings: JsonObject = SETTINGS): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' },
    product: { id: 'p', name: 'VPS', settings },
    checkout: { hostname: 'web1.example.com', os: '1001' },
    properties: {},
  };
}

async function start(): Promise<ServerSubject> {
  const fake = await startFakeVirtualizor();
  const storage = new Map<string, Json>();
  const others = new Set<string>();
  return {
    vendor: fake,
    context: (options = {}) => contextOf(fake, { ...options, storage }),
    service: (id) => serviceOf(id),
    objects: () =>
      [...fake.vpses.values()]
        .filter(({ vpsid }) => !others.has(vpsid))
        .map(({ vpsid, email, suspended, plid, ram, space }) => ({
          id: vpsid,
          email,
          state: suspended === '1' ? 'suspended' : 'active',
          size: { plid, ram, space },
        })),
    vanish: (id) => void fake.vpses.delete(id),
    addCustomer: (email) => void fake.addUser(email),
    fillPages() {
      const uid = fake.addUser('many@example.net');
      for (let count = 0; count < 120; count += 1) others.add(fake.addVps({ uid }).vpsid);
      return 120;
    },
    finishWork: () => fake.finishTasks(),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

/** What the claims about servers need to know. */
export const virtualizor: ServerVendor = {
  name: 'virtualizor',
  definition,
  start,
  secrets: [API_KEY, API_PASSWORD],
  credentialParameters: ['adminapikey', 'adminapipass'],
  hasCredentials: ({ query }) =>
    query.get('adminapikey') === API_KEY && query.get('adminapipass') === API_PASSWORD,
  patterns: {
    probe: /^GET \/index\.php\?act=plans&/,
    lookup: /^GET \/index\.php\?act=vs&.*user=/,
    create: /^POST \/index\.php\?act=addvs&/,
    terminate: /^POST \/index\.php\?act=vs&delete=/,
  },
  refusedField: {
    reply: { status: 200, json: { title: 'Add', error: { hostname: 'is not valid' } } },
    field: 'hostname',
  },
  refusals: [
    {
      code: 'capacity',
      reply: {
        status: 200,
        json: { title: 'Add', error: ['There are not enough IPs in the pool'] },
      },
    },
    {
      code: 'locked',
      reply: { status: 200, json: { title: 'Add', error: ['The node is locked'] } },
    },
  ],
  unauthorized: { status: 200, html: LOGIN_PAGE },
  greedyCheckout: { plan: '4', plid: '4', ram: 65_536, space: 500, cores: 64, virt: 'lxc', ips: 9 },
  larger: { settings: { ...SETTINGS, plan: '4' }, size: { plid: '4', ram: '8192', space: '160' } },
  loginHost: `${HOST}:4083`,
  badCheckout: { checkout: { hostname: '-web1' }, field: 'hostname' },
};
