// The API of Enhance as this extension uses it: replies parsed, refusals told apart, lists to their end.
// Source: Enhance's own description "orchd", version 12.3.0.

import { createRemote, originOf, readPages, readShape, z } from 'cofferdam/sdk';
import type { Explanation, RemoteReply, RemoteRequest } from 'cofferdam/sdk';

import type { EnhanceContext } from './config.ts';

/** Items of one page, and pages of one list: 50 000 customers are more than any cluster has. */
const PAGE_ITEMS = 100;
const PAGES_MAX = 500;

const org = z.looseObject({
  id: z.uuid(),
  name: z.string(),
  status: z.enum(['active', 'deleted']),
  ownerEmail: z.string().optional(),
  ownerLoginId: z.uuid().optional(),
  subscriptionsCount: z.int(),
});
const login = z.looseObject({ id: z.uuid(), email: z.string() });
const member = z.looseObject({ id: z.uuid(), loginId: z.uuid(), isActive: z.boolean() });
const subscription = z.looseObject({
  id: z.int(),
  planId: z.int(),
  planName: z.string(),
  subscriberId: z.uuid(),
  status: z.enum(['active', 'deleted']),
  suspendedBy: z.uuid().optional(),
  friendlyName: z.string(),
  resources: z.array(
    z.looseObject({ name: z.string(), total: z.int().optional(), usage: z.int() }),
  ),
});
const website = z.looseObject({
  id: z.uuid(),
  domain: z.looseObject({ domain: z.string() }),
  status: z.enum(['active', 'disabled', 'deleted']),
  kind: z.string(),
  orgId: z.uuid(),
  subscriptionId: z.int().optional(),
  serverIps: z.array(z.looseObject({ ip: z.string() })).optional(),
});
const plan = z.looseObject({
  id: z.int(),
  name: z.string(),
  planType: z.string(),
  serverGroupIds: z.array(z.uuid()).optional(),
});
const group = z.looseObject({ id: z.uuid(), name: z.string() });
const made = z.looseObject({ id: z.uuid() });
const madeNumber = z.looseObject({ id: z.int() });
const inUse = z.looseObject({
  status: z.enum([
    'prohibited',
    'notInUse',
    'inUseCurrentOrg',
    'inUseAnotherOrg',
    'inUseDeletedSite',
  ]),
});
const nothing = z.unknown();

/** An organisation: a customer. */
export type Org = z.infer<typeof org>;
/** An organisation's subscription to a plan. */
export type Subscription = z.infer<typeof subscription>;
/** A website under a subscription. */
export type Website = z.infer<typeof website>;
/** A plan that can be sold. */
export type Plan = z.infer<typeof plan>;

/** Enhance says what it refuses in `detail` or `message`, and gives it a code. */
function explain({ status, json }: RemoteReply): Explanation {
  const body = (json ?? {}) as { code?: unknown; detail?: unknown; message?: unknown };
  const said = [body.code, body.message, body.detail].filter((each) => typeof each === 'string');
  const message = said.join(': ');
  // Enhance names its refusals: any other 404 is of something in between, and says nothing of a site.
  if (status === 404 && typeof body.code !== 'string') return { code: 'invalid_response', message };
  const isQuota = status === 400 && /quota|resource|limit/i.test(message);
  return { ...(isQuota ? { code: 'capacity' } : {}), ...(message === '' ? {} : { message }) };
}

type Shaped = <T>(at: string, shape: z.ZodType<T>, options?: RemoteRequest) => Promise<T>;
type Listed = <T>(at: string, shape: z.ZodType<T>, query?: Query) => Promise<T[]>;
type Query = NonNullable<RemoteRequest['query']>;

/** The API of one cluster. */
export type Enhance = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect({ config, fetch, call }: EnhanceContext) {
  const remote = createRemote({
    name: 'Enhance',
    fetch,
    baseUrl: `${originOf(config)}/api`,
    headers: { authorization: `Bearer ${config.accessToken}` },
    explain,
  });
  const shaped: Shaped = async (at, shape, options = {}) => {
    const [method = '', path = ''] = at.split(' ');
    const reply = await remote.request(method, path, { ...options, signal: call.signal });
    return readShape(shape, reply.json, `Enhance's answer to ${at}`);
  };
  const listed: Listed = (at, shape, query = {}) => {
    const page = z.object({ items: z.array(shape), total: z.int() });
    return readPages({ what: `Enhance: ${at}`, pagesMax: PAGES_MAX }, async (_page, found) => {
      const more = { ...query, offset: found.length, limit: PAGE_ITEMS };
      const { items, total } = await shaped(at, page, { query: more });
      return { items, isLast: items.length === 0 || found.length + items.length >= total };
    });
  };
  const force = config.wipe ? { force: true } : {};
  return {
    ...customersOf(shaped, listed, { orgId: config.orgId, force }),
    ...sitesOf(shaped, listed, { orgId: config.orgId, force }),
  };
}

type Fixed = { readonly orgId: string; readonly force: Query };

/** Organisations of customers, their logins and members. */
function customersOf(shaped: Shaped, listed: Listed, { orgId, force }: Fixed) {
  const seller = `/orgs/${orgId}`;
  return {
    seller: () => shaped(`GET ${seller}`, org),
    customers: () => listed(`GET ${seller}/customers`, org),
    createCustomer: async (name: string) =>
      (await shaped(`POST ${seller}/customers`, made, { json: { name } })).id,
    org: (id: string) => shaped(`GET /orgs/${id}`, org),
    renameOrg: (id: string, name: string) =>
      shaped(`PATCH /orgs/${id}`, nothing, { json: { name } }),
    removeOrg: (id: string) => shaped(`DELETE /orgs/${id}`, nothing, { query: force }),
    logins: () => listed(`GET ${seller}/logins`, login),
    customerLogins: () => listed(`GET /v2${seller}/customers/logins`, login),
    createLogin: async (json: { email: string; name: string; password: string }) =>
      (await shaped('POST /logins', made, { query: { orgId }, json })).id,
    setPassword: (loginId: string, newPassword: string) =>
      shaped(`PUT /v2/logins/${loginId}/password`, nothing, { json: { newPassword } }),
    owners: (id: string) => listed(`GET /orgs/${id}/members`, member, { role: 'Owner' }),
    addOwner: (id: string, loginId: string) =>
      shaped(`POST /orgs/${id}/members`, made, { json: { loginId, roles: ['Owner'] } }),
    loginLink: (id: string, memberId: string) =>
      shaped(`GET /orgs/${id}/members/${memberId}/sso`, z.string()),
  };
}

/** Subscriptions, websites and what they are made of. */
function sitesOf(shaped: Shaped, listed: Listed, { orgId, force }: Fixed) {
  const seller = `/orgs/${orgId}`;
  return {
    plans: () => listed(`GET ${seller}/plans`, plan),
    groups: async () =>
      (await shaped('GET /servers/groups', z.object({ items: z.array(group).default([]) }))).items,
    checkDomain: async (domain: string) =>
      (await shaped(`POST ${seller}/domains/check`, inUse, { json: { domain } })).status,
    subscriptions: (id: string) =>
      listed(`GET ${seller}/customers/${id}/subscriptions`, subscription),
    subscription: (id: string, number: number) =>
      shaped(`GET /orgs/${id}/subscriptions/${number}`, subscription),
    subscribe: async (id: string, json: { planId: number; friendlyName: string }) =>
      (await shaped(`POST ${seller}/customers/${id}/subscriptions`, madeNumber, { json })).id,
    changeSubscription: (id: string, number: number, json: object) =>
      shaped(`PATCH /orgs/${id}/subscriptions/${number}`, nothing, { json }),
    removeSubscription: (id: string, number: number) =>
      shaped(`DELETE /orgs/${id}/subscriptions/${number}`, nothing, { query: force }),
    measure: (id: string, number: number) =>
      shaped(`PUT /orgs/${id}/subscriptions/${number}/calculate-resource-usage`, nothing),
    websitesOf: (id: string, subscriptionId: number) =>
      listed(`GET /orgs/${id}/websites`, website, { subscriptionId }),
    websitesNamed: (search: string) =>
      listed(`GET ${seller}/websites`, website, { search, recursion: 'directCustomers' }),
    website: (id: string, websiteId: string) =>
      shaped(`GET /orgs/${id}/websites/${websiteId}`, website),
    createWebsite: async (id: string, json: object) =>
      (await shaped(`POST /orgs/${id}/websites`, made, { json })).id,
    setSshPassword: (id: string, websiteId: string, newPassword: string) =>
      shaped(`POST /orgs/${id}/websites/${websiteId}/ssh/password`, nothing, {
        json: { newPassword },
      }),
  };
}
