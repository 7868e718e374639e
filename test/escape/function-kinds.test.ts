// Attack: compile code with the constructors of generators and async functions.
// Would work: they are on no list of globals, and one of another realm compiles there.
// Stopped by: one realm: every one of them compiles inside the isolate.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('compiles nothing outside by any kind of function', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const kinds = [function () {}, function* () {}, async () => {}, async function* () {}, class {}.constructor, Reflect.apply, JSON.parse, Math.max, globalThis.fetch, console.error, ctx.fetch, ctx.log.info, ctx.storage.get];
    const out: string[] = [];
    for (const kind of kinds as any[]) {
      const made = kind.constructor('return [typeof process, typeof require, typeof module, typeof Deno].join()');
      let value = made(); if (value?.next) value = value.next(); value = await value; out.push(String(value?.value ?? value));
    }
    return [...new Set(out)];`,
    {
      manifest: {
        capabilities: { fetch: { hosts: ['api.example.com'] }, storage: { quotaBytes: 1_000 } },
      },
    },
  );
  assert.deepEqual(outcome.result, ['undefined,undefined,undefined,undefined']);
});
