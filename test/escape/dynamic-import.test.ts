// Attack: import a module at run time, from text that no build has seen.
// Would work: the host of a script answers `import()`, and Node answers with its own modules.
// Stopped by: an isolate whose host resolves nothing.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('imports nothing at run time', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const names = ['node:fs', 'fs', '/etc/passwd', 'file:///etc/passwd', 'isolated-vm', 'data:text/javascript,export default 1', 'https://example.com/x.js'];
    return Promise.all(names.map((name) => new Function('name', 'return import(name)')(name).then(() => 'imported ' + name, () => 'refused')));`,
  );
  assert.deepEqual([...new Set(outcome.result)], ['refused']);
});
