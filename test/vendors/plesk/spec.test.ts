// The checks of the Plesk fake themselves: known-bad requests are refused by either description.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { VendorRequest } from '../../contract/vendor.ts';
import { createOpenApiCheck } from '../openapi.ts';
import type { OpenApi } from '../openapi.ts';
import { SPEC } from './fake.ts';
import { RULES } from './rules.ts';

const request = (method: string, path: string, json?: unknown): VendorRequest => ({
  method,
  path: path.split('?')[0] ?? '',
  query: new URLSearchParams(path.split('?')[1] ?? ''),
  headers: {},
  body: json === undefined ? '' : JSON.stringify(json),
  json,
});
const customer = {
  name: 'Ada',
  login: 'ada',
  password: 'Str0ng!pass',
  email: 'ada@example.com',
  type: 'customer',
};
const site = { name: 'a.example', hosting_type: 'virtual', plan: { name: 'Starter' } };

for (const [name, document] of Object.entries({ 'our rules': RULES, 'Plesk’s own': SPEC })) {
  describe(`check of requests by ${name}`, { skip: document === undefined }, () => {
    const check = createOpenApiCheck('servers/plesk', { [name]: document ?? RULES }, '/api/v2');

    it('takes what Plesk documents', () => {
      for (const good of [
        request('POST', '/api/v2/clients', customer),
        request('POST', '/api/v2/domains', site),
        request('GET', '/api/v2/domains?name=a.example'),
        request('PUT', '/api/v2/domains/7/status', { status: 'suspended' }),
        request('POST', '/api/v2/cli/admin/call', { params: ['--get-login-link'] }),
      ])
        assert.deepEqual(check(good), []);
    });

    it('refuses what earlier ports sent, and what is no request at all', () => {
      const bad: [VendorRequest, RegExp][] = [
        [request('POST', '/api/v2/clients', { ...customer, username: 'ada' }), /username/],
        [request('POST', '/api/v2/domains', { ...site, external_id: '7' }), /external_id/],
        [request('POST', '/api/v2/domains', { ...site, owner_client: { id: 7 } }), /owner_client/],
        [request('POST', '/api/v2/clients', { name: 'Ada' }), /required/],
        [request('PUT', '/api/v2/domains/7/status', { status: 'off' }), /allowed values/],
        [request('GET', '/api/v2/domains?nama=x'), /no parameter nama/],
        [request('GET', '/api/v2/domains/abc'), /integer/],
        [request('PATCH', '/api/v2/domains/7', {}), /does not exist/],
        [request('GET', '/v1/server'), /does not exist/],
        [request('DELETE', '/api/v2/domains/7', {}), /not taken/],
        [request('POST', '/api/v2/clients'), /no JSON/],
      ];
      for (const [each, why] of bad) assert.match(check(each).join('; '), why);
    });
  });
}

it('has no rule that Plesk’s own description lacks', { skip: SPEC === undefined }, () => {
  const spec = (SPEC as OpenApi).paths as Record<string, Record<string, unknown>>;
  for (const [path, item] of Object.entries(RULES.paths)) {
    for (const method of Object.keys(item as object))
      assert.ok(spec[path]?.[method] !== undefined, `${method} ${path}`);
  }
});
