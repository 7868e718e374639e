// Attack: make a key out of thin air, or another of one's own.
// Would work: a key is a handle to bytes that the host keeps.
// Stopped by: handles in a WeakMap, given out for keys that were really made.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('signs with no key that it was not given', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const own: any = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const fakes: any[] = [Object.create(CryptoKey.prototype), Object.create(CryptoKey.prototype, { id: { value: 1 }, type: { value: 'secret' }, algorithm: { value: own.algorithm }, usages: { value: ['sign'] } }), new Proxy(own, {}), Object.create(own), { ...own }];
    const signed = await Promise.all(fakes.map((key) => crypto.subtle.sign('HMAC', key, new Uint8Array(1)).then(() => 'signed', () => 'refused')));
    try { own.usages.push('verify'); Object.defineProperty(own, 'extractable', { value: true }); } catch { /* Frozen. */ }
    const raw = await crypto.subtle.exportKey('raw', own).then(() => 'exported', () => 'refused');
    return [...new Set([...signed, raw])];`,
  );
  assert.deepEqual(outcome.result, ['refused']);
});
