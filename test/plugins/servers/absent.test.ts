// A server extension may lack a handler only where its README says why.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';

import { SERVER_VENDORS } from '../../vendors/servers.ts';

const OPTIONAL = [
  ...['getLoginUrl', 'changePackage', 'renew', 'changePassword', 'usage', 'list', 'info'],
  ...['productConfig', 'checkoutConfig', 'validate', 'reconcile', 'actions'],
];

for (const { name, definition } of SERVER_VENDORS) {
  it(`${name} says in its README why each handler that it lacks is absent`, () => {
    const file = new URL(`../../../plugins/servers/${name}/README.md`, import.meta.url);
    const readme = readFileSync(file, 'utf8');
    const has: Readonly<Record<string, unknown>> = { ...definition };
    const unsaid = OPTIONAL.filter((each) => has[each] === undefined).filter(
      (each) => !readme.includes(`\`${each}\`: `),
    );
    assert.deepEqual(unsaid, []);
  });
}
