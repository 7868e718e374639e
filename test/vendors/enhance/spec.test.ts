// The checks of the Enhance fake themselves: known-bad requests are refused by either description.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { VendorRequest } from '../../contract/vendor.ts';
import { createOpenApiCheck } from '../openapi.ts';
import type { OpenApi } from '../openapi.ts';
import { SPEC } from './fake.ts';
import { RULES } from './rules.ts';
import { SELLER } from './state.ts';

const request = (method: string, path: string, json?: unknown): VendorRequest => ({
  method,
  path: path.split('?')[0] ?? '',
  query: new URLSearchParams(path.split('?')[1] ?? ''),
  headers: {},
  body: json === undefined ? '' : JSON.stringify(json),
  json,
});
const org = `/api/orgs/${SELLER}`;
const login = { email: 'ada@example.com', name: 'Ada', password: 'x' };

for (const [name, document] of Object.entries({ 'our rules': RULES, 'Enhance’s own': SPEC })) {
  describe(`check of requests by ${name}`, { skip: document === undefined }, () => {
    const check = createOpenApiCheck('servers/enhance', { [name]: document ?? RULES }, '/api');

    it('takes what Enhance documents', () => {
      for (const good of [
        request('GET', `${org}/customers?offset=0&limit=100`),
        request('GET', '/api/servers/groups'),
        request('POST', `/api/logins?orgId=${SELLER}`, login),
        request('POST', `${org}/websites`, { domain: 'a.example', subscriptionId: 7 }),
        request('DELETE', `${org}/subscriptions/7?force=true`),
      ])
        assert.deepEqual(check(good), []);
    });

    it('refuses what is wrong in path, verb, query or body', () => {
      const bad: [VendorRequest, RegExp][] = [
        [request('POST', '/api/logins', login), /lacks the parameter orgId/],
        [request('POST', `/api/logins?orgId=${SELLER}`, { ...login, role: 'x' }), /role/],
        [request('POST', `${org}/members`, { loginId: SELLER, roles: ['Boss'] }), /allowed values/],
        [
          request('POST', `${org}/websites`, { domain: 'a.example', subscriptionId: '7' }),
          /integer/,
        ],
        [request('GET', '/api/orgs/7/customers'), /uuid/],
        [request('GET', `${org}/customers?page=2`), /no parameter page/],
        [request('DELETE', `${org}/subscriptions/7?force=1`), /boolean/],
        [request('PUT', `${org}/subscriptions/7`, {}), /does not exist/],
        [request('POST', `${org}/customers`, { title: 'Ada' }), /required/],
      ];
      for (const [each, why] of bad) assert.match(check(each).join('; '), why);
    });
  });
}

it('has no rule that Enhance’s own description lacks', { skip: SPEC === undefined }, () => {
  const spec = (SPEC as OpenApi).paths as Record<string, Record<string, unknown>>;
  for (const [path, item] of Object.entries(RULES.paths)) {
    for (const method of Object.keys(item as object))
      assert.ok(spec[path]?.[method] !== undefined, `${method} ${path}`);
  }
});
