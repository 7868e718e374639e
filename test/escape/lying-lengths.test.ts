// Attack: give buffers whose length lies.
// Would work: a platform that believes `byteLength` reads or writes beyond the end.
// Stopped by: lengths that are read by captured getters of the real object.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('believes no length that was written over', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const lying: any = new Uint8Array(4); for (const name of ['length', 'byteLength']) Object.defineProperty(lying, name, { value: 1e9 });
    const proxied: any = new Proxy(new Uint8Array(4), {}); const out: string[] = [];
    for (const act of [() => crypto.getRandomValues(lying).byteLength === 1e9, () => new TextDecoder().decode(lying).length, () => new Blob([lying]).size, () => crypto.getRandomValues(proxied), () => new TextDecoder().decode({ byteLength: 1e9, buffer: new ArrayBuffer(1) } as any)]) { try { out.push(String(act())); } catch (error: any) { out.push(error.name); } }
    return out;`,
  );
  for (const each of outcome.result) assert.match(each, /^(?:4|\w*Error)$/);
});
