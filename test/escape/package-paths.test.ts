// Attack: read a stack inside of a package, and the names of the functions in it.
// Would work: a bundler names each module by its file, with the folders of the machine that built it.
// Stopped by: names from node_modules on.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { other, startTestHost } from '../helpers/host.ts';

it('names no folder of the host to the code of a package', { timeout: 60_000 }, async () => {
  await using host = await startTestHost({
    'others/attack': {
      'extension.ts': other('return [stack, text()];', "import { stack, text } from 'nosy';"),
      'package.json': '{"dependencies":{"nosy":"1.0.0"}}',
      'node_modules/nosy/package.json': '{"name":"nosy","version":"1.0.0","main":"index.js"}',
      'node_modules/nosy/index.js': `
        exports.stack = new Error('here').stack;
        exports.text = () => require('./inner.js').read();`,
      'node_modules/nosy/inner.js': `
        exports.read = () => {
          Error.prepareStackTrace = (_, sites) => sites.map((site) => [
            site.getFunctionName(), site.getFileName(), site.getEvalOrigin(), String(site),
          ]);
          return new Error('there').stack;
        };`,
    },
  });
  await host.enable('others/attack');
  const { body } = await host.call('others/attack', 'execute');
  const said = JSON.stringify(body);
  assert.match(said, /node_modules\/nosy\/index\.js/);
  assert.ok(!said.includes(host.dir), said);
});
