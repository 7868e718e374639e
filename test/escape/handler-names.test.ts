// Attack: have the host call what is no handler: a method of every object, or a word of the bridge.
// Would work: a handler that is looked up by name in an object finds what the object inherits.
// Stopped by: the list of handlers that the description gave, and own properties only.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { other, startTestHost } from '../helpers/host.ts';

const NAMES = [
  ...['constructor', '__proto__', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'],
  ...['config', 'on', 'actions', ':configure', ':describe', 'execute.call', 'then', '%00execute'],
];

it('calls nothing that is no handler', { timeout: 60_000 }, async () => {
  await using host = await startTestHost({
    'others/plain': { 'extension.ts': other("return 'fine';") },
  });
  await host.enable('others/plain');
  for (const name of NAMES) {
    const { status, body } = await host.call('others/plain', name);
    assert.ok(status === 404 || status === 400, `${name}: ${status} ${JSON.stringify(body)}`);
  }
  assert.equal((await host.call('others/plain', 'execute')).body.result, 'fine');
});
