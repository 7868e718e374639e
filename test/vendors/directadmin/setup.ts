// The DirectAdmin extension with its fake, as tests of it need them.

import assert from 'node:assert/strict';

import type { Json, JsonObject, Service } from 'cofferdam/sdk';

import type { DirectAdminContext } from '../../../plugins/servers/directadmin/config.ts';
import definition from '../../../plugins/servers/directadmin/extension.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { LOGIN_KEY, startFakeDirectAdmin, UNAUTHORIZED, USERNAME } from './fake.ts';
import type { FakeDirectAdmin } from './fake.ts';

/** The host of the config; nothing is ever sent there. */
export const HOST = 'da.example.com';
const SEALED = 'sealed:DDDDAAAADDDDMMMMIIIINN';

/** A context of one call towards the fake. */
export function contextOf(
  fake: Pick<FakeDirectAdmin, 'origin'>,
  options: {
    readonly isWrong?: boolean;
    readonly signal?: AbortSignal;
    readonly storage?: Map<string, Json>;
  } = {},
): TestContext<DirectAdminContext['config']> {
  const { isWrong = false, signal, storage = new Map() } = options;
  const fetch = createVendorFetch({
    origins: { [`https://${HOST}:2222`]: fake.origin },
    sealed: { [SEALED]: isWrong ? 'WRONGWRONGWRONGWRONG' : LOGIN_KEY },
  });
  const config = definition.config?.parse({ host: HOST, username: USERNAME, loginKey: SEALED });
  assert.ok(config);
  return createTestContext({
    config,
    fetch,
    storage,
    ...(signal === undefined ? {} : { call: { signal } }),
  });
}

const SMALL = { package: 'small', ip: '192.0.2.10' };

/** A service of ada@example.com on the package `small`. */
export function serviceOf(
  id = '1',
  more: { checkout?: JsonObject; properties?: JsonObject } = {},
): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com' },
    product: { id: 'p', name: 'Hosting', settings: SMALL },
    checkout: { domain: `s${id.toLowerCase()}.example.com` },
    properties: {},
    ...more,
  };
}

/** The user that Basic credentials speak for, and their key. */
export function credentialsOf(headers: Readonly<Record<string, string>>): [string, string] {
  const [, encoded = ''] = /^Basic (.+)$/.exec(headers['authorization'] ?? '') ?? [];
  const [name = '', key = ''] = atob(encoded).split(':');
  return [name, key];
}

/** What the claims about servers need. */
export const DIRECTADMIN: ServerVendor = {
  name: 'directadmin',
  definition,
  start: async () => subjectOf(await startFakeDirectAdmin()),
  secrets: [LOGIN_KEY],
  hasCredentials: ({ headers }) => credentialsOf(headers)[1] === LOGIN_KEY,
  patterns: {
    probe: /^GET \/api\/session$/,
    lookup: /^GET \/api\/users\/[^/]+\/config$/,
    create: /^POST \/CMD_API_ACCOUNT_USER$/,
    terminate: /^POST \/CMD_API_SELECT_USERS$/,
  },
  refusedField: {
    reply: {
      status: 200,
      json: { error: 'Unable to create user', result: 'domain is not a valid name here' },
    },
    field: 'domain',
  },
  taken: {
    status: 200,
    json: { error: 'Unable to create user', result: 'That username already exists' },
  },
  refusals: [
    {
      code: 'capacity',
      reply: {
        status: 200,
        json: { error: 'Unable to create user', result: 'You have reached your limit' },
      },
    },
    {
      code: 'locked',
      reply: {
        status: 200,
        json: { error: 'Unable to create user', result: 'The user is locked' },
      },
    },
  ],
  unauthorized: { status: 401, json: UNAUTHORIZED },
  greedyCheckout: { package: 'large', ip: '192.0.2.11', userType: 'admin', notify: 'yes' },
  larger: {
    settings: { ...SMALL, package: 'large' },
    size: { package: 'large', ip: '192.0.2.10', userType: 'user' },
  },
  loginHost: `${HOST}:2222`,
  badCheckout: { checkout: { domain: 'not a domain' }, field: 'domain' },
};

function subjectOf(fake: FakeDirectAdmin): ServerSubject {
  const storage = new Map<string, Json>();
  return {
    vendor: fake,
    context: (options) => contextOf(fake, { ...options, storage }),
    service: (id) => serviceOf(id),
    objects: () =>
      [...fake.users.values()]
        .filter(({ username }) => !username.startsWith('other'))
        .map(({ username, email, suspended, package: wanted, ip, userType }) => ({
          id: username,
          email,
          state: suspended ? 'suspended' : 'active',
          size: { package: wanted, ip, userType },
        })),
    vanish: (id) => void fake.users.delete(id),
    // DirectAdmin has no customers, only users with an address: one of a stranger.
    addCustomer: (email) => void fake.add({ username: `other${fake.users.size}`, email }),
    fillPages() {
      const count = 120;
      for (let index = 0; index < count; index += 1) fake.add({ username: `other${index}` });
      return count;
    },
    finishWork: () => undefined,
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}
