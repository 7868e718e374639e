// What Enhance takes, written here for checkouts without the shared description: the operations that are
// used, with their fields. spec.test.ts holds it against Enhance's own description where that is present.

import type { OpenApi } from '../openapi.ts';

const text = { type: 'string' };
const integer = { type: 'integer' };
const uuid = { type: 'string', format: 'uuid' };
const inPath = (name: string, schema: object): object => ({
  name,
  in: 'path',
  required: true,
  schema,
});
const inQuery = (name: string, schema: object, required = false): object => ({
  name,
  in: 'query',
  required,
  schema,
});
const body = (properties: object, required: readonly string[] = []): object => ({
  requestBody: {
    required: true,
    content: { 'application/json': { schema: { type: 'object', properties, required } } },
  },
});
const ORG = inPath('org_id', uuid);
const CUSTOMER = inPath('customer_org_id', uuid);
const MEMBER = inPath('member_id', uuid);
const WEBSITE = inPath('website_id', uuid);
const SUBSCRIPTION = inPath('subscription_id', { type: 'number' });
const PAGES = [inQuery('offset', integer), inQuery('limit', integer)];
const FORCE = inQuery('force', { type: 'boolean' });
const of = (...parameters: object[]): object => ({ parameters });
const password = body({ newPassword: text }, ['newPassword']);
const role = {
  type: 'string',
  enum: ['Owner', 'SuperAdmin', 'Business', 'SiteAccess', 'Support', 'Sysadmin'],
};

/** The description written here. */
export const RULES: OpenApi = {
  paths: {
    '/orgs/{org_id}': {
      get: of(ORG),
      patch: { ...of(ORG), ...body({ name: text, isSuspended: { type: 'boolean' } }) },
      delete: of(ORG, FORCE),
    },
    '/orgs/{org_id}/customers': {
      get: of(ORG, ...PAGES),
      post: { ...of(ORG), ...body({ name: text }, ['name']) },
    },
    '/orgs/{org_id}/logins': { get: of(ORG, ...PAGES) },
    '/v2/orgs/{org_id}/customers/logins': { get: of(ORG, ...PAGES) },
    '/logins': {
      post: {
        ...of(inQuery('orgId', uuid, true)),
        ...body({ email: { type: 'string', format: 'email' }, password: text, name: text }, [
          'email',
          'password',
          'name',
        ]),
      },
    },
    '/v2/logins/{login_id}/password': { put: { ...of(inPath('login_id', uuid)), ...password } },
    '/orgs/{org_id}/members': {
      get: of(ORG, ...PAGES, inQuery('role', role)),
      post: {
        ...of(ORG),
        ...body({ loginId: uuid, roles: { type: 'array', items: role } }, ['loginId', 'roles']),
      },
    },
    '/orgs/{org_id}/members/{member_id}/sso': { get: of(ORG, MEMBER) },
    '/orgs/{org_id}/plans': { get: of(ORG, ...PAGES) },
    '/servers/groups': { get: {} },
    '/orgs/{org_id}/domains/check': { post: { ...of(ORG), ...body({ domain: text }, ['domain']) } },
    '/orgs/{org_id}/customers/{customer_org_id}/subscriptions': {
      get: of(ORG, CUSTOMER, ...PAGES),
      post: {
        ...of(ORG, CUSTOMER),
        ...body({ planId: integer, friendlyName: text }, ['planId']),
      },
    },
    '/orgs/{org_id}/subscriptions/{subscription_id}': {
      get: of(ORG, SUBSCRIPTION),
      patch: {
        ...of(ORG, SUBSCRIPTION),
        ...body({ isSuspended: { type: 'boolean' }, planId: integer, friendlyName: text }),
      },
      delete: of(ORG, SUBSCRIPTION, FORCE),
    },
    '/orgs/{org_id}/subscriptions/{subscription_id}/calculate-resource-usage': {
      put: of(ORG, SUBSCRIPTION),
    },
    '/orgs/{org_id}/websites': {
      get: of(
        ORG,
        ...PAGES,
        inQuery('search', text),
        inQuery('subscriptionId', integer),
        inQuery('recursion', { type: 'string', enum: ['directCustomers', 'infinite'] }),
      ),
      post: {
        ...of(ORG),
        ...body({ domain: text, subscriptionId: integer, serverGroupId: uuid }, ['domain']),
      },
    },
    '/orgs/{org_id}/websites/{website_id}': { get: of(ORG, WEBSITE) },
    '/orgs/{org_id}/websites/{website_id}/ssh/password': {
      post: { ...of(ORG, WEBSITE), ...password },
    },
  },
};
