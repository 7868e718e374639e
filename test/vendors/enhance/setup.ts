// The Enhance extension with its fake, as tests of it need them.

import assert from 'node:assert/strict';

import type { Json, JsonObject, Service } from 'cofferdam/sdk';

import type { Config } from '../../../plugins/servers/enhance/config.ts';
import definition from '../../../plugins/servers/enhance/extension.ts';
import type { ServerSubject, ServerVendor } from '../../contract/subject.ts';
import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import type { TestContext } from '../../helpers/context.ts';
import { ACCESS_TOKEN, startFakeEnhance } from './fake.ts';
import type { FakeEnhance } from './fake.ts';
import { addCustomer, SELLER } from './state.ts';

/** The host of the config; nothing is ever sent there. */
export const HOST = 'cp.example.com';
const SEALED = 'sealed:EEEENNNNHHHHAAAANNNNCC';

/** What a test may choose of a call. */
export type CallOptions = {
  readonly isWrong?: boolean;
  readonly signal?: AbortSignal;
  readonly config?: object;
  readonly storage?: Map<string, Json>;
};

/** A context of one call towards the fake. */
export function contextOf(
  fake: Pick<FakeEnhance, 'origin'>,
  { isWrong = false, signal, config: values = {}, storage }: CallOptions = {},
): TestContext<Config> {
  const fetch = createVendorFetch({
    origins: { [`https://${HOST}`]: fake.origin },
    sealed: { [SEALED]: isWrong ? 'wrong-wrong-wrong' : ACCESS_TOKEN },
  });
  const base = { host: HOST, orgId: SELLER, accessToken: SEALED };
  const config = definition.config?.parse({ ...base, ...values });
  assert.ok(config);
  return createTestContext({
    config,
    fetch,
    ...(storage === undefined ? {} : { storage }),
    call: signal === undefined ? {} : { signal },
  });
}

/** A service of ada@example.com on the plan Starter. */
export function serviceOf(
  id = '1',
  more: { checkout?: JsonObject; properties?: JsonObject } = {},
): Service {
  return {
    id,
    user: { id: '7', email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' },
    product: { id: 'p', name: 'Hosting', settings: { plan: 11 } },
    checkout: { domain: `s${id.toLowerCase()}.example.com` },
    properties: {},
    ...more,
  };
}

/** What the claims about servers need. */
export const ENHANCE: ServerVendor = {
  name: 'enhance',
  definition,
  start: async () => subjectOf(await startFakeEnhance()),
  secrets: [ACCESS_TOKEN],
  hasCredentials: ({ headers }) => headers['authorization'] === `Bearer ${ACCESS_TOKEN}`,
  patterns: {
    probe: new RegExp(`^GET /api/orgs/${SELLER}$`),
    lookup: /^GET \/api\/orgs\/[^/]+\/websites\?search=/,
    create: /^POST \/api\/orgs\/[^/]+\/customers\/[^/]+\/subscriptions$/,
    terminate: /^DELETE \/api\/orgs\/[^/]+\/subscriptions\/\d+/,
  },
  refusedField: {
    reply: { status: 400, json: { code: 'invalid_input', detail: 'planId is not for sale' } },
    field: 'planId',
  },
  refusals: [
    {
      code: 'capacity',
      reply: { status: 400, json: { code: 'quota', detail: 'The quota of websites is reached' } },
    },
    {
      code: 'locked',
      reply: { status: 423, json: { code: 'locked', detail: 'The server is being moved' } },
    },
  ],
  unauthorized: { status: 401, json: { code: 'unauthorized', detail: 'Invalid session' } },
  greedyCheckout: { plan: 12, planId: 12, serverGroup: 'x', subscriptionId: 1 },
  larger: { settings: { plan: 12 }, size: 12 },
  loginHost: HOST,
  badCheckout: { checkout: { domain: 'not a domain' }, field: 'domain' },
};

function subjectOf(fake: FakeEnhance): ServerSubject {
  // The host keeps an instance's storage between its calls.
  const storage = new Map<string, Json>();
  const config = { adoptCustomers: true, wipe: true };
  const emailOf = (orgId: string): string =>
    fake.logins.get(fake.orgs.get(orgId)?.members[0]?.loginId ?? '')?.email ?? '';
  return {
    vendor: fake,
    context: (options) => contextOf(fake, { ...options, config, storage }),
    service: (id) => serviceOf(id),
    objects: () =>
      [...fake.subscriptions.values()]
        .filter(({ friendlyName }) => friendlyName.startsWith('cofferdam:'))
        .map(({ id, orgId, planId, isSuspended }) => ({
          id: String(id),
          email: emailOf(orgId),
          state: isSuspended ? 'suspended' : 'active',
          size: planId,
        })),
    vanish(id) {
      fake.subscriptions.delete(Number(id));
      for (const site of fake.websites.values()) {
        if (site.subscriptionId === Number(id)) fake.websites.delete(site.id);
      }
    },
    addCustomer: (email) => void addCustomer(fake, email),
    fillPages() {
      const count = 230;
      for (let index = 0; index < count; index += 1) {
        const { id: orgId } = addCustomer(fake, `other${index}@example.net`);
        const more = {
          planId: 11,
          friendlyName: '',
          status: 'active',
          isSuspended: false,
        } as const;
        fake.subscriptions.set(10_000 + index, { id: 10_000 + index, orgId, ...more });
      }
      return count;
    },
    finishWork: () => undefined,
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}
