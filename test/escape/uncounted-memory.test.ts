// Attack: grow memory by WebAssembly, shared or resizable buffers.
// Would work: they reached 0.5–2 GB under a heap limit of 32 MB.
// Stopped by: the bootstrap, which removes them.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('has no way to take memory that V8 does not count', { timeout: 60_000 }, async () => {
  const { result, neighbour } = await attack(
    `const u: any = undefined; return [typeof (globalThis as any).WebAssembly, typeof (globalThis as any).SharedArrayBuffer, typeof (globalThis as any).Atomics, typeof (ArrayBuffer.prototype as any).resize, typeof u];`,
  );
  assert.deepEqual(
    result,
    Array.from({ length: 5 }, () => 'undefined'),
  );
  assert.equal(neighbour, 'fine');
});
