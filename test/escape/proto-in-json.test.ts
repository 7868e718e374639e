// Attack: send a key called __proto__ in, out, into a log and into storage.
// Would work: a copy that assigns key by key changes a prototype of the host.
// Stopped by: text that is passed on, and parsing that defines keys.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('changes no prototype by a key called __proto__', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const evil = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    ctx.log.info('evil', evil); await ctx.storage.set('__proto__', evil); await ctx.storage.set('constructor', evil);
    const seen = [({} as any).polluted, ctx.polluted, (await ctx.storage.get('__proto__')).polluted];
    return { seen: seen.map((each) => each ?? null), own: Object.keys(evil), back: evil };`,
    { manifest: { capabilities: { storage: { quotaBytes: 10_000 } } } },
  );
  assert.deepEqual(outcome.result.seen, [null, null, null]);
  assert.deepEqual(outcome.result.own, ['__proto__', 'constructor']);
});
