// Attack: give arrays and typed arrays a Symbol.species of one's own.
// Would work: natives of the platform build their results with the constructor that the guest names, and hand it what is theirs.
// Stopped by: primordials that were captured, and nothing but the isolate's own objects to hand over.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('hands nothing of another realm to a species constructor', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const seen: any[] = []; const spy = function (...given: any[]): never { seen.push(...given); throw new Error('species'); };
    for (const type of [Array, ArrayBuffer, Promise, RegExp, Object.getPrototypeOf(Uint8Array)] as any[]) Object.defineProperty(type, Symbol.species, { get: () => spy, configurable: true });
    const attempts = [() => crypto.randomUUID(), () => new TextEncoder().encode('x').slice(0), () => new Blob(['x']).slice(0, 1), () => new URL('https://a.example/?b').searchParams.getAll('b'), () => crypto.getRandomValues(new Uint8Array(4)).map((x) => x)];
    for (const each of attempts) { try { each(); } catch { /* Its own constructor broke it. */ } }
    let reached = ''; for (const each of seen) { try { reached += each.constructor.constructor('return typeof process')(); } catch { reached += 'undefined'; } }
    return reached.replaceAll('undefined', '');`,
  );
  assert.equal(outcome.result, '');
});
