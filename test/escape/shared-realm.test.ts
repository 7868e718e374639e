// Attack: leave something for another instance of the same extension: a global, a symbol, a prototype.
// Would work: two instances in one process would share a heap if they shared an isolate.
// Stopped by: an isolate for each instance.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { other, startTestHost } from '../helpers/host.ts';

const BODY = `const world: any = globalThis; const key = Symbol.for('left'); const module: any = (Math as any);
  const found = [world.left, (Array.prototype as any)[key], (Object as any).left, module.left].map((each) => each ?? null);
  world.left = (Array.prototype as any)[key] = (Object as any).left = module.left = 'here';
  return found;`;

it('finds nothing that another instance left', { timeout: 60_000 }, async () => {
  await using host = await startTestHost(
    { 'others/twin': { 'extension.ts': other(BODY) } },
    { settings: { COFFERDAM_ISOLATION: 'shared' } },
  );
  const path = '/extensions/others/twin/instances';
  for (const instance of ['one', 'two']) {
    await host.request('POST', path, { instance });
    await host.request('POST', `${path}/${instance}/enable`);
  }
  const nothing = [null, null, null, null];
  const call = async (instance: string): Promise<any> =>
    (await host.request('POST', `${path}/${instance}/calls/execute`, {})).body;
  assert.deepEqual((await call('one')).result, nothing);
  assert.deepEqual(
    (await call('one')).result,
    Array.from({ length: 4 }, () => 'here'),
  );
  assert.deepEqual((await call('two')).result, nothing);
});
