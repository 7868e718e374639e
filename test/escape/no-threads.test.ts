// Attack: look for memory that threads share, and for code that V8 compiles outside of its limits.
// Would work: SharedArrayBuffer and Atomics make a clock, WebAssembly takes memory that no limit counts.
// Stopped by: the bootstrap, which removes them and every way to them.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('finds neither shared memory nor WebAssembly', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const names = ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'Worker', 'Temporal', 'gc', 'ShadowRealm']; const reach = new Function('names', 'return names.map((name) => typeof globalThis[name])'); return [...new Set([...reach(names), ...names.map((name) => { try { return typeof (0, eval)(name); } catch { return 'undefined'; } })])];`,
  );
  assert.deepEqual(outcome.result, ['undefined']);
});
