// What tests of shipped extensions share, beside the SDK's own test helpers.

import assert from 'node:assert/strict';

export { createStorage, createTestContext, createVendorFetch } from '../../sdk/testing.ts';
export type { LogEntry, TestContext, TestContextOptions } from '../../sdk/testing.ts';

/**
 * An extension's definition with every handler there: the SDK's type has most of them optional.
 *
 * Reading one that the extension does not have fails the test, so the type is true.
 */
export function handlersOf<Definition extends object>(
  definition: Definition,
): { readonly [Name in keyof Definition]-?: NonNullable<Definition[Name]> } {
  const present = new Proxy(definition, {
    get(target, name, receiver): unknown {
      const value: unknown = Reflect.get(target, name, receiver);
      assert.notEqual(value, undefined, `The extension has no "${String(name)}"`);
      return value;
    },
  });
  // The proxy above is the proof: an absent name throws before its value is used.
  return present as { readonly [Name in keyof Definition]-?: NonNullable<Definition[Name]> };
}
