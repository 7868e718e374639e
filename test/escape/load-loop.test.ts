// Attack: loop, throw or flood while the code is loaded.
// Would work: listing and enabling load the code before any call has a limit.
// Stopped by: a throw-away isolate with a limit of its own, and an error that names the extension.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { other, startTestHost } from '../helpers/host.ts';

const LOADS: Readonly<Record<string, string>> = {
  loops: 'for (;;);',
  throws: "throw new Error('not today');",
  fills: 'const all: any[] = []; for (;;) all.push(new Array(100_000).fill({ x: 1 }));',
  floods: "for (;;) console.log('x'.repeat(10_000));",
  sticks: 'let n = 7n ** 3_000_000n; for (let at = 0; at < 20; at += 1) n *= n;',
};

it('loads nothing that does not end, and lists it all the same', { timeout: 120_000 }, async () => {
  await using host = await startTestHost({
    'others/neighbour': { 'extension.ts': other("return 'fine';") },
    ...Object.fromEntries(
      Object.entries(LOADS).map(([name, code]) => [
        `others/${name}`,
        { 'extension.ts': other('return 1;', code) },
      ]),
    ),
  });
  await host.enable('others/neighbour');
  for (const name of Object.keys(LOADS)) {
    const { status, body } = await host.request('POST', `/extensions/others/${name}/enable`);
    assert.ok(status >= 400, name);
    assert.match(body.code, /^EXTENSION_/, `${name}: ${body.detail}`);
    assert.equal((await host.call('others/neighbour', 'execute')).body.result, 'fine');
  }
  const { body } = await host.request('GET', '/extensions');
  for (const name of Object.keys(LOADS)) assert.ok(body.others.includes(name), name);
});
