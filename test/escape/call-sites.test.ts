// Attack: collect the call sites of a stack for functions of the host.
// Would work: `getThis` and `getFunction` of a frame give out what runs below the guest.
// Stopped by: an isolate of its own: below the guest there is the platform only, in strict mode.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('gets no function and no receiver out of call sites', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `(Error as any).prepareStackTrace = (_: unknown, sites: any[]) => sites; const sites: any = new Error('x').stack;
    return sites.map((site: any) => [typeof site.getThis(), typeof site.getFunction(), /^(?:file:|\\/)/.test(String(site.getFileName()))].join());`,
  );
  assert.ok(outcome.result.length > 0);
  for (const site of outcome.result) assert.equal(site, 'undefined,undefined,false');
});
