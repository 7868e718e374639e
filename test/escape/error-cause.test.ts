// Attack: climb from the error of a refused request by its cause.
// Would work: an error that the host threw carries objects of the host.
// Stopped by: data: the error is made anew inside, from a code and a message.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it(
  'reaches nothing of the host by an error, its cause or its parts',
  { timeout: 60_000 },
  async () => {
    const outcome = await attack(
      `const errors: any[] = []; const seen: any[] = [];
    await ctx.fetch('https://nobody.example.com/').catch((error: any) => errors.push(error));
    await Promise.any([ctx.fetch('http://127.0.0.1/'), ctx.storage.get('x'.repeat(100_000))]).catch((error: any) => errors.push(error, ...error.errors));
    await crypto.subtle.digest('none', new Uint8Array(1)).catch((error: any) => errors.push(error));
    for (const error of errors) for (let at = error; at !== undefined && at !== null; at = at.cause) seen.push(at.constructor.constructor('return typeof process')(), String(at.stack).includes('file:'), at instanceof Error);
    return [errors.length, [...new Set(seen.map(String))]];`,
      {
        manifest: {
          capabilities: { fetch: { hosts: ['api.example.com'] }, storage: { quotaBytes: 1_000 } },
        },
      },
    );
    assert.deepEqual(outcome.result, [5, ['undefined', 'false', 'true']]);
  },
);
