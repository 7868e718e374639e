// Attack: clone what came from the host: config, context, functions, keys.
// Would work: a clone that is made by the host copies its objects out.
// Stopped by: structuredClone inside the isolate, which knows plain data only.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('clones data, and nothing that has a power', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt']);
    const things: any[] = [ctx.fetch, ctx.storage.get, () => 1, Symbol('x'), ctx.log, new WeakMap(), Promise.resolve()];
    const clones = things.map((thing, at) => { try { structuredClone(thing); return 'cloned ' + at; } catch (error: any) { return error.name; } });
    const cloned: any = (() => { try { return structuredClone(key); } catch (error: any) { return error.name; } })();
    return [...new Set(clones), typeof cloned === 'string' ? cloned : cloned.extractable];`,
    {
      manifest: {
        capabilities: { fetch: { hosts: ['api.example.com'] }, storage: { quotaBytes: 1_000 } },
      },
    },
  );
  assert.deepEqual(
    outcome.result.filter((each: unknown) => each === true || String(each).startsWith('cloned')),
    [],
  );
});
