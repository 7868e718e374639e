// Attack: find a way back to a buffer that can grow.
// Would work: a resizable buffer takes memory that no heap limit counts; its constructor is reachable in many ways.
// Stopped by: one replaced constructor, to which all ways lead.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it(
  'makes no buffer that can grow, by any way to its constructor',
  { timeout: 60_000 },
  async () => {
    const outcome = await attack(
      `const make = { maxByteLength: 1 << 30 } as any; const seed: any = new ArrayBuffer(8); const view: any = new Uint8Array(8);
    class Sub extends (ArrayBuffer as any) {}
    const ways: (() => any)[] = [
      () => new (ArrayBuffer as any)(8, make), () => Reflect.construct(ArrayBuffer, [8, make]), () => Reflect.construct(ArrayBuffer, [8, make], Sub),
      () => new Sub(8, make), () => new seed.constructor(8, make), () => new view.buffer.constructor(8, make), () => new (seed.slice(0).constructor)(8, make),
      () => new (structuredClone(seed) as any).constructor(8, make), () => seed.transfer(1 << 20), () => (Uint8Array as any).fromBase64('AAAA').buffer,
      () => new (Object.getPrototypeOf(new Sub(1)).__proto__.constructor)(8, make), () => new TextEncoder().encode('x').buffer.constructor(8, make),
    ];
    return ways.map((way) => { try { const buffer = way(); return [buffer.resizable ?? false, typeof buffer.resize, buffer.maxByteLength > 64 ? 'large' : 'small'].join(); } catch { return 'refused'; } });`,
    );
    for (const way of outcome.result) assert.match(way, /^(?:refused|false,undefined,(?:small))$/);
  },
);
