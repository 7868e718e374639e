// The cPanel extension with its fake, as tests of it need them.

import assert from 'node:assert/strict';

import type { Json, JsonObject, Service } from 'cofferdam/sdk';

import definition from '../../../plugins/servers/cpanel/extension.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import type { CpanelContext } from '../../../plugins/servers/cpanel/config.ts';
import { ACCESS_DENIED, API_TOKEN, startFakeCpanel, USERNAME } from './fake.ts';
import type { FakeCpanel } from './fake.ts';

/** The host of the config; nothing is ever sent there. */
export const HOST = 'whm.example.com';
const SEALED = 'sealed:CCCCPPPPAAAANNNNEEEELL';

/** What a test may choose of a call. */
export type CallOptions = {
  readonly isWrong?: boolean;
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
  readonly storage?: Map<string, Json>;
  /** Stands between the extension and the fake. */
  readonly wrap?: (fetch: typeof globalThis.fetch) => typeof globalThis.fetch;
};

/** A context of one call towards the fake. */
export function contextOf(
  fake: Pick<FakeCpanel, 'origin'>,
  options: CallOptions = {},
): TestContext<CpanelContext['config']> {
  const {
    isWrong = false,
    signal,
    deadlineMs,
    storage = new Map(),
    wrap = (fetch) => fetch,
  } = options;
  const fetch = createVendorFetch({
    origins: { [`https://${HOST}:2087`]: fake.origin },
    sealed: { [SEALED]: isWrong ? 'WRONGWRONGWRONGWRONG' : API_TOKEN },
  });
  const config = definition.config?.parse({ host: HOST, username: USERNAME, apiToken: SEALED });
  assert.ok(config);
  const call = {
    ...(signal === undefined ? {} : { signal }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
  return createTestContext({ config, fetch: wrap(fetch), call, storage });
}

/** A service of ada@example.com on the package `starter`. */
export function serviceOf(
  id = '1',
  more: { checkout?: JsonObject; properties?: JsonObject } = {},
): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com' },
    product: { id: 'p', name: 'Hosting', settings: { package: 'starter' } },
    checkout: { domain: `s${id.toLowerCase()}.example.com` },
    properties: {},
    ...more,
  };
}

/** What the claims about servers need. */
export const CPANEL: ServerVendor = {
  name: 'cpanel',
  definition,
  start: async () => subjectOf(await startFakeCpanel()),
  secrets: [API_TOKEN],
  hasCredentials: ({ headers }) => headers['authorization'] === `whm ${USERNAME}:${API_TOKEN}`,
  patterns: {
    probe: /^GET \/json-api\/version/,
    lookup: /^GET \/json-api\/listaccts/,
    create: /^POST \/json-api\/createacct$/,
    terminate: /^POST \/json-api\/removeacct$/,
  },
  refusedField: {
    reply: {
      status: 200,
      json: {
        metadata: {
          version: 1,
          command: 'createacct',
          result: 0,
          reason: 'Sorry, the domain “s1.example.com” is not valid here.',
        },
      },
    },
    field: 'domain',
  },
  taken: {
    status: 200,
    json: {
      metadata: {
        version: 1,
        command: 'createacct',
        result: 0,
        reason: 'Sorry, a group for that username already exists.',
      },
    },
  },
  refusals: [
    {
      code: 'capacity',
      reply: {
        status: 200,
        json: {
          metadata: {
            version: 1,
            command: 'createacct',
            result: 0,
            reason: 'You have reached the maximum number of accounts that you may create.',
          },
        },
      },
    },
    {
      code: 'locked',
      reply: {
        status: 200,
        json: {
          metadata: {
            version: 1,
            command: 'createacct',
            result: 0,
            reason: 'The account is locked by another process.',
          },
        },
      },
    },
  ],
  unauthorized: { status: 403, json: ACCESS_DENIED },
  greedyCheckout: {
    package: 'unmetered',
    plan: 'unmetered',
    dedicatedIp: true,
    ip: 'y',
    reseller: 1,
  },
  larger: { settings: { package: 'business' }, size: { plan: 'business', dedicatedIp: false } },
  loginHost: `${HOST}:2083`,
  badCheckout: { checkout: { domain: 'not a domain' }, field: 'domain' },
};

function subjectOf(fake: FakeCpanel): ServerSubject {
  const storage = new Map<string, Json>();
  const isOurs = (user: string): boolean => !user.startsWith('other');
  return {
    vendor: fake,
    context: (options) => contextOf(fake, { ...options, storage }),
    service: (id) => serviceOf(id),
    objects: () =>
      [...fake.accounts.values()]
        .filter(({ user }) => isOurs(user))
        .map(({ user, email, suspended, plan, dedicatedIp }) => ({
          id: user,
          email,
          state: suspended ? 'suspended' : 'active',
          size: { plan, dedicatedIp },
        })),
    vanish: (id) => void fake.accounts.delete(id),
    // WHM has no customers, only accounts with a contact address: one of a stranger.
    addCustomer: (email) => void fake.add({ user: `other${fake.accounts.size}`, email }),
    fillPages() {
      const count = 1_150;
      for (let index = 0; index < count; index += 1) fake.add({ user: `other${index}` });
      return count;
    },
    finishWork: () => undefined,
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}
