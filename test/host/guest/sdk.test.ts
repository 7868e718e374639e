// What extensions find in the isolate under `cofferdam/sdk` is what its types promise.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { SCHEMA_NAMES } from '../../../host/build/confine.ts';
import * as schema from '../../../host/guest/pieces/schema.ts';
import * as guest from '../../../host/guest/sdk.ts';
import * as sdk from '../../../sdk/index.ts';

it('the isolate has every name of the SDK, from one place each, and no other', () => {
  const found = [...Object.keys(guest), ...Object.keys(schema)];
  assert.deepEqual(found.toSorted(), Object.keys(sdk).toSorted());
});

it('the build knows which names need zod', () => {
  assert.deepEqual(SCHEMA_NAMES.toSorted(), Object.keys(schema).toSorted());
});

it('each name is the same thing in both', () => {
  const both: Readonly<Record<string, unknown>> = { ...guest, ...schema };
  for (const [name, value] of Object.entries(sdk)) assert.equal(both[name], value, name);
});
