// The Plesk extension with its fake, as tests of it need them.

import assert from 'node:assert/strict';

import type { Json, JsonObject, Service } from 'cofferdam/sdk';

import type { Config } from '../../../plugins/servers/plesk/config.ts';
import definition from '../../../plugins/servers/plesk/extension.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { API_KEY, startFakePlesk } from './fake.ts';
import type { FakePlesk } from './fake.ts';

/** The host of the config; nothing is ever sent there. */
export const HOST = 'plesk.example.com';
const SEALED = 'sealed:PPPPLLLLEEEESSSSKKKKEE';

/** What a test may choose of a call. */
export type CallOptions = {
  readonly isWrong?: boolean;
  readonly signal?: AbortSignal;
  readonly config?: object;
  readonly sealed?: Readonly<Record<string, string>>;
  readonly storage?: Map<string, Json>;
};

/** A context of one call towards the fake. */
export function contextOf(
  fake: Pick<FakePlesk, 'origin'>,
  { isWrong = false, signal, config: values, sealed, storage }: CallOptions = {},
): TestContext<Config> {
  const fetch = createVendorFetch({
    origins: { [`https://${HOST}:8443`]: fake.origin },
    sealed: sealed ?? { [SEALED]: isWrong ? 'wrong-wrong-wrong' : API_KEY },
  });
  const config = definition.config?.parse(values ?? { host: HOST, apiKey: SEALED });
  assert.ok(config);
  return createTestContext({
    config,
    fetch,
    ...(storage === undefined ? {} : { storage }),
    call: signal === undefined ? {} : { signal },
  });
}

/** A service of ada@example.com on the plan `Starter`. */
export function serviceOf(
  id = '1',
  more: { checkout?: JsonObject; properties?: JsonObject } = {},
): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' },
    product: { id: 'p', name: 'Hosting', settings: { plan: 'Starter' } },
    checkout: { domain: `s${id.toLowerCase()}.example.com` },
    properties: {},
    ...more,
  };
}

/** What the claims about servers need. */
export const PLESK: ServerVendor = {
  name: 'plesk',
  definition,
  start: async () => subjectOf(await startFakePlesk()),
  secrets: [API_KEY],
  hasCredentials: ({ headers }) => headers['x-api-key'] === API_KEY,
  patterns: {
    probe: /^GET \/api\/v2\/server$/,
    lookup: /^GET \/api\/v2\/domains\?name=/,
    create: /^POST \/api\/v2\/domains$/,
    terminate: /^DELETE \/api\/v2\/domains\/\d+$/,
  },
  refusedField: {
    reply: { status: 400, json: { code: 1019, message: 'ftp_login: must not contain the domain' } },
    field: 'ftp_login',
  },
  taken: {
    status: 400,
    json: { code: 1007, message: 'Domain s1.example.com already exists' },
  },
  refusals: [
    {
      code: 'capacity',
      reply: {
        status: 400,
        json: { code: 1007, message: 'The limit on the number of domains is reached' },
      },
    },
    {
      code: 'locked',
      reply: { status: 400, json: { code: 1000, message: 'The subscription is locked' } },
    },
  ],
  unauthorized: { status: 401, json: { code: 401, message: 'You should be authenticated' } },
  greedyCheckout: { plan: 'Business', ip: '203.0.113.9', owner: 'admin' },
  larger: { settings: { plan: 'Business' }, size: { plan: 'Business', ips: [] } },
  loginHost: `${HOST}:8443`,
  badCheckout: { checkout: { domain: 'not a domain' }, field: 'domain' },
};

function subjectOf(fake: FakePlesk): ServerSubject {
  const config = { host: HOST, apiKey: SEALED, adoptCustomers: true };
  const storage = new Map<string, Json>();
  return {
    vendor: fake,
    context: (options) => contextOf(fake, { ...options, config, storage }),
    service: (id) => serviceOf(id),
    objects: () =>
      [...fake.domains.values()].map(({ id, clientId, status, plan, ips }) => ({
        id: String(id),
        email: fake.clients.get(clientId)?.email ?? '',
        state: status === 'active' ? 'active' : 'suspended',
        size: { plan, ips },
      })),
    vanish: (id) => void fake.domains.delete(Number(id)),
    addCustomer: (email) => void fake.addClient(email),
    finishWork: () => undefined,
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}
