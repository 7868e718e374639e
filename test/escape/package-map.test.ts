// Attack: a package whose `browser` map leads out of its folder, to a file of another extension.
// Would work: what stands in place of a file was taken as it is; a JSON file is a module then, and read.
// Stopped by: the same look at the replacement as at every other file of a package.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { other, startTestHost } from '../helpers/host.ts';

const OUTSIDE = '../../../neighbour/prices.json';

it('takes no file from outside of a package', { timeout: 60_000 }, async () => {
  await using host = await startTestHost({
    'others/neighbour': { 'extension.ts': other("return 'fine';"), 'prices.json': '{"secret":1}' },
    'others/attack': {
      'extension.ts': other('return prices;', "import prices from 'evil';"),
      'package.json': '{"dependencies":{"evil":"1.0.0"}}',
      'node_modules/evil/package.json': JSON.stringify({
        ...{ name: 'evil', version: '1.0.0', main: 'index.js' },
        browser: { './index.js': OUTSIDE },
      }),
      'node_modules/evil/index.js': 'module.exports = 1;',
    },
  });
  await assert.rejects(host.enable('others/attack'), (error: Error) => {
    assert.match(error.message, /node_modules\/evil: It has no file/);
    assert.ok(!error.message.includes(host.dir), error.message);
    return true;
  });
});
