// Attack: ask with a request of millions of empty lists, by a toJSON that all objects inherit; or answer so.
// Would work: they are cheap to write, since it is the same one, and dear to read: the host stood still for
// over a second for each, a thousand times a call.
// Stopped by: a count of the values in a request and in a result, before it is parsed.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

const MANY = `
  const row = Array.from({ length: 1_000 }, () => []);
  const many = Array.from({ length: 200 }, () => row);
`;

it('refuses a request made of millions of values', { timeout: 60_000 }, async () => {
  const { result } = await attack(
    `
    Object.defineProperty(Object.prototype, 'toJSON', {
      configurable: true,
      value() { return 'url' in this ? many : this; },
    });
    try {
      await ctx.fetch('https://api.example.com/');
    } catch (error) {
      return error.message;
    } finally {
      delete Object.prototype.toJSON;
    }
    `,
    { before: MANY, manifest: { capabilities: { fetch: { hosts: ['api.example.com'] } } } },
  );
  assert.equal(result, 'A request to "fetch" holds over 10000 values');
});

it('refuses a result made of as many', { timeout: 60_000 }, async () => {
  const { code, detail } = await attack('return many;', { before: MANY });
  assert.equal(code, 'EXTENSION_OUTPUT_INVALID');
  assert.equal(detail, 'The result of the handler holds over 100000 values');
});
